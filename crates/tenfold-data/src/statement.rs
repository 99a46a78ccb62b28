//! A statement's text, its name, and the record of each run.

use std::borrow::Cow;
use std::panic::Location;
use std::sync::OnceLock;
use std::time::Duration;

use crate::trace::TraceContext;
use crate::value::Kind;
use crate::waited::DatabaseWaits;

/// The author's file and line that ran a statement.
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
    /// The database's name in OpenTelemetry's `db.system.name`.
    pub fn system_name(self) -> &'static str {
        match self {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgresql",
        }
    }
}

/// How much a statement can cost. This decides where it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatementCost {
    /// A generated load by one key or foreign key, or by a few: inline on SQLite, on a shared lane on PostgreSQL. There
    /// its text leaves the planner no choice, so that one plan can be reused.
    Key,
    /// The same by any number of keys. PostgreSQL plans it each time.
    Keys,
    /// A page that an index serves: inline on SQLite, a connection of its own on PostgreSQL.
    Page,
    /// Anything else: a reader thread on SQLite, a connection of its own on PostgreSQL.
    Free,
}

/// One text for one database, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// `table.verb`, or the name that its author gave it. Metrics, traces and errors use it.
    pub name: Cow<'static, str>,
    /// The module that owns it.
    pub module: &'static str,
    pub text: Cow<'static, str>,
    pub cost: StatementCost,
    /// Whether an author wrote the text. A generated text names its organization itself. An author's text is restricted
    /// to the organization by the database, if the database can (PostgreSQL's row-level security).
    pub is_authors: bool,
    /// The tables that the author of the text says it changes.
    pub said: Vec<&'static str>,
    /// The table of an entity whose rows belong to no organization, if the text was generated for one.
    pub global: Option<&'static str>,
    /// The kinds that an author's text is read as, to be compared with its columns; empty if they were compared before.
    pub reads: &'static [Kind],
    /// Whether SQLite's parameter numbers, by first appearance, match those in the text. Set on the first run.
    pub in_order: OnceLock<bool>,
}

/// The module of a package: by this name telemetry and the guard over rights know whose a statement is. A module that
/// comes with Tenfold is published as `tenfold-auth` and is the module `auth`. The framework's own crates, and every
/// other package, are called as the package is.
pub const fn module_of(package: &'static str) -> &'static str {
    const MODULES: [&str; 4] = ["tenfold-auth", "tenfold-billing", "tenfold-files", "tenfold-notifications"];
    let mut next = 0;
    while next < MODULES.len() {
        if is_same(package, MODULES[next]) {
            return package.split_at("tenfold-".len()).1;
        }
        next += 1;
    }
    package
}

/// `==`, which a constant cannot use.
const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut place = 0;
    while place < one.len() && place < other.len() && one[place] == other[place] {
        place += 1;
    }
    place == one.len() && place == other.len()
}

impl Statement {
    pub(crate) fn new(
        name: impl Into<Cow<'static, str>>,
        module: &'static str,
        text: impl Into<Cow<'static, str>>,
        cost: StatementCost,
    ) -> Self {
        let (name, text) = (name.into(), text.into());
        let (is_authors, global) = (false, None);
        let (said, in_order) = (Vec::new(), OnceLock::new());
        Statement { name, module, text, cost, is_authors, said, global, reads: &[], in_order }
    }

    /// A version that lives as long as the process: for the texts that each entity and relation has once. Their records
    /// then borrow them in every run.
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
    /// It failed. The caller got the error.
    Failed,
    /// It was given up before its answer: at the deadline of its request, at the limit of its transaction, or because its client had left.
    GivenUp,
}

impl Outcome {
    /// That of something whose result the caller got.
    pub fn of<T, E>(result: &Result<T, E>) -> Self {
        if result.is_ok() { Outcome::Ok } else { Outcome::Failed }
    }
}

/// The record of one run of a statement.
#[derive(Clone, Debug)]
pub struct StatementRecord {
    /// The statement's name.
    pub name: Cow<'static, str>,
    /// The module that owns it.
    pub module: &'static str,
    /// Its text. The same statement always has the same text.
    pub text: Cow<'static, str>,
    /// The trace of the work that ran it.
    pub trace: TraceContext,
    /// Which database it ran on.
    pub dialect: Dialect,
    /// The call site; for a batch, the first one.
    pub site: CallSite,
    /// From sending it to its last row, including its waits.
    pub elapsed: Duration,
    /// What it waited for. Those sent with COMMIT report none: COMMIT does.
    pub waits: DatabaseWaits,
    /// Rows read or changed.
    pub rows: u64,
    /// The tables that an author's text changes, as its author says. `None` for a generated text, which says it itself.
    pub said: Option<Vec<&'static str>>,
    /// Whether it failed.
    pub outcome: Outcome,
    /// Whether it is a generated load by one key, see [`PlanRequest::by_key`](crate::PlanRequest::by_key).
    pub by_key: bool,
}

