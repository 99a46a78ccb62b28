//! Loads of one row by its key, each in a request of its own, so that nothing is merged.

use std::sync::Arc;

use tenfold_data::{Database, EntityExt as _, Scope, SystemContext, TraceContext};

use crate::load::{LoadCase, lines, measure};
use crate::people::{User, UserId, organization};
use crate::place::DatabaseUrls;

/// The organization whose users are read.
const SIZE: usize = 1_000;

/// Measures ours alone; the other peers are processes of their own.
///
/// # Errors
/// When a load fails.
pub async fn run(place: DatabaseUrls, quick: bool) -> anyhow::Result<()> {
    let database = place.database(Vec::new())?;
    let keys = Arc::new(keys(&database).await?);
    let cases = [LoadCase::new("ours", {
        let trace = TraceContext::start_random();
        move |who, turn| {
            let (database, key) = (database.clone(), keys[(who * 97 + turn) % keys.len()]);
            async move {
                let scope = Scope::new(database, trace.child(), None);
                let cx = SystemContext::new(scope.clone()).within(organization(SIZE));
                scope.drive(async { User::get(&cx, key).await }).await?;
                Ok(())
            }
        }
    })];
    for at_once in [1, 16, 64] {
        let shown = measure(&cases, at_once, quick).await?;
        lines(&cases, &shown, at_once, None).into_iter().for_each(|line| line.print());
    }
    Ok(())
}

/// The keys of the users that are read.
///
/// # Errors
/// When they cannot be listed.
pub async fn keys(database: &Database) -> anyhow::Result<Vec<UserId>> {
    let users = database.run(None, async |system: SystemContext| {
        User::query().limit(SIZE).all(&system.within(organization(SIZE))).await
    });
    Ok(users.await?.iter().map(|user| user.id).collect())
}
