//! Whether another process is there to be told of commits.
//!
//! A process registers with a write, and there is one writer at a time. So a transaction that holds the writer sees every
//! registered process.
//! They are looked up only if another process has committed since. The counter in the WAL index shows that: each commit
//! of any process counts one.

use rusqlite::Connection;

use super::connection::run_statement;
use super::wal_index::WalIndex;
use crate::driver::{Announcement, Call, DriverError, Params};
use crate::statement::Statement;
use crate::value::Value;

/// What the writer knows of other processes.
pub(super) struct Audience {
    index: Option<WalIndex>,
    known: Option<KnownAudience>,
}

/// Whether there is one, and the counter up to which only this writer has committed.
#[derive(Clone, Copy)]
struct KnownAudience {
    is_there: bool,
    commits: u32,
}

impl Audience {
    pub(super) fn new(index: Option<WalIndex>) -> Self {
        Audience { index, known: None }
    }

    /// Whether another process is registered. Call it while the writer holds the write lock.
    pub(super) fn is_there(
        &mut self,
        connection: &Connection,
        announcement: &Announcement,
    ) -> Result<bool, DriverError> {
        let commits = self.index.as_ref().and_then(WalIndex::head).map(|head| head.commits());
        if let Some(known) = self.known.filter(|known| Some(known.commits) == commits) {
            return Ok(known.is_there);
        }
        let found = run(connection, &announcement.audience, std::slice::from_ref(&announcement.process))?;
        let is_there = found > 0;
        self.known = commits.map(|commits| KnownAudience { is_there, commits });
        Ok(is_there)
    }

    /// The writer has committed. If that changed nothing, or the counter began anew, the next look finds another number
    /// than expected, and the processes are looked up.
    pub(super) fn note_own_commit(&mut self) {
        if let Some(known) = &mut self.known {
            known.commits = known.commits.wrapping_add(1);
        }
    }
}

/// Stores what other processes are told.
pub(super) fn insert(
    connection: &Connection,
    announcement: &Announcement,
    what: String,
) -> Result<(), DriverError> {
    run(connection, &announcement.insert, &[announcement.process.clone(), Value::Text(what)]).map(drop)
}

fn run(connection: &Connection, statement: &Statement, params: &[Value]) -> Result<u64, DriverError> {
    let (params, tenant, deadline) = (Params::One(params), None, None);
    run_statement(connection, Call { statement, params, tenant, deadline, sink: &mut |_| Ok(()) })
}
