//! The second layer of tenancy, as a connection sees it: row-level security, see `migrate/rls.rs`.
//!
//! A connection starts with reach `system`: statements that run on it directly were generated, and their types carry
//! the organization. Before an author's text runs for an organization, and before a transaction of one, the reach is
//! narrowed to that organization until the transaction ends. A plain SET is never used: it would outlive the
//! transaction, and the connection's next user would act for the wrong organization.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::Instant;

use crate::driver::{Pooler, PostgresSettings};
use crate::ownership::OrgId;

/// The meaning of a text, and whether it runs, must not depend on what an administrator set for a server, a role or a
/// database. So each of these is set: once on a connection of our own, and with each transaction behind a pooler. Times
/// are UTC as in SQLite. Empty lists rely on `array_nulls`, and row-level security on `row_security`.
///
/// Two settings are left to the administrator: `search_path`, which says where the tables are, and
/// `synchronous_commit`, which says how many machines must have a commit. The URL's `options` come after these.
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

/// The reach of a connection that acts for no organization yet.
const SYSTEM: &str = "system";

/// What stands between us and the server. It decides where settings are kept.
pub(super) enum SessionSettings {
    /// Nothing: a connection keeps its settings and its prepared statements.
    Own,
    /// A pooler that gives each transaction another connection. Every transaction sets its own timeouts.
    Shared { statement_timeout: Duration, idle_timeout: Duration },
}

impl SessionSettings {
    pub(super) fn new(settings: &PostgresSettings) -> Self {
        match settings.pooler {
            Pooler::None => SessionSettings::Own,
            Pooler::Transaction => SessionSettings::Shared {
                statement_timeout: settings.statement_timeout,
                idle_timeout: settings.idle_in_transaction_timeout,
            },
        }
    }

    /// Whether a connection keeps what is its own: nothing stands between us and the server.
    pub(super) fn is_own(&self) -> bool {
        matches!(self, SessionSettings::Own)
    }

    /// The options of a new connection, as `-c name=value`.
    pub(super) fn options(settings: &PostgresSettings) -> String {
        // A cancel request that arrives just before its statement is lost, and a killed process sends none. So the
        // server checks every second whether the client is still connected (PostgreSQL 14 and later).
        // Outside a transaction nothing can write, as on SQLite, where readers use another connection.
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

    /// The statements that begin a read-only transaction, for an organization or for the system.
    pub(super) fn begin_reading(&self, org: Option<OrgId>, deadline: Option<Instant>) -> String {
        self.begin("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY", org, deadline)
    }

    /// The same for a transaction that writes.
    pub(super) fn begin_writing(&self, org: Option<OrgId>, deadline: Option<Instant>) -> String {
        self.begin("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", org, deadline)
    }

    fn begin(&self, verb: &str, org: Option<OrgId>, deadline: Option<Instant>) -> String {
        let mut text = verb.to_owned();
        if let SessionSettings::Shared { statement_timeout, idle_timeout } = self {
            // Behind a pooler nothing is cancelled, so the server itself ends what is past the deadline.
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

/// From here to the end of the transaction only this organization's rows are visible. `true` means SET LOCAL. SET LOCAL
/// itself would be a third faster, but `pg_stat_statements` would keep an entry for each organization.
pub(super) fn narrow(org: OrgId) -> String {
    format!("SELECT set_config('tenfold.reach', '', true), set_config('tenfold.org', '{}', true)", org.0)
}

/// Undoes [`narrow`], in a system transaction that acts for one organization after the other.
pub(super) fn widen() -> String {
    format!("SELECT set_config('tenfold.reach', '{SYSTEM}', true), set_config('tenfold.org', '', true)")
}
