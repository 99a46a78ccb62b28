//! Rows whose author does not wait until they are stored. Those that one line inserts one after the other, as a loop
//! that enqueues jobs does, are stored by one statement.

use crate::driver::Deferred;
use crate::entity::Table;
use crate::ownership::OrgId;
use crate::statement::{CallSite, Dialect};
use crate::value::Value;

/// How many rows one statement stores at most, so that no message to the database becomes very long.
const MOST: usize = 1000;

/// Rows of one table that are stored before the next statement of their transaction, or with COMMIT.
pub(crate) struct DeferredRows {
    table: &'static Table,
    rows: Vec<Vec<Value>>,
    /// The organization that the statement runs for.
    tenant: Option<OrgId>,
    /// The line that an error names.
    site: CallSite,
}

impl DeferredRows {
    pub(super) fn one(table: &'static Table, row: Vec<Value>, tenant: Option<OrgId>, site: CallSite) -> Self {
        DeferredRows { table, rows: vec![row], tenant, site }
    }

    /// Whether one statement can store others with these, and an error would name the same line.
    pub(super) fn has_room_for(&self, others: &Self) -> bool {
        std::ptr::eq(self.table, others.table)
            && (self.tenant, self.site) == (others.tenant, others.site)
            && self.rows.len() + others.rows.len() <= MOST
    }

    pub(super) fn join(&mut self, others: Self) {
        self.rows.extend(others.rows);
    }

    /// The statement that stores them.
    pub(super) fn statement(self, dialect: Dialect) -> Deferred {
        let rows = self.rows.len() as u64;
        let (statement, sets) = self.table.insert_rows(self.rows, dialect);
        Deferred { statement, sets, rows, tenant: self.tenant, site: self.site }
    }
}
