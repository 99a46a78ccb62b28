//! As a module's author writes it.

use std::sync::Arc;

use futures_util::future::try_join_all;
use tenfold_data::{Context, DataError, Database, EntityExt as _, Scope, SystemContext, TraceContext};

use super::{LIMIT, ListCase, ListResult};
use crate::people::{ListedUser, User, organization};

pub(super) fn cases(database: &Database) -> Vec<ListCase> {
    let trace = TraceContext::start_random();
    let (for_loop, for_join) = (database.clone(), database.clone());
    vec![
        ListCase::new("loop", move |size| {
            let (cx, scope) = request(&for_loop, trace, size);
            async move {
                let views = scope.drive(one_by_one(&cx, LIMIT)).await?;
                Ok(ListResult { views, statements: scope.cost().statements })
            }
        }),
        ListCase::new("join_all", move |size| {
            let (cx, scope) = request(&for_join, trace, size);
            async move {
                let views = scope.drive(all_at_once(&cx)).await?;
                Ok(ListResult { views, statements: scope.cost().statements })
            }
        }),
    ]
}

/// The first `limit` users of the organization with 1,000, in a plain loop.
pub(super) fn page(database: &Database) -> ListCase {
    let (database, trace) = (database.clone(), TraceContext::start_random());
    ListCase::new("page", move |limit| {
        let (cx, scope) = request(&database, trace, LIMIT);
        async move {
            let views = scope.drive(one_by_one(&cx, limit)).await?;
            Ok(ListResult { views, statements: scope.cost().statements })
        }
    })
}

/// A request of the organization with so many users.
fn request(database: &Database, trace: TraceContext, size: usize) -> (Context, Arc<Scope>) {
    let scope = Scope::new(database.clone(), trace.child(), None);
    (SystemContext::new(scope.clone()).within(organization(size)), scope)
}

async fn one_by_one(cx: &Context, limit: usize) -> Result<Vec<ListedUser>, DataError> {
    let users = User::query().order_by(User::email).limit(limit).all(cx).await?;
    let mut views = Vec::with_capacity(users.len());
    for user in &users {
        views.push(view(cx, user).await?);
    }
    Ok(views)
}

async fn all_at_once(cx: &Context) -> Result<Vec<ListedUser>, DataError> {
    let users = User::query().order_by(User::email).limit(LIMIT).all(cx).await?;
    try_join_all(users.iter().map(|user| view(cx, user))).await
}

async fn view(cx: &Context, user: &User) -> Result<ListedUser, DataError> {
    Ok(ListedUser {
        id: user.id.0,
        name: user.name.clone(),
        city: user.profile.get(cx).await?.city.clone(),
        theme: user.settings.get(cx).await?.theme.clone(),
        permissions: user
            .permissions
            .get(cx)
            .await?
            .iter()
            .map(|permission| permission.name.clone())
            .collect(),
    })
}
