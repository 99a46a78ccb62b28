//! The second wall of tenancy, as a connection sees it: row-level security, see `migrate/rls.rs`.
//!
//! A connection begins with reach `system`: what travels on it by itself was generated, and carries the organization
//! by its type. Before a text by an author runs for an organization, and before a transaction of one, the reach is
//! narrowed to that organization until the transaction ends. Never by a plain SET: that would outlive the
//! transaction, and the connection's next user would act for somebody else's organization.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::Instant;

use crate::driver::{Pooler, PostgresSettings};
use crate::ownership::OrgId;

/// What a text means, and whether it runs, must not depend on what an administrator set for a server, a role or a
/// database. So each of these is set, on a connection of our own once, behind a pooler with each transaction. Times are
/// UTC as in SQLite. `array_nulls` is what an empty list relies on, `row_security` the second wall.
///
/// Not among them, since they are for the administrator to choose: `search_path`, which says where the tables are, and
/// `synchronous_commit`, which says how many machines must have a commit. The URL's `options` come behind these.
const FIXED: [(&str, &str); 11] = [
    ("default_transaction_isolation", "read committed"),
    ("lock_timeout", "0"),
    ("row_security", "on"),
    ("standard_conforming_strings", "on"),
    ("array_nulls", "on"),
    ("transform_null_equals", "off"),
    ("timezone", "UTC"),
    ("datestyle", "ISO, MDY"),
    ("intervalstyle", "postgres"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
];

/// Whoever has not said for whom he acts reaches no organization's rows.
const SYSTEM: &str = "system";

/// What stands between us and the server, which decides where settings are kept.
pub(super) enum Session {
    /// Nothing: a connection keeps its settings and its prepared statements.
    Own,
    /// A pooler that gives each transaction another connection: every transaction begins with its bounds.
    Shared { statement_timeout: Duration, idle_timeout: Duration },
}

impl Session {
    pub(super) fn new(settings: &PostgresSettings) -> Self {
        match settings.pooler {
            Pooler::None => Session::Own,
            Pooler::Transaction => Session::Shared {
                statement_timeout: settings.statement_timeout,
                idle_timeout: settings.idle_in_transaction_timeout,
            },
        }
    }

    /// What a new connection is told, as `-c name=value`.
    pub(super) fn options(settings: &PostgresSettings) -> String {
        // A cancel request that comes a moment before its statement is lost, and a process that was killed sends none:
        // so the server looks every second whether anybody is still there (PostgreSQL 14 and later).
        // As on SQLite, where readers are another connection: outside a transaction nothing can write.
        let mut options = format!(
            "-c default_transaction_read_only=on -c tenfold.reach={SYSTEM} \
             -c client_connection_check_interval=1000 -c statement_timeout={} \
             -c idle_in_transaction_session_timeout={} -c idle_session_timeout=0",
            settings.statement_timeout.as_millis(),
            settings.idle_in_transaction_timeout.as_millis()
        );
        for (name, value) in FIXED {
            let _ = write!(options, " -c {name}={}", value.replace(' ', "\\ "));
        }
        options
    }

    /// The statements that begin a transaction which reads, for an organization or for the system.
    pub(super) fn begin_reading(&self, org: Option<OrgId>, deadline: Option<Instant>) -> String {
        self.begin("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY", org, deadline)
    }

    /// The same for one that writes.
    pub(super) fn begin_writing(&self, org: Option<OrgId>, deadline: Option<Instant>) -> String {
        self.begin("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", org, deadline)
    }

    fn begin(&self, verb: &str, org: Option<OrgId>, deadline: Option<Instant>) -> String {
        let mut text = verb.to_owned();
        if let Session::Shared { statement_timeout, idle_timeout } = self {
            // Nothing is cancelled behind a pooler, so the server itself ends what is past the deadline.
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let bound =
                left.map_or(*statement_timeout, |left| left.min(*statement_timeout)).as_millis().max(1);
            let _ = write!(
                text,
                "; SELECT set_config('statement_timeout', '{bound}', true), \
                 set_config('idle_in_transaction_session_timeout', '{}', true), \
                 set_config('tenfold.reach', '{SYSTEM}', true)",
                idle_timeout.as_millis()
            );
            for (name, value) in FIXED {
                let _ = write!(text, ", set_config('{name}', '{value}', true)");
            }
        }
        if let Some(org) = org {
            let _ = write!(text, "; {}", narrow(org));
        }
        text
    }
}

/// From here to the end of the transaction only this organization's rows are there. `true` is SET LOCAL, which itself
/// would be a third faster, but `pg_stat_statements` would keep an entry for each organization.
pub(super) fn narrow(org: OrgId) -> String {
    format!("SELECT set_config('tenfold.reach', '', true), set_config('tenfold.org', '{}', true)", org.0)
}

/// Takes [`narrow`] back, in a transaction of the system that acts for one organization after the other.
pub(super) fn widen() -> String {
    format!("SELECT set_config('tenfold.reach', '{SYSTEM}', true), set_config('tenfold.org', '', true)")
}
