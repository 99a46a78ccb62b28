//! By hand on rusqlite: one connection, prepared statements, on the caller's thread as ours.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use rusqlite::types::Value;
use rusqlite::{Connection, Params, Row};
use uuid::Uuid;

use super::{LIMIT, ListCase, ListResult, whole_rows};
use crate::people::{ListedUser, organization};
use crate::place::DatabaseUrls;

const USERS: &str = "SELECT id, name FROM people_users WHERE org_id = ?1 ORDER BY email, id LIMIT ?2";
const PROFILES: &str = "SELECT user_id, city FROM people_profiles WHERE org_id = ?1 AND user_id IN (SELECT value FROM rarray(?2))";
const SETTINGS: &str = "SELECT user_id, theme FROM people_settings WHERE org_id = ?1 AND user_id IN (SELECT value FROM rarray(?2))";
const PERMISSIONS: &str = "SELECT user_id, name FROM people_permissions \
    WHERE org_id = ?1 AND user_id IN (SELECT value FROM rarray(?2)) ORDER BY user_id, id";
/// The same for who knows that the list has all users of the organization.
const ALL_PROFILES: &str = "SELECT user_id, city FROM people_profiles WHERE org_id = ?1";
const ALL_SETTINGS: &str = "SELECT user_id, theme FROM people_settings WHERE org_id = ?1";
const ALL_PERMISSIONS: &str =
    "SELECT user_id, name FROM people_permissions WHERE org_id = ?1 ORDER BY user_id, id";
const JSON: &str = "SELECT u.id, u.name, p.city, s.theme, \
    (SELECT json_group_array(name) FROM (SELECT name FROM people_permissions r \
        WHERE r.org_id = u.org_id AND r.user_id = u.id ORDER BY id)) \
    FROM people_users u \
    JOIN people_profiles p ON p.org_id = u.org_id AND p.user_id = u.id \
    JOIN people_settings s ON s.org_id = u.org_id AND s.user_id = u.id \
    WHERE u.org_id = ?1 ORDER BY u.email, u.id LIMIT 1001";
const ONE_PROFILE: &str = "SELECT city FROM people_profiles WHERE org_id = ?1 AND user_id = ?2";
const ONE_SETTINGS: &str = "SELECT theme FROM people_settings WHERE org_id = ?1 AND user_id = ?2";
const THEIR_PERMISSIONS: &str =
    "SELECT name FROM people_permissions WHERE org_id = ?1 AND user_id = ?2 ORDER BY id";

pub(super) fn cases(place: &DatabaseUrls) -> anyhow::Result<Vec<ListCase>> {
    Ok(vec![
        case(place, "hand_four", |connection, size| four(connection, organization(size).0, LIMIT))?,
        case(place, "hand_whole", |connection, size| whole(connection, organization(size).0))?,
        case(place, "hand_rows", |connection, size| whole_rows::list(connection, organization(size).0))?,
        case(place, "hand_json", |connection, size| json(connection, organization(size).0))?,
        case(place, "naive", |connection, size| naive(connection, organization(size).0))?.seldom(),
    ])
}

/// The first `limit` users of the organization with 1,000.
pub(super) fn page(place: &DatabaseUrls) -> anyhow::Result<ListCase> {
    case(place, "page_hand_four", |connection, limit| four(connection, organization(LIMIT).0, limit))
}

fn case(
    place: &DatabaseUrls,
    name: &'static str,
    list: fn(&Connection, usize) -> anyhow::Result<ListResult>,
) -> anyhow::Result<ListCase> {
    let connection = Arc::new(Mutex::new(place.sqlite()?));
    Ok(ListCase::new(name, move |size| {
        let connection = Arc::clone(&connection);
        async move { list(&connection.lock().unwrap_or_else(PoisonError::into_inner), size) }
    }))
}

fn id(row: &Row<'_>, index: usize) -> anyhow::Result<Uuid> {
    Ok(Uuid::from_slice(row.get_ref(index)?.as_blob()?)?)
}

