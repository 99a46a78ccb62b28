//! PostgreSQL's plans, with statistics that are rolled back afterwards.
//!
//! The planner estimates the number of rows as the density from `pg_class` times the real number of pages in the file.
//! So a table of one page is described as holding millions of rows in it. The frequency of values comes from
//! `pg_statistic`. A page needs a row, so an empty table gets one until the rollback.
//!
//! The result must not depend on when the check runs. So vacuum and ANALYZE are kept away from the tables by the lock
//! that they take themselves, all their statistics are replaced, and so are the server's cost settings.

use std::fmt::Write as _;

use serde_json::Value;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::advice::{IndexCandidate, candidates};
use super::shape::{self, RequiredColumns};
use super::verdict::{AccessPath, BadPlan, PlannedTable, Ran, SCALES, Scale, TENANT, fault_of};
use crate::statement::Dialect;
use crate::testing::connected;

/// Plans as the server does after a statement has been prepared and run a few times: with a generic plan. Waits for
/// locks are bounded.
const SETTINGS: &str = "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL lock_timeout = '5s';
    SET LOCAL session_replication_role = replica; SET LOCAL search_path = public;
    SET LOCAL seq_page_cost = 1; SET LOCAL random_page_cost = 4; SET LOCAL cpu_tuple_cost = 0.01;
    SET LOCAL cpu_index_tuple_cost = 0.005; SET LOCAL cpu_operator_cost = 0.0025;
    SET LOCAL effective_cache_size = '4GB'; SET LOCAL work_mem = '4MB'; SET LOCAL hash_mem_multiplier = 2;
    SET LOCAL max_parallel_workers_per_gather = 2";

/// A running autovacuum gives way after `deadlock_timeout`. None starts while this lock is held.
const HOLD: &str = "LOCK TABLE {tables} IN SHARE UPDATE EXCLUSIVE MODE";

/// If a row was updated since the server's snapshot, the server would not use an index created in this transaction.
const USABLE: &str = "UPDATE pg_index SET indcheckxmin = false WHERE indcheckxmin";

/// Every column of every table, in order; whether the primary key begins with it; its type.
const COLUMNS: &str = "
SELECT c.relname, a.attname, coalesce(k.indkey[0] = a.attnum, false)::text, t.typname, pg_relation_size(c.oid)::text
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_index k ON k.indrelid = c.oid AND k.indisprimary
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
ORDER BY c.relname, a.attnum";

/// The numbers of rows. A partial index holds a twentieth. No page is marked all-visible, as after many writes.
const ROWS: &str = "
UPDATE pg_class c
SET relpages = greatest(1, pg_relation_size(c.oid) / 8192), reltuples = {rows}, relallvisible = 0
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace;
UPDATE pg_class c SET relpages = greatest(2, pg_relation_size(c.oid) / 8192),
    reltuples = CASE WHEN i.indpred IS NULL THEN {rows} ELSE {rows} / 20 END
FROM pg_index i WHERE i.indexrelid = c.oid AND relnamespace = 'public'::regnamespace";

/// How many distinct values each column has. Organizations: their number. A key: one for each row. Another id: one for
/// twenty rows. A text in a unique index: one for two rows. Any other text: ten.
const VALUES: &str = "
DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace);
INSERT INTO pg_statistic (starelid, staattnum, stainherit, stanullfrac, stawidth, stadistinct,
    stakind1, stakind2, stakind3, stakind4, stakind5, staop1, staop2, staop3, staop4, staop5,
    stacoll1, stacoll2, stacoll3, stacoll4, stacoll5)
SELECT a.attrelid, a.attnum, false, CASE WHEN a.attnotnull THEN 0 ELSE 0.2 END, 16,
    CASE
        WHEN a.attname = '{tenant}' AND cardinality(k.indkey::int2[]) > 1 THEN {organizations}
        WHEN a.attnum = k.indkey[cardinality(k.indkey::int2[]) - 1] THEN -1
        WHEN t.typname = 'uuid' THEN -0.05
        WHEN t.typname = 'bool' THEN 2
        WHEN t.typname IN ('timestamptz', 'jsonb', 'bytea') THEN -0.9
        WHEN t.typname IN ('text', 'varchar') AND EXISTS (
            SELECT 1 FROM pg_index u WHERE u.indrelid = a.attrelid AND u.indisunique AND a.attnum = ANY (u.indkey)
        ) THEN -0.5
        WHEN t.typname IN ('text', 'varchar') THEN 10
        ELSE 1000
    END, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_index k ON k.indrelid = c.oid AND k.indisprimary
