//! As a module's author writes it.

use futures_util::future::try_join_all;
use tenfold_data::{Context, DataError, Database, Entity as _, Scope, SystemContext, TraceContext};

use super::{Case, Listed};
use crate::people::{User, View, organization};

/// More than any list here has; a handler takes it from the page that the client asks for.
const LIMIT: usize = 1_000;

pub(super) fn cases(database: &Database) -> Vec<Case> {
    let trace = TraceContext::start_random();
    let request = move |database: &Database, size: usize| {
        let scope = Scope::new(database.clone(), trace.child(), None);
        (SystemContext::new(scope.clone()).within(organization(size)), scope)
    };
    let (for_loop, for_join) = (database.clone(), database.clone());
    vec![
        Case::new("loop", move |size| {
            let (cx, scope) = request(&for_loop, size);
            async move {
                let views = scope.drive(one_by_one(&cx)).await?;
                Ok(Listed { views, statements: scope.cost().statements })
            }
        }),
        Case::new("join_all", move |size| {
            let (cx, scope) = request(&for_join, size);
            async move {
                let views = scope.drive(all_at_once(&cx)).await?;
                Ok(Listed { views, statements: scope.cost().statements })
            }
        }),
    ]
}

async fn one_by_one(cx: &Context) -> Result<Vec<View>, DataError> {
    let users = User::query().order_by(User::email).limit(LIMIT).all(cx).await?;
    let mut views = Vec::with_capacity(users.len());
    for user in &users {
        views.push(view(cx, user).await?);
    }
    Ok(views)
}

async fn all_at_once(cx: &Context) -> Result<Vec<View>, DataError> {
    let users = User::query().order_by(User::email).limit(LIMIT).all(cx).await?;
    try_join_all(users.iter().map(|user| view(cx, user))).await
}

async fn view(cx: &Context, user: &User) -> Result<View, DataError> {
    Ok(View {
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
