//! A statement's text, its name, and the record that is kept of each run.

use std::borrow::Cow;
use std::panic::Location;
use std::sync::OnceLock;
use std::time::Duration;

use crate::trace::TraceContext;
use crate::value::Kind;

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
    /// A generated load by a key or foreign key, or by a few: inline on SQLite, on a shared lane on PostgreSQL, where its
    /// text leaves the planner no choice, so that one plan is kept.
    Key,
    /// The same by any number of keys, for which PostgreSQL plans each time.
    Keys,
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
    /// For a load of one row on PostgreSQL: the text that does the same for lists, one for each parameter, and says last in each
    /// row in which place of the lists its parameters stand.
    pub merged: Option<&'static str>,
    /// Whether an author wrote the text. A generated one names its organization; a text by an author is held to it by the
    /// database where it can (PostgreSQL's row-level security).
    pub is_authors: bool,
    /// The table of an entity whose rows belong to no organization, for a text that is generated for it.
    pub global: Option<&'static str>,
    /// What an author's text is read as, to be compared with the columns that it gives; empty if it was compared before.
    pub reads: &'static [Kind],
    /// Whether SQLite, which numbers parameters by their first appearance, numbers them as the text does; once it is known.
    pub in_order: OnceLock<bool>,
}

impl Statement {
    pub(crate) fn new(
        name: impl Into<Cow<'static, str>>,
        module: &'static str,
        text: impl Into<Cow<'static, str>>,
        cost: Cost,
    ) -> Self {
        let (name, text) = (name.into(), text.into());
        let (merged, is_authors, global) = (None, false, None);
        Statement {
            name,
            module,
            text,
            cost,
            merged,
            is_authors,
            global,
            reads: &[],
            in_order: OnceLock::new(),
        }
    }

    /// The same for as long as the process lives: for the texts that each entity and relation has once. Their record
    /// then borrows them, run after run.
    pub(crate) fn lasting(self) -> Self {
        fn lasting(text: Cow<'static, str>) -> Cow<'static, str> {
            match text {
                Cow::Borrowed(text) => Cow::Borrowed(text),
                Cow::Owned(text) => Cow::Borrowed(text.leak()),
            }
        }
        Statement { name: lasting(self.name), text: lasting(self.text), ..self }
    }
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

/// What of a transaction takes time besides its statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// Waiting for a connection or for SQLite's writer. BEGIN takes no time of its own: on PostgreSQL it travels with the
    /// first statement, but behind a pooler, where it counts here.
    Begin,
    /// COMMIT, until it is on the disk, and the statements that travel with it; on SQLite with the group that it is
    /// committed in.
    Commit,
}

impl Boundary {
    /// What errors call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Boundary::Begin => "transaction.begin",
            Boundary::Commit => "transaction.commit",
        }
    }
}

/// What is known of the beginning or the end of one transaction. A rollback is not told of.
#[derive(Clone, Debug)]
pub struct TransactionRecord {
    /// Which of the two.
    pub boundary: Boundary,
    /// The work that it belongs to.
    pub trace: TraceContext,
    /// Who opened it.
    pub site: CallSite,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether it failed.
    pub outcome: Outcome,
}

/// What repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RepeatKind {
    /// A statement that reads.
    Read,
    /// A statement that changes rows, or enqueues a job.
    Write,
    /// A call to another module.
    Call,
}

