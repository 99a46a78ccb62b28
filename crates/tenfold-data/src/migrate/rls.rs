//! Row-level security on PostgreSQL, the second layer of tenancy, and the privileges of the application's role; see
//! decision 19.
//!
//! Policies are not written by hand: after each migration, every table whose key begins with `org_id` gets them. The
//! role of `database.url` gets SELECT, INSERT, UPDATE and DELETE on every table, if it is not the role that migrates.
//! The tables of search indexes get neither: a function reads them, which that role may execute, see `search.rs`. All
//! steps first check what exists, so that a start of the application takes no locks.

use std::fmt;
use std::panic::Location;

use super::run::run;
use crate::database::Database;
use crate::driver::{DriverError, DriverTransaction};
use crate::error::DataError;
use crate::statement::Dialect;
use crate::value::Value;

/// The policies. A row is visible if one of them passes it.
///
/// After a SET LOCAL has ended, the setting is '' and not NULL, hence `nullif`. The sub-selects make the planner read
/// the setting once for each statement and not once for each row. FORCE makes the policies apply to the owner as well.
/// Views read with the privileges of the caller: with those of their owner they would not be restricted to the caller's
/// organization.
const RAISE: &str = r#"
DO $tenfold$
DECLARE
    runtime text := nullif(current_setting('tenfold.runtime_role', true), '');
    found record;