WHERE a.attnum > 0 AND NOT a.attisdropped";

/// The columns of unique indexes.
const UNIQUE: &str = "
SELECT i.indexrelid::regclass::text, a.attname FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace
WHERE i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL";

/// The names of all indexes.
const INDEXES: &str =
    "SELECT relname FROM pg_class WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace";

/// Partial indexes.
const PARTIAL: &str = "SELECT indexrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL";

/// The schema of the database.
#[derive(Default)]
struct PlannedSchema {
    tables: Vec<PlannedTable>,
    /// Names of unique indexes, each with one of its columns.
    unique: Vec<(String, String)>,
    /// Names of partial indexes.
    partial: Vec<String>,
    /// Names of all indexes.
    indexes: Vec<String>,
}

pub(super) async fn explain(url: &str, statements: &[Ran]) -> Vec<BadPlan> {
    let bad = connected(url, async |client| explain_on(client, statements).await).await;
    bad.unwrap_or_else(|error| {
        panic!("PostgreSQL cannot explain: {error:?}; the tests' user must be a superuser")
    })
}

async fn explain_on(client: &Client, statements: &[Ran]) -> Result<Vec<BadPlan>, tokio_postgres::Error> {
    client.batch_execute(SETTINGS).await?;
    let schema = read_schema(client).await?;
    let mut bad: Vec<BadPlan> = Vec::new();
    for scale in &SCALES {
        tell(client, scale).await?;
        for (number, statement) in statements.iter().enumerate() {
            if bad.iter().any(|plan| plan.statement.text == statement.text) {
                continue;
            }
            let plan = plan_of(client, number, statement).await?;
            let Some((mut found, candidates)) = judge(&schema, statement, &plan, scale.name) else {
                continue;
            };
            advise(client, &schema, &mut found, candidates).await?;
            // CREATE INDEX counts a table's rows and writes the count outside the transaction, so a rollback does not
            // undo it.
            tell(client, scale).await?;
            bad.push(found);
        }
    }
    client.batch_execute("ROLLBACK").await?;
    Ok(bad)
}

/// Reads the schema, keeps other sessions from changing its statistics, and adds a row to empty tables.
async fn read_schema(client: &Client) -> Result<PlannedSchema, tokio_postgres::Error> {
    let mut schema = PlannedSchema::default();
    let mut script = String::new();
    for table in rows(client, COLUMNS).await?.chunk_by(|one, other| one[0] == other[0]) {
        let name = table[0][0].clone();
        let columns = table.iter().map(|column| column[1].clone()).collect();
        let owned = table.iter().any(|column| column[1] == TENANT && column[2] == "true");
        if table[0][4] == "0" {
            add_row(&mut script, table);
        }
        schema.tables.push(PlannedTable { name, columns, owned, ..PlannedTable::default() });
    }
    let names: Vec<&str> = schema.tables.iter().map(|table| &*table.name).collect();
    if !names.is_empty() {
        client.batch_execute(&HOLD.replace("{tables}", &names.join(", "))).await?;
    }
    client.batch_execute(&script).await?;
    let unique = rows(client, UNIQUE).await?;
    schema.unique = unique.into_iter().map(|mut row| (row.remove(0), row.remove(0))).collect();
    schema.partial = rows(client, PARTIAL).await?.into_iter().flatten().collect();
    schema.indexes = rows(client, INDEXES).await?.into_iter().flatten().collect();
    Ok(schema)
}

/// Creates one index after the other until the statement passes on every scale. Each is rolled back.
async fn advise(
    client: &Client,
    schema: &PlannedSchema,
    bad: &mut BadPlan,
    candidates: Vec<IndexCandidate>,
) -> Result<(), tokio_postgres::Error> {
    for candidate in candidates {
        client.batch_execute("SAVEPOINT trial").await?;
        // An index that cannot be created, such as on a long text, does not help either.
        let made = client.batch_execute(&format!("{} {USABLE}", candidate.trial())).await;
        let mends = match made {
            Ok(()) => passes(client, schema, &bad.statement).await,
            Err(_) => Ok(false),
        };
        client.batch_execute("ROLLBACK TO trial; RELEASE trial").await?;
        if mends? {
            bad.index = Some(candidate.advice(&schema.indexes));
            break;
        }
        bad.tried.push(candidate.columns());
    }
    Ok(())
}