fn four(connection: &Connection, organization: Uuid, limit: usize) -> anyhow::Result<ListResult> {
    let views = users(connection, organization, limit)?;
    let ids = Rc::new(views.iter().map(|view| Value::Blob(view.id.as_bytes().to_vec())).collect::<Vec<_>>());
    related(connection, [PROFILES, SETTINGS, PERMISSIONS], (organization.as_bytes(), ids), views)
}

/// Without the keys of a list that has all users.
fn whole(connection: &Connection, organization: Uuid) -> anyhow::Result<ListResult> {
    let views = users(connection, organization, LIMIT)?;
    related(connection, [ALL_PROFILES, ALL_SETTINGS, ALL_PERMISSIONS], (organization.as_bytes(),), views)
}

/// Adds to each user's view what the three statements give.
fn related(
    connection: &Connection,
    [profiles, settings, permissions]: [&str; 3],
    params: impl Params + Clone,
    mut views: Vec<ListedUser>,
) -> anyhow::Result<ListResult> {
    let places = views.iter().enumerate().map(|(index, view)| (view.id, index)).collect();
    put(connection, profiles, params.clone(), &places, &mut views, |view, city| view.city = city)?;
    put(connection, settings, params.clone(), &places, &mut views, |view, theme| view.theme = theme)?;
    put(connection, permissions, params, &places, &mut views, |view, name| view.permissions.push(name))?;
    Ok(ListResult { views, statements: 4 })
}

/// Puts what a statement gives for each user into their view.
fn put(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    places: &HashMap<Uuid, usize>,
    views: &mut [ListedUser],
    put: fn(&mut ListedUser, String),
) -> anyhow::Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        let place = places.get(&id(row, 0)?).context("a row of nobody who was asked for")?;
        put(&mut views[*place], row.get(1)?);
    }
    Ok(())
}

fn users(connection: &Connection, organization: Uuid, limit: usize) -> anyhow::Result<Vec<ListedUser>> {
    let mut statement = connection.prepare_cached(USERS)?;
    let mut rows = statement.query((organization.as_bytes(), i64::try_from(limit + 1)?))?;
    let mut views = Vec::new();
    while let Some(row) = rows.next()? {
        let (city, theme) = (String::new(), String::new());
        views.push(ListedUser { id: id(row, 0)?, name: row.get(1)?, city, theme, permissions: Vec::new() });
    }
    views.truncate(limit);
    Ok(views)
}

fn json(connection: &Connection, organization: Uuid) -> anyhow::Result<ListResult> {
    let mut statement = connection.prepare_cached(JSON)?;
    let mut rows = statement.query((organization.as_bytes(),))?;
    let mut views = Vec::new();
    while let Some(row) = rows.next()? {
        let permissions = serde_json::from_str(row.get_ref(4)?.as_str()?)?;
        views.push(ListedUser {
            id: id(row, 0)?,
            name: row.get(1)?,
            city: row.get(2)?,
            theme: row.get(3)?,
            permissions,
        });
    }
    Ok(ListResult { views, statements: 1 })
}

fn naive(connection: &Connection, organization: Uuid) -> anyhow::Result<ListResult> {
    let mut views = users(connection, organization, LIMIT)?;
    let organization = organization.as_bytes();
    for view in &mut views {
        let id = view.id.as_bytes();
        let one = |sql| connection.prepare_cached(sql)?.query_row((organization, id), |row| row.get(0));
        view.city = one(ONE_PROFILE)?;
        view.theme = one(ONE_SETTINGS)?;
        let mut permissions = connection.prepare_cached(THEIR_PERMISSIONS)?;
        let names = permissions.query_map((organization, id), |row| row.get(0))?;
        view.permissions = names.collect::<Result<_, _>>()?;
    }
    let statements = 1 + 3 * views.len() as u64;
    Ok(ListResult { views, statements })
}
