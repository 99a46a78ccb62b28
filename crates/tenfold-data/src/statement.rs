//! A statement's text, its name, and the record that is kept of each run.

use std::borrow::Cow;
use std::panic::Location;
use std::time::Duration;

use crate::entity::OrgId;
use crate::trace::TraceContext;

/// The author's file and line that asked for a statement.
pub type CallSite = &'static Location<'static>;

/// Which database a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite, inside the process.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// The name that OpenTelemetry's `db.system.name` has for it.
    pub fn system_name(self) -> &'static str {
        match self {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgresql",
        }
    }
}

/// How much a statement can cost, which decides where it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    /// A generated load by key or foreign key: inline on SQLite, on a shared lane on PostgreSQL.
    Key,
    /// A page that an index serves: inline on SQLite, a connection of its own on PostgreSQL.
    Page,
    /// Anything else: a reader thread on SQLite, a connection of its own on PostgreSQL.
    Free,
}

/// One text for one database, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// `table.verb`, or the name its author gave it: what metrics, traces and errors call it.
    pub name: Cow<'static, str>,
    /// The module that owns it.
    pub module: &'static str,
    pub text: Cow<'static, str>,
    pub cost: Cost,
    /// The organization that a text by its author is held to, by the database where it can (PostgreSQL's row-level
    /// security); generated texts carry theirs.
    pub within: Option<OrgId>,
}

/// How a statement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ran.
    Ok,
    /// It failed; its error went to the caller.
    Failed,
}

/// What is known of one run of a statement.
#[derive(Clone, Debug)]
pub struct StatementRecord {
    /// The statement's name.
    pub name: Cow<'static, str>,
    /// The module that owns it.
    pub module: &'static str,
    /// Its text; the same statement always has the same.
    pub text: Cow<'static, str>,
    /// The work that asked for it.
    pub trace: TraceContext,
    /// Which database it ran on.
    pub dialect: Dialect,
    /// Who asked for it; for a batch, who asked first.
    pub site: CallSite,
    /// From sending it to its last row, waiting for a connection included.
    pub elapsed: Duration,
    /// Rows read or changed.
    pub rows: u64,
    /// Whether it failed.
    pub outcome: Outcome,
}

/// What is known of one call from a module to another.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// The module that was called.
    pub module: &'static str,
    /// The method of its interface.
    pub method: &'static str,
    /// The work that called.
    pub trace: TraceContext,
    /// Who called; for a batch, who called first.
    pub site: CallSite,
    /// From the call to its answer.
    pub elapsed: Duration,
    /// Whether it failed.
    pub outcome: Outcome,
}

/// Is told of every statement that reaches a database and of every call between modules; metrics and tests
/// listen here. Both are called on the task that waited: do not block.
pub trait Observer: Send + Sync {
    /// Called after each statement.
    fn statement(&self, record: &StatementRecord);

    /// Called after each call between modules; a batch of calls is one.
    fn call(&self, _record: &CallRecord) {}
}
