//! Organizations beside those of the demo, with users that have profiles, settings, permissions and sessions.

use std::str::FromStr as _;
use std::time::SystemTime;

use tokio_postgres::NoTls;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::sqlite;
use crate::upload::new_id;

const ORGANIZATION: &str = "INSERT INTO auth_organizations (id, name, created_at) VALUES ($1, $2, $3)";
const ACCOUNT: &str =
    "INSERT INTO auth_accounts (id, email, password_hash, created_at) VALUES ($1, $2, '', $3)";
const MEMBERSHIP: &str = "INSERT INTO auth_memberships (id, account_id, org_id, user_id, last_used_at) \
    VALUES ($1, $2, $3, $4, $5)";
const USER: &str = "INSERT INTO auth_users (org_id, id, account_id, email, role, created_at) \
    VALUES ($1, $2, $3, $4, 'member', $5)";
const PROFILE: &str =
    "INSERT INTO auth_profiles (org_id, user_id, display_name, title) VALUES ($1, $2, $3, $4)";
const SETTINGS: &str =
    "INSERT INTO auth_settings (org_id, user_id, theme, locale) VALUES ($1, $2, 'system', 'en')";
const PERMISSION: &str =
    "INSERT INTO auth_permissions (org_id, id, user_id, name) VALUES ($1, $2, $3, 'members.write')";
const SESSION: &str = "INSERT INTO auth_sessions (org_id, id, user_id, account_id, secret_hash, created_at, expires_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $6)";

/// A value, for either database.
enum Part {
    Id(Uuid),
    Text(String),
    Bytes(Vec<u8>),
    Now,
}

/// One row: its statement and values.
type Row = (&'static str, Vec<Part>);

/// Adds them.
///
/// # Errors
/// When the database refuses.
pub async fn run(url: &str, organizations: usize, users: usize) -> anyhow::Result<()> {
    let rows = (0..organizations).map(|number| organization(number, users));
    let rows = rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten();
    match url.strip_prefix("sqlite:") {
        Some(path) => store_in_file(path, rows),
        None => store_on_server(url, rows).await,
    }
}

fn organization(number: usize, users: usize) -> anyhow::Result<Vec<Row>> {
    use Part::{Bytes, Id, Now, Text};
    let id = new_id()?;
    let mut rows = vec![(ORGANIZATION, vec![Id(id), Text(format!("Neighbour {number}")), Now])];
    for index in 0..users {
        let (account, user) = (new_id()?, new_id()?);
        let email = format!("person{index:04}@neighbour{number}.test");
        let (name, title) = (format!("Person {index}"), "Engineer".to_owned());
        rows.push((ACCOUNT, vec![Id(account), Text(email.clone()), Now]));
        rows.push((USER, vec![Id(id), Id(user), Id(account), Text(email), Now]));
        rows.push((MEMBERSHIP, vec![Id(new_id()?), Id(account), Id(id), Id(user), Now]));
        rows.push((PROFILE, vec![Id(id), Id(user), Text(name), Text(title)]));
        rows.push((SETTINGS, vec![Id(id), Id(user)]));
        rows.push((PERMISSION, vec![Id(id), Id(new_id()?), Id(user)]));
        let session = vec![Id(id), Id(new_id()?), Id(user), Id(account), Bytes(vec![0; 32]), Now];
        rows.push((SESSION, session));
    }
    Ok(rows)
}

fn store_in_file(path: &str, rows: impl Iterator<Item = Row>) -> anyhow::Result<()> {
    use rusqlite::types::Value;
    let connection = sqlite::open(path)?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for (text, parts) in rows {
        let values = parts.into_iter().map(|part| match part {
            Part::Id(id) => Value::Blob(id.as_bytes().to_vec()),
            Part::Text(text) => Value::Text(text),
            Part::Bytes(bytes) => Value::Blob(bytes),
            Part::Now => Value::Integer(sqlite::now()),
        });
        connection.prepare_cached(text)?.execute(rusqlite::params_from_iter(values))?;
    }
    Ok(connection.execute_batch("COMMIT")?)
}

async fn store_on_server(url: &str, rows: impl Iterator<Item = Row>) -> anyhow::Result<()> {
    let (mut client, connection) = tokio_postgres::Config::from_str(url)?.connect(NoTls).await?;
    let driving = tokio::spawn(connection);
    let transaction = client.transaction().await?;
    let mut prepared = std::collections::HashMap::new();
    for (text, parts) in rows {
        if !prepared.contains_key(text) {
            prepared.insert(text, transaction.prepare(text).await?);
        }
        let values: Vec<Box<dyn ToSql + Sync + Send>> = parts
            .into_iter()
            .map(|part| -> Box<dyn ToSql + Sync + Send> {
                match part {
                    Part::Id(id) => Box::new(id),
                    Part::Text(text) => Box::new(text),
                    Part::Bytes(bytes) => Box::new(bytes),
                    Part::Now => Box::new(SystemTime::now()),
                }
            })
            .collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as _).collect();
        transaction.execute(&prepared[text], &values).await?;
    }
    transaction.commit().await?;
    client.batch_execute("VACUUM ANALYZE").await?;
    drop(client);
    Ok(driving.await??)
}
