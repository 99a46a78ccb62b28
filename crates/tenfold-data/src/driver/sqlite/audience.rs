//! Whether another process is there to be told of commits.
//!
//! A process registers with a write, and there is one writer at a time. So a transaction that holds the writer sees every
//! registered process.
//! They are looked up only if another process has committed since. `PRAGMA data_version` of the connection that writes shows
//! that: its own commits do not change the number, and those of any other connection do. That this process itself has taken another
//! one for dead is counted.

use std::sync::atomic::Ordering;

use rusqlite::Connection;

use super::connection::{classify, run_statement};
use crate::driver::{Announcement, Call, DriverError, Params};
use crate::statement::Statement;
use crate::value::Value;

/// What the writer knows of other processes: nothing before its first look.
#[derive(Default)]
pub(super) struct Audience(Option<KnownAudience>);

/// Whether there is one, and when that was seen: at which version of the data, and after how many were forgotten.
#[derive(Clone, Copy)]
struct KnownAudience {
    is_there: bool,
    version: i64,
    forgotten: u64,
}

impl Audience {
    /// Whether another process is registered. Call it while the writer holds the write lock.
    pub(super) fn is_there(
        &mut self,
        connection: &Connection,
        announcement: &Announcement,
    ) -> Result<bool, DriverError> {
        let version = version(connection).map_err(|error| classify(&error))?;
        let forgotten = announcement.forgotten.load(Ordering::Acquire);
        if let Some(known) = self.0.filter(|known| (known.version, known.forgotten) == (version, forgotten)) {
            return Ok(known.is_there);
        }
        let found = run(connection, &announcement.audience, std::slice::from_ref(&announcement.process))?;
        let is_there = found > 0;
        self.0 = Some(KnownAudience { is_there, version, forgotten });
        Ok(is_there)
    }

    /// Looks again the next time: what was seen was rolled back.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
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
