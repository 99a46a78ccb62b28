//! Plans and the schema, on a connection that is opened for them.

use futures_util::future::join;
use tokio::time::Instant;
use tokio_postgres::{Client, Config, Row};

use super::connect::connect;
use super::refusal::classify;
use super::rls::SessionSettings;
use super::standby;
use super::tls::Tls;
use crate::driver::look::{MOST_ITEMS, bounded, is_planned};
use crate::driver::{DatabaseLook, DriverError, PlanRequest, SchemaItem, TableActivity, before};

/// A statement that was prepared and run a few times is planned without its values. A statement that waits for a lock blocks those
/// queued behind it, so a table that is being altered has no plan for now, and there is no schema.
const SETTINGS: &str = "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL statement_timeout = 2000; \
     SET LOCAL lock_timeout = 100";

/// How many values the prepared statement takes.
const PARAMETERS: &str =
    "SELECT cardinality(parameter_types)::bigint FROM pg_prepared_statements WHERE name = 'tenfold_plan'";

const SCHEMA: &str = "
SELECT * FROM (
    SELECT 'table', t.relname::text, t.relname::text,
        string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
            || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, ', ' ORDER BY a.attnum)
    FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition AND t.relnamespace = current_schema()::regnamespace
    GROUP BY t.oid, t.relname
    UNION ALL
    SELECT 'index', c.relname::text, t.relname::text,
        coalesce(pg_get_indexdef(c.oid), '') || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
    WHERE NOT t.relispartition AND t.relnamespace = current_schema()::regnamespace
) items LIMIT ";

const ACTIVITY: &str = "
SELECT s.relname::text, s.vacuum_count + s.autovacuum_count, s.analyze_count + s.autoanalyze_count,
    s.n_live_tup, s.n_mod_since_analyze, c.reltuples >= 0
FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
WHERE s.schemaname = current_schema() ORDER BY s.n_live_tup DESC LIMIT 1000";

/// How to connect, and what a look begins with.
pub(super) struct LookConnection {
    pub config: Config,
    pub tls: Tls,
    /// Begins a transaction that only reads.
    pub begin: String,
    /// Whether loads by key run with sequential scans off.
    pub is_own: bool,
}

impl LookConnection {
    pub(super) fn new(config: &Config, tls: &Tls, session: &SessionSettings) -> Self {
        let (config, tls) = (config.clone(), tls.clone());
        LookConnection { config, tls, begin: session.begin_reading(None, None), is_own: session.is_own() }
    }

    /// Connects, looks and closes the connection. What came before an error or the deadline is returned. If the future is dropped, the
    /// server ends what runs within its timeout.
    pub(super) async fn look(
        &self,
        wanted: &[PlanRequest],
        deadline: Instant,
    ) -> Result<DatabaseLook, DriverError> {
        let mut look = DatabaseLook::default();
        match before(Some(deadline), self.look_into(&mut look, wanted)).await {
            Err(error) if look == DatabaseLook::default() => Err(error),
            Err(_) | Ok(()) => Ok(look),
        }
    }

    async fn look_into(&self, look: &mut DatabaseLook, wanted: &[PlanRequest]) -> Result<(), DriverError> {
        let (client, driving) = connect(&self.config, &self.tls).await?;
        standby::refuse(&driving)?;
        let checkpoints = checkpoints(driving.parameter("server_version"));
        let looking = async move {
            for wanted in wanted {
                look.plans.push(self.plan(&client, wanted).await?);
            }
            look.schema = unless_refused(self.schema(&client).await)?;
            look.activity = unless_refused(self.activity(&client).await)?;
            let counted = unless_refused(self.read(&client, checkpoints).await)?;
            look.checkpoints = counted.first().map(|row| row.get(0));
            Ok(())
        };
        // The connection ends once the client is dropped.
        let (looked, _) = join(looking, driving).await;
        looked.map_err(classify)
    }