/// Whether a statement's plan is good on every scale.
async fn passes(
    client: &Client,
    schema: &PlannedSchema,
    statement: &Ran,
) -> Result<bool, tokio_postgres::Error> {
    for scale in &SCALES {
        tell(client, scale).await?;
        let plan = plan_of(client, 0, statement).await?;
        if schema.judge(&plan, Above::default()).is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A row for an empty table. Foreign keys are not checked, and checks are dropped: all is rolled back.
fn add_row(script: &mut String, table: &[Vec<String>]) {
    let name = &table[0][0];
    let value = |column: &Vec<String>| match column[3].as_str() {
        "uuid" => "gen_random_uuid()",
        "timestamptz" => "now()",
        "jsonb" => "'{}'",
        "bool" => "false",
        "int8" | "int4" | "float8" => "1",
        _ => "'x'",
    };
    let values: Vec<_> = table.iter().map(value).collect();
    let drop_checks = format!(
        "DO $$ DECLARE c text; BEGIN FOR c IN SELECT conname FROM pg_constraint WHERE contype = 'c' AND \
         conrelid = '{name}'::regclass LOOP EXECUTE format('ALTER TABLE {name} DROP CONSTRAINT %I', c); \
         END LOOP; END $$;"
    );
    let _ = writeln!(script, "{drop_checks} INSERT INTO {name} VALUES ({});", values.join(", "));
}

async fn tell(client: &Client, scale: &Scale) -> Result<(), tokio_postgres::Error> {
    let script = format!("{ROWS}; {VALUES}");
    let script = script.replace("{rows}", &scale.rows.to_string()).replace("{tenant}", TENANT);
    client.batch_execute(&script.replace("{organizations}", &scale.organizations.to_string())).await
}

/// The plan of a statement, as JSON; `number` names it.
pub(in crate::testing) async fn plan_of(
    client: &Client,
    number: usize,
    statement: &Ran,
) -> Result<Value, tokio_postgres::Error> {
    let name = format!("tenfold_{number}");
    let parameters = (1..).take_while(|n| statement.text.contains(&format!("${n}"))).count();
    let nulls = vec!["NULL"; parameters].join(", ");
    let arguments = if nulls.is_empty() { String::new() } else { format!("({nulls})") };
    client.batch_execute(&format!("PREPARE {name} AS {}", statement.text)).await?;
    let explained = rows(client, &format!("EXPLAIN (FORMAT JSON) EXECUTE {name}{arguments}")).await?;
    client.batch_execute(&format!("DEALLOCATE {name}")).await?;
    let text: String = explained.into_iter().flatten().collect();
    let plan: Value = serde_json::from_str(&text).expect("a plan as JSON is JSON");
    Ok(plan[0]["Plan"].clone())
}

/// The rows of a text without parameters, each column as text.
pub(in crate::testing) async fn rows(
    client: &Client,
    text: &str,
) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
    let messages = client.simple_query(text).await?;
    let row = |message: SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|n| row.get(n).unwrap_or_default().to_owned()).collect())
        }
        _ => None,
    };
    Ok(messages.into_iter().filter_map(row).collect())
}

fn judge(
    schema: &PlannedSchema,
    statement: &Ran,
    plan: &Value,
    scale: &'static str,
) -> Option<(BadPlan, Vec<IndexCandidate>)> {
    let found = schema.judge(plan, Above::default())?;
    let names: Vec<&str> = [&*found.table.name, found.alias].to_vec();
    let asked = shape::asked(&statement.text, &names, &found.table.columns);
    let mut text = String::new();
    write_plan(&mut text, plan, 0);
    let (statement, dialect, fault, plan) = (statement.clone(), Dialect::Postgres, found.fault, text);
    let bad = BadPlan { statement, dialect, fault, scale, plan, index: None, tried: Vec::new() };
    Some((bad, candidates(found.table, &asked)))
}

