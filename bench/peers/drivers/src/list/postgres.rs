//! By hand on tokio-postgres: a connection from the pool, prepared statements.

use std::collections::HashMap;

use anyhow::Context as _;
use deadpool_postgres::{Object, Pool};
use futures_util::future::try_join3;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};
use uuid::Uuid;

use super::{LIMIT, ListCase, ListResult};
use crate::people::{ListedUser, organization};
use crate::place::DatabaseUrls;

const USERS: &str = "SELECT id, name FROM people_users WHERE org_id = $1 ORDER BY email, id LIMIT $2";
const PROFILES: &str = "SELECT user_id, city FROM people_profiles WHERE org_id = $1 AND user_id = ANY($2)";
const SETTINGS: &str = "SELECT user_id, theme FROM people_settings WHERE org_id = $1 AND user_id = ANY($2)";
const PERMISSIONS: &str = "SELECT user_id, name FROM people_permissions WHERE org_id = $1 AND user_id = ANY($2) ORDER BY user_id, id";
/// The same for who knows that the list has all users of the organization.
const ALL_PROFILES: &str = "SELECT user_id, city FROM people_profiles WHERE org_id = $1";
const ALL_SETTINGS: &str = "SELECT user_id, theme FROM people_settings WHERE org_id = $1";
const ALL_PERMISSIONS: &str =
    "SELECT user_id, name FROM people_permissions WHERE org_id = $1 ORDER BY user_id, id";
const JSON: &str = "SELECT u.id, u.name, p.city, s.theme, r.names \
    FROM people_users u \
    JOIN people_profiles p ON p.org_id = u.org_id AND p.user_id = u.id \
    JOIN people_settings s ON s.org_id = u.org_id AND s.user_id = u.id \
    LEFT JOIN LATERAL (SELECT json_agg(name ORDER BY id) AS names FROM people_permissions \
        WHERE org_id = u.org_id AND user_id = u.id) r ON true \
    WHERE u.org_id = $1 ORDER BY u.email, u.id LIMIT 1001";
const ONE_PROFILE: &str = "SELECT city FROM people_profiles WHERE org_id = $1 AND user_id = $2";
const ONE_SETTINGS: &str = "SELECT theme FROM people_settings WHERE org_id = $1 AND user_id = $2";
const THEIR_PERMISSIONS: &str =
    "SELECT name FROM people_permissions WHERE org_id = $1 AND user_id = $2 ORDER BY id";

pub(super) fn cases(place: &DatabaseUrls) -> anyhow::Result<Vec<ListCase>> {
    let pool = place.pool(16)?;
    Ok(vec![
        case("hand_four", pool.clone(), |client, organization| four(client, organization, LIMIT)),
        case("hand_whole", pool.clone(), whole),
        case("hand_pipelined", pool.clone(), pipelined),
        case("hand_json", pool.clone(), json),
        case("naive", pool, naive).seldom(),
    ])
}