/// The record of one call from a module to another.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// The module that was called.
    pub module: &'static str,
    /// The method of its interface.
    pub method: &'static str,
    /// The trace of the calling work.
    pub trace: TraceContext,
    /// The call site; for a batch, the first one.
    pub site: CallSite,
    /// From the call to its answer.
    pub elapsed: Duration,
    /// The statements that the calling work sent meanwhile: those of the call, and of what ran beside it.
    pub statements: u64,
    /// Whether it failed.
    pub outcome: Outcome,
}

/// The parts of a transaction that take time besides its statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// Waiting for a connection or for SQLite's writer. On PostgreSQL BEGIN takes no time of its own, because it is
    /// sent with the first statement. Behind a pooler it is sent alone and counts here.
    Begin,
    /// COMMIT, until it is on the disk, and the statements that are sent with it. On SQLite this is the COMMIT of the
    /// whole group.
    Commit,
}

impl Boundary {
    /// Its name in errors.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Boundary::Begin => "transaction.begin",
            Boundary::Commit => "transaction.commit",
        }
    }
}

/// The record of the beginning or the end of one transaction. Rollbacks are not reported.
#[derive(Clone, Debug)]
pub struct TransactionRecord {
    /// Which of the two.
    pub boundary: Boundary,
    /// The trace of the work that it belongs to.
    pub trace: TraceContext,
    /// Where it was opened.
    pub site: CallSite,
    /// How long it took, including its waits.
    pub elapsed: Duration,
    /// How much of that the statements took that were sent with it. They report it themselves.
    pub statements: Duration,
    /// What it waited for.
    pub waits: DatabaseWaits,
    /// Whether it failed.
    pub outcome: Outcome,
}

/// The kind of operation that repeated.
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
    /// Its name in metrics and log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            RepeatKind::Read => "read",
            RepeatKind::Write => "write",
            RepeatKind::Call => "call",
        }
    }

    /// How to do it once for all.
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

/// A read, a write or a call that repeated in one piece of work, each time with other parameters: an N+1.
#[derive(Clone, Debug)]
pub struct RepeatedRecord {
    /// Which of them.
    pub kind: RepeatKind,
    /// The statement's name; for a call, `module.method`.
    pub name: Cow<'static, str>,
    /// The module that owns it.
    pub module: &'static str,
    /// The statement's text; empty for a call.
    pub text: Cow<'static, str>,
    /// The trace of the work that ran it.
    pub trace: TraceContext,
    /// The call site: the line in the loop, or in the helper that the loop calls.
    pub site: CallSite,
    /// The author's lines that led there, the innermost first, as `file:line`; the loop is among them. Empty unless
    /// [`Observer::wants_callers`], and in programs without line numbers.
    pub callers: Vec<String>,
    /// How often it ran with other parameters.
    pub times: u32,
}

impl std::fmt::Display for RepeatedRecord {
    /// What repeats, where, and what to do about it.
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

/// A transaction whose closure waited for something other than the database.
#[derive(Clone, Debug)]
pub struct WaitRecord {
    /// The trace of the work that it belongs to.
    pub trace: TraceContext,
    /// Where it was opened.
    pub site: CallSite,
}

impl std::fmt::Display for WaitRecord {
    /// What waited, where, and what to do about it.
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

/// Receives every statement that reaches a database and every call between modules. Metrics and tests use it. Its
/// methods run on the waiting task, so they must not block.
pub trait Observer: Send + Sync {
    /// Called after each statement.
    fn statement(&self, record: &StatementRecord);

    /// Called after each call between modules. A batch of calls counts as one.
    fn call(&self, _record: &CallRecord) {}

    /// Called when a transaction has begun, and when it was committed. Neither counts as a statement.
    fn transaction(&self, _record: &TransactionRecord) {}

    /// Called at the end of a piece of work, once for each statement and call that repeated in it.
    fn repeated(&self, _record: &RepeatedRecord) {}

    /// Whether to report an N+1 with the lines that led to it. They are read from a backtrace, which takes up to half a
    /// second: for tests.
    fn wants_callers(&self) -> bool {
        false
    }

    /// Called once for each transaction whose closure waits for something other than the database.
    fn waited(&self, _record: &WaitRecord) {}
}
