//! Which tables still have rows of an organization: what shows that it was erased.

use std::panic::Location;

use crate::context::{Caller as _, SystemContext};
use crate::database::Database;
use crate::error::DataError;
use crate::ownership::OrgId;
use crate::query::Target;
use crate::statement::{Dialect, Statement, StatementCost};
use crate::value::ColumnType as _;

/// The name of the statement, which alone reads the tables of all modules.
pub(crate) const ROWS_LEFT: &str = "tenfold.rows_left";

/// How many tables one statement looks into: SQLite joins up to 500 selects.
const TABLES_AT_ONCE: usize = 100;

impl SystemContext {
    /// The tables of modules that still have rows of an organization: all tables with a column `org_id` are looked into, also those that
    /// no entity describes. Sorted. An index must begin with that column, else the table is scanned.
    ///
    /// # Errors
    /// Any error of the statement.
    #[track_caller]
    pub fn tables_with_rows_of(
        &self,
        organization: OrgId,
    ) -> impl Future<Output = Result<Vec<String>, DataError>> + Send + use<> {
        let cx = self.repeating("some tables at a time");
        let target = Target::of(&cx.origin(), false, Location::caller());
        async move {
            let target = target?;
            let tables = target.scope.database().owned().naming_an_organization();
            let mut found = Vec::new();
            for some in tables.chunks(TABLES_AT_ONCE) {
                let statement = look_into(some, target.scope.database().dialect());
                let params = [organization.to_value()];
                found.extend(target.fetch(&statement, &params, |row| row.text(0)).await?);
            }
            Ok(found)
        }
    }
}

impl Database {
    /// The tables of modules whose rows belong to organizations, since their keys begin with `org_id`. Sorted; none before the
    /// migrations have run.
    pub fn tables_of_organizations(&self) -> Vec<String> {
        self.owned().owned()
    }
}

/// The names come from the database's schema.
fn look_into(tables: &[String], dialect: Dialect) -> Statement {
    // The driver of PostgreSQL gives each parameter a type of its own use.
    let organization = match dialect {
        Dialect::Sqlite => "$1",
        Dialect::Postgres => "$1::uuid",
    };
    let each = tables.iter().map(|table| {
        format!("SELECT '{table}' AS name WHERE EXISTS (SELECT 1 FROM {table} WHERE org_id = {organization})")
    });
    let text = each.collect::<Vec<_>>().join(" UNION ALL ");
    Statement::new(ROWS_LEFT, "tenfold-data", text, StatementCost::Free)
}