fn case<F>(name: &'static str, pool: Pool, list: fn(Object, Uuid) -> F) -> ListCase
where
    F: Future<Output = anyhow::Result<ListResult>> + Send + 'static,
{
    ListCase::new(name, move |size| {
        let pool = pool.clone();
        async move { list(pool.get().await?, organization(size).0).await }
    })
}

/// The first `limit` users of the organization with 1,000.
pub(super) fn page(place: &DatabaseUrls) -> anyhow::Result<ListCase> {
    let pool = place.pool(16)?;
    Ok(ListCase::new("page_hand_four", move |limit| {
        let pool = pool.clone();
        async move { four(pool.get().await?, organization(LIMIT).0, limit).await }
    }))
}

async fn users(client: &Object, organization: Uuid, limit: usize) -> anyhow::Result<Vec<ListedUser>> {
    let statement = client.prepare_cached(USERS).await?;
    let mut rows = client.query(&statement, &[&organization, &i64::try_from(limit + 1)?]).await?;
    rows.truncate(limit);
    let view = |row: &Row| {
        let (city, theme) = (String::new(), String::new());
        ListedUser { id: row.get(0), name: row.get(1), city, theme, permissions: Vec::new() }
    };
    Ok(rows.iter().map(view).collect())
}

/// Puts what belongs to each user into their view.
fn put(
    views: &mut [ListedUser],
    places: &HashMap<Uuid, usize>,
    rows: &[Row],
    put: fn(&mut ListedUser, String),
) -> anyhow::Result<()> {
    for row in rows {
        let place = places.get(&row.get(0)).context("a row of nobody who was asked for")?;
        put(&mut views[*place], row.get(1));
    }
    Ok(())
}

fn places(views: &[ListedUser]) -> HashMap<Uuid, usize> {
    views.iter().enumerate().map(|(index, view)| (view.id, index)).collect()
}

fn ids(views: &[ListedUser]) -> Vec<Uuid> {
    views.iter().map(|view| view.id).collect()
}

async fn four(client: Object, organization: Uuid, limit: usize) -> anyhow::Result<ListResult> {
    let views = users(&client, organization, limit).await?;
    let ids = ids(&views);
    one_by_one(client, [PROFILES, SETTINGS, PERMISSIONS], &[&organization, &ids], views).await
}

/// Without the keys of a list that has all users.
async fn whole(client: Object, organization: Uuid) -> anyhow::Result<ListResult> {
    let views = users(&client, organization, LIMIT).await?;
    one_by_one(client, [ALL_PROFILES, ALL_SETTINGS, ALL_PERMISSIONS], &[&organization], views).await
}

/// Adds to each user's view what the three statements give, one after the other, as a loop in ours sends them.
async fn one_by_one(
    client: Object,
    [profiles, settings, permissions]: [&str; 3],
    params: &[&(dyn ToSql + Sync)],
    mut views: Vec<ListedUser>,
) -> anyhow::Result<ListResult> {
    let places = places(&views);
    let related = async |sql| {
        let statement: Statement = client.prepare_cached(sql).await?;
        client.query(&statement, params).await
    };
    put(&mut views, &places, &related(profiles).await?, |view, city| view.city = city)?;
    put(&mut views, &places, &related(settings).await?, |view, theme| view.theme = theme)?;
    put(&mut views, &places, &related(permissions).await?, |view, name| view.permissions.push(name))?;
    Ok(ListResult { views, statements: 4 })
}

/// The three that do not depend on each other at once.
async fn pipelined(client: Object, organization: Uuid) -> anyhow::Result<ListResult> {
    let mut views = users(&client, organization, LIMIT).await?;
    let (places, ids) = (places(&views), ids(&views));
    let related = async |sql| {
        let statement: Statement = client.prepare_cached(sql).await?;
        client.query(&statement, &[&organization, &ids]).await
    };
    let (profiles, settings, permissions) =
        try_join3(related(PROFILES), related(SETTINGS), related(PERMISSIONS)).await?;
    put(&mut views, &places, &profiles, |view, city| view.city = city)?;
    put(&mut views, &places, &settings, |view, theme| view.theme = theme)?;
    put(&mut views, &places, &permissions, |view, name| view.permissions.push(name))?;
    Ok(ListResult { views, statements: 4 })
}

async fn json(client: Object, organization: Uuid) -> anyhow::Result<ListResult> {
    let statement = client.prepare_cached(JSON).await?;
    let rows = client.query(&statement, &[&organization]).await?;
    let view = |row: &Row| {
        let permissions = row.try_get::<_, tokio_postgres::types::Json<Vec<String>>>(4)?.0;
        let (id, name) = (row.try_get(0)?, row.try_get(1)?);
        anyhow::Ok(ListedUser { id, name, city: row.try_get(2)?, theme: row.try_get(3)?, permissions })
    };
    Ok(ListResult { views: rows.iter().map(view).collect::<Result<_, _>>()?, statements: 1 })
}

async fn naive(client: Object, organization: Uuid) -> anyhow::Result<ListResult> {
    let mut views = users(&client, organization, LIMIT).await?;
    for view in &mut views {
        let one = async |sql| {
            let statement: Statement = client.prepare_cached(sql).await?;
            client.query_one(&statement, &[&organization, &view.id]).await
        };
        let (city, theme) = (one(ONE_PROFILE).await?.get(0), one(ONE_SETTINGS).await?.get(0));
        let statement = client.prepare_cached(THEIR_PERMISSIONS).await?;
        let permissions = client.query(&statement, &[&organization, &view.id]).await?;
        (view.city, view.theme) = (city, theme);
        view.permissions = permissions.iter().map(|row| row.get(0)).collect();
    }
    let statements = 1 + 3 * views.len() as u64;
    Ok(ListResult { views, statements })
}
