//! Lists of users with profile, settings and permissions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use sea_orm::{
    ColumnTrait as _, ConnectOptions, Database, DatabaseConnection, EntityTrait as _, LoaderTrait as _,
    ModelTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use uuid::Uuid;

use crate::entities::{permission, profile, settings, user};
use crate::line::Line;

/// A user as a list shows them.
#[derive(Debug, PartialEq)]
struct View {
    id: Uuid,
    name: String,
    city: String,
    theme: String,
    permissions: Vec<String>,
}

/// Measures both cases in turns.
///
/// # Errors
/// When a statement fails, or the two list something else.
pub async fn run(url: &str, quick: bool) -> anyhow::Result<()> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(16).sqlx_logging(false);
    let mut database = Database::connect(options).await?;
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    database.set_metric_callback(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    for size in [10, 100, 1_000] {
        let organization = Uuid::from_u128(size as u128);
        let expected = loader(&database, organization).await?;
        ensure!(expected.len() == size, "the list of {size} has {}", expected.len());
        ensure!(naive(&database, organization).await? == expected, "the cases list something else");
        let rounds = if quick { 6_000 } else { 40_000 } / (size + 90);
        let (mut quickly, mut naively) = (Vec::new(), Vec::new());
        let (mut statements, mut statements_of_naive) = (0, 0);
        for round in 0..rounds {
            quickly.push(time(loader(&database, organization)).await?);
            statements = sent.swap(0, Ordering::Relaxed);
            if round % 10 == 0 {
                naively.push(time(naive(&database, organization)).await?);
                statements_of_naive = sent.swap(0, Ordering::Relaxed);
            }
        }
        let line = |case, times: &[Duration], statements| {
            Line::new(case).with("users", size).times(times).with("statements", statements).print();
        };
        line("seaorm_loader", &quickly, statements);
        line("seaorm_naive", &naively, statements_of_naive);
    }
    Ok(())
}

async fn time(list: impl Future<Output = anyhow::Result<Vec<View>>>) -> anyhow::Result<Duration> {
    let began = Instant::now();
    list.await?;
    Ok(began.elapsed())
}

async fn users(database: &DatabaseConnection, organization: Uuid) -> anyhow::Result<Vec<user::Model>> {
    let list = user::Entity::find().filter(user::Column::OrgId.eq(organization));
    let list = list.order_by_asc(user::Column::Email).order_by_asc(user::Column::Id).limit(1_001);
    Ok(list.all(database).await?)
}

/// With the loader that its documentation recommends against N+1.
async fn loader(database: &DatabaseConnection, organization: Uuid) -> anyhow::Result<Vec<View>> {
    let users = users(database, organization).await?;
    let profiles = users.load_one(profile::Entity, database).await?;
    let settings = users.load_one(settings::Entity, database).await?;
    let in_order = permission::Entity::find().order_by_asc(permission::Column::Id);
    let permissions = users.load_many(in_order, database).await?;
    let mut views = Vec::with_capacity(users.len());
    for (((user, profile), settings), permissions) in
        users.into_iter().zip(profiles).zip(settings).zip(permissions)
    {
        views.push(View {
            id: user.id,
            name: user.name,
            city: profile.context("no profile")?.city,
            theme: settings.context("no settings")?.theme,
            permissions: permissions.into_iter().map(|permission| permission.name).collect(),
        });
    }
    Ok(views)
}

/// A loop that asks for each user's.
async fn naive(database: &DatabaseConnection, organization: Uuid) -> anyhow::Result<Vec<View>> {
    let mut views = Vec::new();
    for user in users(database, organization).await? {
        let profile = user.find_related(profile::Entity).one(database).await?;
        let settings = user.find_related(settings::Entity).one(database).await?;
        let permissions = user.find_related(permission::Entity).order_by_asc(permission::Column::Id);
        let permissions = permissions.all(database).await?;
        views.push(View {
            id: user.id,
            name: user.name,
            city: profile.context("no profile")?.city,
            theme: settings.context("no settings")?.theme,
            permissions: permissions.into_iter().map(|permission| permission.name).collect(),
        });
    }
    Ok(views)
}