/// The context of a node of a plan.
#[derive(Clone, Copy, Default)]
struct Above {
    limited: bool,
    sorted: bool,
}

struct TableFound<'a> {
    table: &'a PlannedTable,
    alias: &'a str,
    fault: String,
}

impl PlannedSchema {
    fn judge<'a>(&'a self, node: &'a Value, above: Above) -> Option<TableFound<'a>> {
        let kind = text(node, "Node Type");
        let above = match kind {
            "Limit" => Above { limited: true, sorted: false },
            "Sort" => Above { sorted: above.limited, ..above },
            _ => above,
        };
        if let Some(table) = self.tables.iter().find(|table| table.name == text(node, "Relation Name")) {
            let alias = text(node, "Alias");
            let access = access(node, kind, table, alias, &self.partial);
            let sorts = above.sorted && !self.is_one_row(node, &access);
            let unserved = || sorts.then(|| format!("sorts {} for a page", table.name));
            if let Some(fault) = fault_of(table, &access, sorts).or_else(unserved) {
                return Some(TableFound { table, alias, fault });
            }
        }
        children(node).find_map(|child| {
            // A subquery's rows are not sorted here.
            let is_own = ["SubPlan", "InitPlan"].contains(&text(child, "Parent Relationship"));
            self.judge(child, if is_own { Above::default() } else { above })
        })
    }

    /// Whether an index returns one row at most, because all columns of a unique index are compared for equality.
    fn is_one_row(&self, node: &Value, access: &AccessPath) -> bool {
        let AccessPath::Index { equal, .. } = access else { return false };
        let index = index_of(node);
        let mut columns = self.unique.iter().filter(|(name, _)| name == index).peekable();
        columns.peek().is_some() && columns.all(|(_, column)| equal.contains(column))
    }
}

/// The name of the index that a scan uses, possibly through a bitmap.
fn index_of(node: &Value) -> &str {
    match text(node, "Index Name") {
        "" => children(node).map(index_of).find(|name| !name.is_empty()).unwrap_or_default(),
        name => name,
    }
}

fn access(node: &Value, kind: &str, table: &PlannedTable, alias: &str, partial: &[String]) -> AccessPath {
    let names = [&*table.name, alias];
    let mut conditions = String::from("true");
    index_conditions(node, &mut conditions);
    let searched = shape::condition(&conditions, &names, &table.columns);
    let RequiredColumns { equal, others, .. } =
        shape::condition(text(node, "Filter"), &names, &table.columns);
    let filtered = [equal, others].concat();
    // A partial index holds only the requested rows.
    let walks = searched == RequiredColumns::default()
        && !filtered.is_empty()
        && !partial.iter().any(|name| name == index_of(node));
    if kind == "Seq Scan" || kind == "Sample Scan" || (kind.starts_with("Index") && walks) {
        return AccessPath::Scan;
    }
    AccessPath::Index { equal: searched.equal, filtered }
}

fn index_conditions(node: &Value, conditions: &mut String) {
    let _ = write!(conditions, " AND {}", text(node, "Index Cond"));
    let bitmaps = children(node).filter(|child| text(child, "Node Type").starts_with("Bitmap"));
    bitmaps.for_each(|child| index_conditions(child, conditions));
}

fn text<'a>(node: &'a Value, field: &str) -> &'a str {
    node[field].as_str().unwrap_or_default()
}

fn children(node: &Value) -> impl Iterator<Item = &Value> {
    node["Plans"].as_array().into_iter().flatten()
}

/// A plan with an indented line for each node, like `EXPLAIN`, without costs.
fn write_plan(out: &mut String, node: &Value, depth: usize) {
    let _ = write!(out, "{:depth$}{}", "", text(node, "Node Type"), depth = depth * 2);
    for (word, field) in [("on", "Relation Name"), ("using", "Index Name")] {
        if !text(node, field).is_empty() {
            let _ = write!(out, " {word} {}", text(node, field));
        }
    }
    for field in ["Index Cond", "Filter", "Join Filter", "Hash Cond"] {
        if !text(node, field).is_empty() {
            let _ = write!(out, "; {field}: {}", text(node, field));
        }
    }
    out.push('\n');
    children(node).for_each(|child| write_plan(out, child, depth + 1));
}