    /// The plan, in a transaction of its own that is rolled back.
    async fn plan(
        &self,
        client: &Client,
        wanted: &PlanRequest,
    ) -> Result<Option<String>, tokio_postgres::Error> {
        if !is_planned(&wanted.text) {
            return Ok(None);
        }
        let scans = if wanted.by_key && self.is_own { "; SET LOCAL enable_seqscan = off" } else { "" };
        match self.rolled_back(client, scans, plan_prepared(client, &wanted.text)).await? {
            Ok(plan) => Ok(Some(plan)),
            // The table may be gone by now.
            Err(error) if error.as_db_error().is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn schema(&self, client: &Client) -> Result<Vec<SchemaItem>, tokio_postgres::Error> {
        let rows = self.read(client, &format!("{SCHEMA}{}", MOST_ITEMS + 1)).await?;
        Ok(bounded(
            rows.iter().map(|row| SchemaItem::of([0, 1, 2, 3].map(|column| row.get(column)))).collect(),
        ))
    }

    async fn activity(&self, client: &Client) -> Result<Vec<TableActivity>, tokio_postgres::Error> {
        let activity = |row: &Row| TableActivity {
            table: row.get(0),
            vacuums: row.get(1),
            analyzes: row.get(2),
            rows: row.get(3),
            changed_rows: row.get(4),
            has_statistics: row.get(5),
        };
        Ok(self.read(client, ACTIVITY).await?.iter().map(activity).collect())
    }

    /// The rows of a text, in a transaction of its own.
    async fn read(&self, client: &Client, text: &str) -> Result<Vec<Row>, tokio_postgres::Error> {
        self.rolled_back(client, "", client.query_typed(text, &[])).await?
    }

    /// Does `work` in a transaction with the settings of a look and `more` of them, which is rolled back.
    async fn rolled_back<T>(
        &self,
        client: &Client,
        more: &str,
        work: impl Future<Output = T>,
    ) -> Result<T, tokio_postgres::Error> {
        client.batch_execute(&format!("{}; {SETTINGS}{more}", self.begin)).await?;
        let done = work.await;
        client.batch_execute("ROLLBACK").await?;
        Ok(done)
    }
}

/// Nothing in place of what the server refuses: the other parts of a look do not depend on it.
fn unless_refused<T: Default>(read: Result<T, tokio_postgres::Error>) -> Result<T, tokio_postgres::Error> {
    match read {
        Err(error) if error.as_db_error().is_some() => {
            tracing::debug!(%error, "PostgreSQL does not show a part of what was asked");
            Ok(T::default())
        }
        read => read,
    }
}

/// How to count checkpoints, which have a view of their own from PostgreSQL 17.
fn checkpoints(version: Option<&str>) -> &'static str {
    let major =
        version.and_then(|version| version.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u32>().ok());
    match major {
        Some(17..) => "SELECT num_timed + num_requested FROM pg_stat_checkpointer",
        _ => "SELECT checkpoints_timed + checkpoints_req FROM pg_stat_bgwriter",
    }
}

/// The text is sent by the extended protocol, which refuses more than one statement: nothing after a semicolon is run. A prepared
/// statement outlives a rollback, so it is deallocated in any case.
async fn plan_prepared(client: &Client, text: &str) -> Result<String, tokio_postgres::Error> {
    client.query_typed(&format!("PREPARE tenfold_plan AS {text}"), &[]).await?;
    client.batch_execute("SAVEPOINT prepared").await?;
    let plan = explain(client).await;
    if plan.is_err() {
        client.batch_execute("ROLLBACK TO SAVEPOINT prepared").await?;
    }
    client.batch_execute("DEALLOCATE tenfold_plan").await?;
    plan
}

async fn explain(client: &Client) -> Result<String, tokio_postgres::Error> {
    let parameters: i64 = client.query_typed_one(PARAMETERS, &[]).await?.get(0);
    let nulls = vec!["NULL"; usize::try_from(parameters).unwrap_or_default()].join(", ");
    let nulls = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    let rows = client.query_typed(&format!("EXPLAIN (COSTS OFF) EXECUTE tenfold_plan{nulls}"), &[]).await?;
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    Ok(lines.join("\n"))
}
