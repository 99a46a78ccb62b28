//! Four statements by hand on rusqlite, through functions that others could use too: whole rows as structs, and views
//! made from them. What it costs more than `hand_four` is the price of having such functions, in any code.

use std::collections::HashMap;
use std::rc::Rc;

use anyhow::Context as _;
use rusqlite::types::Value;
use rusqlite::{Connection, Params, Row};
use uuid::Uuid;

use super::ListResult;
use crate::people::ListedUser;

struct WholeUser {
    id: Uuid,
    _org_id: Uuid,
    _email: String,
    name: String,
}

/// A profile, settings, or a permission without its key.
struct WholeRelated {
    _org_id: Uuid,
    user_id: Uuid,
    text: String,
}

struct WholePermission {
    _id: Uuid,
    related: WholeRelated,
}

const USERS: &str =
    "SELECT id, org_id, email, name FROM people_users WHERE org_id = ?1 ORDER BY email, id LIMIT 1001";
const PROFILES: &str = "SELECT org_id, user_id, city FROM people_profiles \
    WHERE org_id = ?1 AND user_id IN (SELECT value FROM rarray(?2))";
const SETTINGS: &str = "SELECT org_id, user_id, theme FROM people_settings \
    WHERE org_id = ?1 AND user_id IN (SELECT value FROM rarray(?2))";
const PERMISSIONS: &str = "SELECT org_id, user_id, name, id FROM people_permissions \
    WHERE org_id = ?1 AND user_id IN (SELECT value FROM rarray(?2)) ORDER BY user_id, id";

pub(super) fn list(connection: &Connection, organization: Uuid) -> anyhow::Result<ListResult> {
    let org = organization.as_bytes();
    let users = read(connection, USERS, (org,), user)?;
    let ids = Rc::new(users.iter().map(|user| Value::Blob(user.id.as_bytes().to_vec())).collect::<Vec<_>>());
    let by_user = |rows: Vec<WholeRelated>| -> HashMap<Uuid, WholeRelated> {
        rows.into_iter().map(|row| (row.user_id, row)).collect()
    };
    let profiles = by_user(read(connection, PROFILES, (org, Rc::clone(&ids)), related)?);
    let settings = by_user(read(connection, SETTINGS, (org, Rc::clone(&ids)), related)?);
    let mut permissions: HashMap<Uuid, Vec<WholePermission>> = HashMap::new();
    for permission in read(connection, PERMISSIONS, (org, ids), permission)? {
        permissions.entry(permission.related.user_id).or_default().push(permission);
    }
    let view = |user: &WholeUser| {
        let theirs = permissions.get(&user.id).map(Vec::as_slice).unwrap_or_default();
        anyhow::Ok(ListedUser {
            id: user.id,
            name: user.name.clone(),
            city: profiles.get(&user.id).context("no profile")?.text.clone(),
            theme: settings.get(&user.id).context("no settings")?.text.clone(),
            permissions: theirs.iter().map(|permission| permission.related.text.clone()).collect(),
        })
    };
    Ok(ListResult { views: users.iter().map(view).collect::<Result<_, _>>()?, statements: 4 })
}

fn read<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: fn(&Row<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut read_rows = Vec::new();
    while let Some(row) = rows.next()? {
        read_rows.push(read(row)?);
    }
    Ok(read_rows)
}

fn id(row: &Row<'_>, index: usize) -> anyhow::Result<Uuid> {
    Ok(Uuid::from_slice(row.get_ref(index)?.as_blob()?)?)
}

fn user(row: &Row<'_>) -> anyhow::Result<WholeUser> {
    Ok(WholeUser { id: id(row, 0)?, _org_id: id(row, 1)?, _email: row.get(2)?, name: row.get(3)? })
}

fn related(row: &Row<'_>) -> anyhow::Result<WholeRelated> {
    Ok(WholeRelated { _org_id: id(row, 0)?, user_id: id(row, 1)?, text: row.get(2)? })
}

fn permission(row: &Row<'_>) -> anyhow::Result<WholePermission> {
    Ok(WholePermission { related: related(row)?, _id: id(row, 3)? })
}