BEGIN
    FOR found IN
        SELECT c.oid::regclass AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced,
               EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = c.oid AND polname = 'tenfold_tenant') AS tenant,
               EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = c.oid AND polname = 'tenfold_system') AS system
        FROM pg_class c
        JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] AND a.attname = 'org_id'
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
    LOOP
        IF NOT found.forced THEN
            EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', found.name);
        END IF;
        IF NOT found.tenant THEN
            EXECUTE format('CREATE POLICY tenfold_tenant ON %s USING '
                '(org_id = (SELECT nullif(current_setting(''tenfold.org'', true), '''')::uuid))', found.name);
        END IF;
        IF NOT found.system THEN
            EXECUTE format('CREATE POLICY tenfold_system ON %s USING '
                '((SELECT current_setting(''tenfold.reach'', true)) = ''system'')', found.name);
        END IF;
    END LOOP;
    FOR found IN
        SELECT c.oid::regclass AS name, c.relkind AS kind, c.relname = 'tenfold_migrations' AS is_history,
               coalesce(c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false) AS invoker
        FROM pg_class c
        WHERE c.relkind IN ('r', 'p', 'v') AND c.relnamespace = current_schema()::regnamespace
              AND pg_has_role(c.relowner, 'USAGE')
              AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = c.oid AND deptype = 'e')
              AND coalesce(obj_description(c.oid, 'pg_class'), '') NOT LIKE '-- tenfold: search %'
    LOOP
        IF found.kind = 'v' AND NOT found.invoker THEN
            EXECUTE format('ALTER VIEW %s SET (security_invoker = true)', found.name);
        END IF;
        IF runtime <> current_user AND found.is_history
           AND NOT has_table_privilege(runtime, found.name, 'SELECT') THEN
            EXECUTE format('GRANT SELECT ON %s TO %I', found.name, runtime);
        ELSIF runtime <> current_user AND NOT found.is_history
              AND NOT (has_table_privilege(runtime, found.name, 'SELECT')
                       AND has_table_privilege(runtime, found.name, 'INSERT')
                       AND has_table_privilege(runtime, found.name, 'UPDATE')
                       AND has_table_privilege(runtime, found.name, 'DELETE')) THEN
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', found.name, runtime);
        END IF;
    END LOOP;
    FOR found IN
        SELECT c.oid::regclass AS name FROM pg_class c
        WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND pg_has_role(c.relowner, 'USAGE')
              AND obj_description(c.oid, 'pg_class') LIKE '-- tenfold: search %'
              AND runtime <> current_user AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = runtime)
              AND has_table_privilege(runtime, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM PUBLIC, %I', found.name, runtime);
    END LOOP;
    FOR found IN
        SELECT p.oid::regprocedure AS name FROM pg_proc p
        WHERE p.pronamespace = current_schema()::regnamespace AND pg_has_role(p.proowner, 'USAGE')
              AND p.prosecdef AND p.proname LIKE '%\_search\_found'
              AND runtime <> current_user AND NOT has_function_privilege(runtime, p.oid, 'EXECUTE')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', found.name, runtime);
    END LOOP;
    IF runtime <> current_user AND NOT has_schema_privilege(runtime, current_schema(), 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), runtime);
    END IF;
END
$tenfold$"#;

/// How the role of `database.url` is restricted; one row.
const LOOK: &str = "
SELECT CASE WHEN (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN 'superuser'
            WHEN (SELECT rolbypassrls FROM pg_roles WHERE rolname = current_user) THEN 'bypassrls'
            WHEN EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace
                         AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'USAGE')) THEN 'owner'
            ELSE 'apart' END || ' ' || current_user";

/// The tables with `org_id` that have row-level security, or those that do not.
const TABLES: &str = "
SELECT c.relname::text FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id'
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
      AND (c.relrowsecurity AND c.relforcerowsecurity) = $1
ORDER BY c.relname";

/// Whether the database itself separates organizations, in addition to the program's types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowLevelSecurity {
    /// How far the role is restricted.
    pub holds: Holds,
    /// The role of `database.url`.
    pub role: String,
    /// The tables with row-level security.
    pub tables: Vec<String>,
    /// Tables with a column `org_id` but without row-level security, because their key does not begin with it.
    pub outside: Vec<String>,
}

/// How far row-level security restricts the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// SQLite has no row-level security. Only the types and `tenfold check` separate organizations.
    Nobody,
    /// The application bypasses it: its role is a superuser or has BYPASSRLS.
    Bypassed,
    /// The application is restricted, but owns the tables and could turn it off.
    Owner,
    /// The application is restricted, and owns no tables.
    Everybody,
}

impl fmt::Display for RowLevelSecurity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.tables.len();
        match self.holds {
            Holds::Nobody => return f.write_str("off: SQLite has no row-level security"),
            Holds::Bypassed => write!(
                f,
                "off: the role {} of database.url passes it, being a superuser or having BYPASSRLS; give the \
                 application a role that owns nothing, and database.migrate_url the owner's",
                self.role
            )?,
            Holds::Owner => write!(
                f,
                "on for {count} tables, but the role {} of database.url owns them and could take it down; give the \
                 application a role that owns nothing, and database.migrate_url the owner's",
                self.role
            )?,
            Holds::Everybody => write!(f, "on for {count} tables, and the role {} owns none", self.role)?,
        }
        if self.outside.is_empty() {
            return Ok(());
        }
        write!(f, "; outside it, since their keys do not begin with org_id: {}", self.outside.join(", "))
    }
}

impl Database {
    /// Whether the database itself separates organizations, for the role of `database.url`.
    ///
    /// # Errors
    /// Any error of the statements.
    pub async fn row_level_security(&self) -> Result<RowLevelSecurity, DataError> {
        if self.dialect() == Dialect::Sqlite {
            let none = Vec::new;
            return Ok(RowLevelSecurity {
                holds: Holds::Nobody,
                role: String::new(),
                tables: none(),
                outside: none(),
            });
        }
        look(self).await.map_err(|error| error.at("rls.look", Location::caller()))
    }
}

async fn look(database: &Database) -> Result<RowLevelSecurity, DriverError> {
    let transaction = database.driver().begin(None, None).await?;
    let who = run(&*transaction, "rls.role", LOOK, &[]).await?.pop().unwrap_or_default();
    let (kind, role) = who.split_once(' ').unwrap_or_default();
    let holds = match kind {
        "apart" => Holds::Everybody,
        "owner" => Holds::Owner,
        _ => Holds::Bypassed,
    };
    let tables = run(&*transaction, "rls.tables", TABLES, &[Value::Boolean(true)]).await?;
    let outside = run(&*transaction, "rls.tables", TABLES, &[Value::Boolean(false)]).await?;
    transaction.commit().await?;
    Ok(RowLevelSecurity { holds, role: role.to_owned(), tables, outside })
}

/// Enables row-level security where it is missing, and grants the application's role what it needs. Call it at the end
/// of a transaction that migrates.
pub(super) async fn raise(
    dialect: Dialect,
    transaction: &dyn DriverTransaction,
    runtime_role: &str,
) -> Result<(), DriverError> {
    if dialect == Dialect::Sqlite {
        return Ok(());
    }
    let name = "SELECT set_config('tenfold.runtime_role', $1, true)";
    run(transaction, "rls.role", name, &[Value::Text(runtime_role.to_owned())]).await?;
    transaction.script(RAISE).await
}
