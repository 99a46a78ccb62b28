//! What statements touch on PostgreSQL: each is explained as a role that has access only to its module's tables.
//!
//! EXPLAIN checks the privileges on everything that a statement names, as running it would, including what the planner
//! then leaves out. Foreign keys are checked with the table owner's privileges, so a module needs none on the tables
//! that its rows refer to. The roles are created in a transaction that is rolled back: other sessions never see them,
//! and there is nothing to clean up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

use super::breach::{Breach, MODULES, ModuleText, Owners, TouchedObject, judged};
use crate::statement::Dialect;
use crate::testing::connected;
use crate::testing::plans::postgres::rows;

/// Waits for locks are bounded, errors are in English, and all grants to PUBLIC are revoked.
const SETTINGS: &str = "BEGIN; SET LOCAL lock_timeout = '5s'; SET LOCAL lc_messages = 'C';
    SET LOCAL search_path = public; REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC";

/// Everything that rows can be read from or written to.
const TABLES: &str = "SELECT relname FROM pg_class
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace = 'public'::regnamespace";

/// The functions that read search indexes, each with the table that is searched.
const SEARCHES: &str =
    "SELECT regexp_replace(proname, '_search_found$', ''), oid::regprocedure::text FROM pg_proc
    WHERE prosecdef AND proname LIKE '%\\_search\\_found' AND pronamespace = 'public'::regnamespace";

const VERBS: &str = "SELECT, INSERT, UPDATE, DELETE";

/// How the refusal of a right begins: `permission denied for table auth_users`.
const DENIED: &str = "permission denied for ";

pub(super) async fn breaches(url: &str, texts: &[ModuleText]) -> Vec<Breach> {
    let breaches = connected(url, async |client| breaches_on(client, texts).await).await;
    breaches.unwrap_or_else(|error| {
        panic!("PostgreSQL cannot judge rights: {error:?}; the tests' user must be a superuser")
    })
}

async fn breaches_on(client: &Client, texts: &[ModuleText]) -> Result<Vec<Breach>, Error> {
    client.batch_execute(SETTINGS).await?;
    let schema = RightsSchema {
        owners: Owners::new(rows(client, MODULES).await?.into_iter().flatten()),
        tables: rows(client, TABLES).await?.into_iter().flatten().collect(),
        searches: searches(rows(client, SEARCHES).await?),
    };
    let roles = schema.make_roles(client, texts).await?;
    let mut breaches = Vec::new();
    for statement in texts {
        let reaches = schema.reaches(client, &roles[&*statement.module], statement).await?;
        breaches.extend(judged(statement, Dialect::Postgres, reaches));
    }
    client.batch_execute("ROLLBACK").await?;
    Ok(breaches)
}

struct RightsSchema {
    owners: Owners,
    tables: BTreeSet<String>,
    /// The functions that search, by their tables.
    searches: Vec<(String, String)>,
}

impl RightsSchema {
    /// A role for each module, by the module's name. Roles belong to the whole server, where other tests create theirs
    /// at the same time, so their names contain the number of this connection.
    async fn make_roles<'a>(
        &self,
        client: &Client,
        texts: &'a [ModuleText],
    ) -> Result<BTreeMap<&'a str, String>, Error> {
        let connection = rows(client, "SELECT pg_backend_pid()").await?.concat().concat();
        let modules: BTreeSet<&str> = texts.iter().map(|statement| &*statement.module).collect();
        let (mut roles, mut script) = (BTreeMap::new(), String::new());
        for (number, module) in modules.into_iter().enumerate() {
            let role = format!("tenfold_module_{connection}_{number}");
            let _ = write!(script, "CREATE ROLE {role}; GRANT USAGE ON SCHEMA public TO {role};");
            let own = self.tables.iter().filter(|table| self.owners.may_touch(module, table));
            own.for_each(|table| script.push_str(&grant(table, &role)));
            let found = self.searches.iter().filter(|(table, _)| self.owners.may_touch(module, table));
            for (_, function) in found {
                let _ = write!(script, "GRANT EXECUTE ON FUNCTION {function} TO {role};");
            }
            roles.insert(module, role);
        }
        client.batch_execute(&script).await?;
        Ok(roles)
    }

    /// What a statement touches that its role may not. The server names one table at a time. So each is granted until
    /// the statement passes, and all grants are rolled back.
    async fn reaches(
        &self,
        client: &Client,
        role: &str,
        statement: &ModuleText,
    ) -> Result<BTreeSet<TouchedObject>, Error> {
        let mut reaches = BTreeSet::new();
        client.batch_execute("SAVEPOINT statement").await?;
        while let Err(error) = explain_as(client, role, &statement.text).await {
            client.batch_execute("ROLLBACK TO attempt; DEALLOCATE ALL").await?;
            let reach = match self.denied(&error) {
                Some(table) => {
                    client.batch_execute(&grant(table, role)).await?;
                    self.owners.reach(table)
                }
                None => TouchedObject::Other(format!("PostgreSQL refuses it: {}", told(&error))),
            };
            // The same error again would never end.
            if matches!(reach, TouchedObject::Other(_)) || reaches.contains(&reach) {
                reaches.insert(reach);
                break;
            }
            reaches.insert(reach);
        }
        client.batch_execute("ROLLBACK TO statement; RELEASE statement; DEALLOCATE ALL").await?;
        Ok(reaches)
    }

    /// The table or view of `public` that a privilege was denied on.
    fn denied<'a>(&'a self, error: &Error) -> Option<&'a str> {
        let error = error.as_db_error().filter(|error| *error.code() == SqlState::INSUFFICIENT_PRIVILEGE)?;
        let (kind, name) = error.message().strip_prefix(DENIED)?.split_once(' ')?;
        let is_relation = ["table", "view", "materialized view", "foreign table"].contains(&kind);
        self.tables.get(name).filter(|_| is_relation).map(String::as_str)
    }
}

/// Pairs of a table and a function.
fn searches(rows: Vec<Vec<String>>) -> Vec<(String, String)> {
    let pairs = rows.into_iter().filter_map(|row| <[String; 2]>::try_from(row).ok());
    pairs.map(|[table, function]| (table, function)).collect()
}

/// Explains a text as a role, without running it.
async fn explain_as(client: &Client, role: &str, text: &str) -> Result<(), Error> {
    let parameters = (1..).take_while(|number| text.contains(&format!("${number}"))).count();
    let arguments =
        if parameters == 0 { String::new() } else { format!("({})", vec!["NULL"; parameters].join(", ")) };
    client.batch_execute(&format!("SAVEPOINT attempt; SET LOCAL ROLE {role}")).await?;
    client.batch_execute(&format!("PREPARE judged AS {text}")).await?;
    client.batch_execute(&format!("EXPLAIN EXECUTE judged{arguments}")).await
}

fn grant(table: &str, role: &str) -> String {
    format!("GRANT {VERBS} ON \"{}\" TO {role};", table.replace('"', "\"\""))
}

fn told(error: &Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}
