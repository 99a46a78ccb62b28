//! The connection that writes, and the group of transactions that the next COMMIT stores.

use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::audience::{Audience, insert};
use super::connection::{classify, execute};
use super::holder::WriterHolder;
use crate::driver::{CommitOutcome, DriverError, Unsettled};
use crate::error::Source;
use crate::waited::WaitMeter;

/// The pause before trying again to get the write lock from another process.
const BUSY_PAUSE: Duration = Duration::from_millis(2);
/// How long another process may hold the write lock before a transaction without a deadline gives up.
const BUSY_LIMIT: Duration = Duration::from_secs(10);

pub(super) struct GroupState {
    pub connection: Connection,
    /// The members of the open outer transaction, to be told how it ends.
    pub group: Option<Vec<GroupMember>>,
    audience: Audience,
}

/// A transaction that is done except for its group's COMMIT.
pub(super) struct GroupMember {
    /// The caller, which may be gone.
    pub caller: oneshot::Sender<Result<(), DriverError>>,
    pub unsettled: Unsettled,
}

impl GroupMember {
    /// Tells how the group ended, the caller last. A caller that is gone does not need the result.
    fn tell(self, outcome: CommitOutcome, result: Result<(), DriverError>) {
        self.unsettled.settle(outcome);
        let _ = self.caller.send(result);
    }
}

impl GroupState {
    pub(super) fn new(connection: Connection) -> Self {
        GroupState { connection, group: None, audience: Audience::default() }
    }

    /// Begins the outer transaction if there is none. `BEGIN IMMEDIATE` takes the write lock at once. A read
    /// transaction that became a write later could fail with SQLITE_BUSY_SNAPSHOT however long it waited.
    ///
    /// `holder` and `meter` are told how long another process had that lock.
    pub(super) async fn open_group(
        &mut self,
        holder: &WriterHolder,
        meter: &WaitMeter,
    ) -> Result<(), DriverError> {
        if self.group.is_some() {
            return Ok(());
        }
        let give_up = Instant::now() + BUSY_LIMIT;
        let mut waits = None;
        loop {
            match execute(&self.connection, "BEGIN IMMEDIATE") {
                Ok(()) => break,
                Err(error) => match classify(&error) {
                    busy @ DriverError::Overloaded(_) if Instant::now() >= give_up => return Err(busy),
                    DriverError::Overloaded(_) => {
                        waits.get_or_insert_with(|| holder.waits_outside(meter));
                        tokio::time::sleep(BUSY_PAUSE).await;
                    }
                    other => return Err(other),
                },
            }
        }
        drop(waits);
        self.group = Some(Vec::new());
        Ok(())
    }

    /// Called after an error: if SQLite has ended the outer transaction, tells all its members.
    pub(super) fn check_group(&mut self, error: DriverError) -> DriverError {
        if self.group.is_none() || !self.connection.is_autocommit() {
            return error;
        }
        let source = source(error);
        for member in self.group.take().unwrap_or_default() {
            member.tell(CommitOutcome::RolledBack, Err(DriverError::GroupLost(source.clone())));
        }
        DriverError::GroupLost(source)
    }

    /// Undoes the open savepoint.
    pub(super) fn roll_back_member(&mut self) {
        if self.group.as_ref().is_some_and(|members| !members.is_empty()) {
            // If even this fails, the connection is broken, and the next COMMIT reports it to its group.
            let _ = self.connection.execute_batch("ROLLBACK TO member; RELEASE member");
        }
        self.end_empty_group();
    }

    /// Rolls back a group without members: it has nothing to store, and other processes must not wait for its lock.
    pub(super) fn end_empty_group(&mut self) {
        if self.group.as_ref().is_some_and(Vec::is_empty) {
            let _ = self.connection.execute_batch("ROLLBACK");
            if self.connection.is_autocommit() {
                self.group = None;
            }
        }
    }

    /// Commits the group and tells its members. Returns how many there were.
    pub(super) fn commit_group(&mut self) -> Option<usize> {
        let members = self.group.take()?;
        let count = members.len();
        let result = self.announce(&members).and_then(|()| {
            execute(&self.connection, "COMMIT").map_err(|error| Source::new(error.to_string()))
        });
        if result.is_err() {
            self.audience.forget();
            if !self.connection.is_autocommit() {
                let _ = self.connection.execute_batch("ROLLBACK");
            }
        }
        let outcome = match &result {
            Ok(()) => CommitOutcome::Committed,
            Err(_) if self.connection.is_autocommit() => CommitOutcome::RolledBack,
            Err(_) => CommitOutcome::Unknown,
        };
        for member in members {
            member.tell(outcome, result.clone().map_err(DriverError::GroupLost));
        }
        Some(count)
    }

    /// Tells other processes, if there are any, of a group that is about to be committed: by one row with a line for each
    /// member that tells something new.
    fn announce(&mut self, members: &[GroupMember]) -> Result<(), Source> {
        let mut told = members.iter().filter_map(|member| member.unsettled.announcement());
        let Some((announcement, first)) = told.next() else { return Ok(()) };
        let is_there = self.audience.is_there(&self.connection, announcement);
        if !is_there.map_err(source)? {
            return Ok(());
        }
        let mut lines = vec![first()];
        lines.extend(told.map(|(_, line)| line()));
        lines.sort_unstable();
        lines.dedup();
        insert(&self.connection, announcement, lines.join("\n")).map_err(source)
    }
}

fn source(error: DriverError) -> Source {
    match error {
        DriverError::Unavailable(source) | DriverError::Other(source) => source,
        other => Source::new(format!("{other:?}")),
    }
}