impl RepeatKind {
    /// What metrics and log lines call it.
    pub fn as_str(self) -> &'static str {
        match self {
            RepeatKind::Read => "read",
            RepeatKind::Write => "write",
            RepeatKind::Call => "call",
        }
    }

    /// How once for all is said.
    fn way_out(self) -> &'static str {
        match self {
            RepeatKind::Read => {
                "load what the loop needs with one statement: touch a relation of the list's rows \
                 (`row.relation.get(&cx)`), take `find_many` with all keys, or filter by `any_of` all values\n  \
                 if it has to repeat, say why: `.repeated(\"…\")` on the query, or `&cx.repeating(\"…\")` for a load by key"
            }
            RepeatKind::Write => {
                "write all rows with one statement: `insert_many` for new ones, \
                 `query().filter(key.any_of(…)).update()` or `.delete(tx)` for those that change alike, `sql!` where \
                 each gets a value of its own; one job for all instead of one job each\n  \
                 if it has to repeat, say why: write through `&tx.repeating(\"…\")`, or `.repeated(\"…\")` on `sql!`"
            }
            RepeatKind::Call => {
                "ask the other module once for all: call its method that takes a list, before the loop, or declare \
                 that method with `#[call(batch_by = \"…\", one = \"…\")]` and give the one for a key the `Ref` of \
                 the list's rows\n  \
                 if it has to repeat, say why: call it with `&cx.repeating(\"…\")`"
            }
        }
    }
}

/// A read, a write or a call that ran again and again in one piece of work, each time with other parameters: an N+1.
#[derive(Clone, Debug)]
pub struct RepeatedRecord {
    /// Which of them.
    pub kind: RepeatKind,
    /// The statement's name; of a call `module.method`.
    pub name: Cow<'static, str>,
    /// The module that owns it.
    pub module: &'static str,
    /// The statement's text; a call has none.
    pub text: Cow<'static, str>,
    /// The work that asked for it.
    pub trace: TraceContext,
    /// Where it is asked for: the line in the loop, or in the helper that the loop calls.
    pub site: CallSite,
    /// The author's lines that led there, the innermost first, as `file:line`: among them the loop. Empty unless
    /// [`Observer::wants_callers`], and in programs without line numbers.
    pub callers: Vec<String>,
    /// How often it ran with other parameters.
    pub times: u32,
}

impl std::fmt::Display for RepeatedRecord {
    /// What it is, where, and what to do about it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let RepeatedRecord { kind, name, module, site, callers, times, .. } = self;
        let what = if *kind == RepeatKind::Call { "the call " } else { "" };
        write!(
            f,
            "N+1: {what}{name} (module {module}) ran {times} times in one piece of work, each time with other parameters\n  \
             asked for at {site}\n  "
        )?;
        for caller in callers {
            write!(f, "called from {caller}\n  ")?;
        }
        f.write_str(kind.way_out())
    }
}

/// A transaction whose closure waited for something that is not the database.
#[derive(Clone, Debug)]
pub struct WaitRecord {
    /// The work that it belongs to.
    pub trace: TraceContext,
    /// Who opened it.
    pub site: CallSite,
}

impl std::fmt::Display for WaitRecord {
    /// What it is, where, and what to do about it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "a transaction waited for something that is not the database\n  \
             opened at {}\n  \
             meanwhile it holds SQLite's one writer, on PostgreSQL a connection and its locks: do it before the \
             transaction, or in a job that the transaction enqueues",
            self.site
        )
    }
}

/// Is told of every statement that reaches a database and of every call between modules; metrics and tests
/// listen here. Both are called on the task that waited: do not block.
pub trait Observer: Send + Sync {
    /// Called after each statement.
    fn statement(&self, record: &StatementRecord);

    /// Called after each call between modules; a batch of calls is one.
    fn call(&self, _record: &CallRecord) {}

    /// Called when a transaction has begun, and when it is committed; neither is counted as a statement.
    fn transaction(&self, _record: &TransactionRecord) {}

    /// Called at the end of a piece of work, once for each statement and call that repeated in it.
    fn repeated(&self, _record: &RepeatedRecord) {}

    /// Whether an N+1 is told with the lines that led to it. They are read from a backtrace, which takes up to half
    /// a second: for tests.
    fn wants_callers(&self) -> bool {
        false
    }

    /// Called once for each transaction whose closure waits for something that is not the database.
    fn waited(&self, _record: &WaitRecord) {}
}
