//! What the statements of a transaction change, noted for the feed.
//!
//! Note a change once its statement has run. A transaction with a statement that failed, or whose answer was not awaited,
//! is never committed.

use super::Scope;
use super::asker::Asker;
use crate::cache::{Defence, is_on};
use crate::feed::write_set::WrittenKeys;

impl Scope {
    /// Notes that rows of a table were stored or changed.
    pub(crate) fn note_write(&self, asker: &Asker, table: &'static str, keys: WrittenKeys) {
        if let Some(connection) = &asker.connection {
            // Another struct of the table may read it without an organization.
            let tenant = asker.tenant.filter(|_| self.database.owned().contains(table));
            connection.writes().add(tenant, table, keys);
        }
    }

    /// Notes that rows of a table were deleted, and with them what refers to them.
    pub(crate) fn note_delete(&self, asker: &Asker, table: &'static str, keys: WrittenKeys) {
        self.note_write(asker, table, keys);
        let reached = self.database.cascades().reach(table).filter(|_| is_on(Defence::Cascades));
        let (Some(connection), Some(reached)) = (&asker.connection, reached) else { return };
        for table in reached.iter() {
            let tenant = asker.tenant.filter(|_| self.database.owned().contains(table));
            connection.writes().add(tenant, table.clone(), WrittenKeys::Any);
        }
    }

    /// Notes that an author's text may have deleted rows of a table, perhaps of all organizations.
    pub(crate) fn note_deletions(&self, asker: &Asker, table: &'static str, keys: WrittenKeys) {
        let tenant = asker.tenant.filter(|_| self.database.owned().contains(table));
        self.note_delete(&Asker { tenant, ..asker.clone() }, table, keys);
    }
}
