//! What is known of one request or job: itself, and what it did in between.

use std::sync::Arc;
use std::time::Duration;

use tenfold_data::{
    Boundary, CallSite, Cost, OrgId, RepeatKind, RepeatedRecord, SpanId, Timestamp, TraceId, Uuid,
};

/// How many spans of one request or job are kept; what comes after them is only counted.
pub const SPAN_LIMIT: usize = 128;

/// What kind of work it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkKind {
    /// A request that was answered.
    Request,
    /// A job that was run, or an event that was delivered.
    Job,
}

/// What is known when work begins.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// What kind of work it is.
    pub kind: WorkKind,
    /// A request's method and route, a job's kind: one of a bounded number.
    pub name: String,
    /// The trace that it belongs to.
    pub trace_id: TraceId,
    /// Its own place in the trace.
    pub span_id: SpanId,
    /// Its cause: a request's caller, or the request that enqueued a job.
    pub parent: Option<SpanId>,
    /// When it began.
    pub at: Timestamp,
    /// The organization that it works for, if that is known already.
    pub organization: Option<OrgId>,
    /// For a job: which, and how long it waited.
    pub job: Option<JobFacts>,
}

/// What only jobs have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFacts {
    /// The job's id.
    pub id: Uuid,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// How long it waited from when it might have run.
    pub waited: Duration,
}

/// How work ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A request was answered with this status; from 500 on it failed.
    Answered(u16),
    /// A job is done.
    Completed,
    /// A job failed, with what its error says.
    Failed(String),
    /// It was broken off: the client went away, the job was ended or its lease lost.
    Abandoned,
}

impl Ending {
    /// Whether it counts as an error.
    pub fn is_error(&self) -> bool {
        match self {
            Ending::Answered(status) => *status >= 500,
            Ending::Failed(_) => true,
            Ending::Completed | Ending::Abandoned => false,
        }
    }
}

/// What work cost in sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Statements sent to the database.
    pub statements: u64,
    /// How long they took, added up.
    pub database_time: Duration,
    /// Calls to other modules.
    pub calls: u64,
}

impl Totals {
    /// What a scope has cost.
    pub fn of(cost: &Cost) -> Self {
        Totals { statements: cost.statements, database_time: cost.database_time, calls: cost.calls }
    }
}

/// A statement or call that repeated within work, where once for all would do: an N+1.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// What repeated.
    pub kind: RepeatKind,
    /// The statement's name; of a call `module.method`.
    pub name: String,
    /// The line that asked for it.
    pub site: CallSite,
    /// How often, each time with other parameters.
    pub times: u32,
}

impl From<&RepeatedRecord> for Repeat {
    fn from(record: &RepeatedRecord) -> Self {
        Repeat { kind: record.kind, name: record.name.to_string(), site: record.site, times: record.times }
    }
}

/// A request or job that is over.
#[derive(Clone, Debug)]
pub struct Work {
    /// What was known when it began.
    pub beginning: Beginning,
    /// The organization that it was for, once a session was known.
    pub organization: Option<OrgId>,
    /// The user that it was for.
    pub user: Option<Uuid>,
    /// How long it took.
    pub duration: Duration,
    /// How it ended.
    pub ending: Ending,
    /// What it cost.
    pub totals: Totals,
    /// What it did, in the order in which it ended.
    pub spans: Vec<Span>,
    /// How many spans found no room.
    pub dropped: u64,
    /// What repeated in it.
    pub repeats: Vec<Repeat>,
    /// Why it is kept.
    pub kept: Kept,
}

/// Why a trace is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It failed.
    Error,
    /// It was slower than 99 of 100 of its name in the last hour.
    Slow,
    /// The first of its name in its minute in which something repeated.
    Repeated,
    /// The first of its name that took about so long in its minute.
    Exemplar,
    /// Another piece of its trace is kept.
    Related,
}

/// Something that happened within work.
#[derive(Clone, Debug)]
pub struct Span {
    /// What it was.
    pub what: What,
    /// When it began, counted from the beginning of the work.
    pub start: Duration,
    /// How long it took.
    pub duration: Duration,
    /// Whether it failed.
    pub failed: bool,
}

/// What a span was.
#[derive(Clone, Debug)]
pub enum What {
    /// A statement, and how many rows it read or changed.
    Statement(Arc<StatementKey>, u64),
    /// A call to another module.
    Call {
        /// The module.
        module: &'static str,
        /// The method.
        method: &'static str,
        /// The caller.
        site: CallSite,
    },
    /// The beginning or the commit of a transaction.
    Transaction(Boundary, CallSite),
    /// A `tracing` span of the author's.
    Code {
        /// Its name.
        name: &'static str,
        /// Its module path.
        target: &'static str,
    },
    /// A warning or error that was logged.
    Line(String),
}

/// A statement as its author wrote it, at one place in the code.
#[derive(Debug)]
pub struct StatementKey {
    /// Its name.
    pub name: String,
    /// The module that owns it.
    pub module: &'static str,
    /// Its text.
    pub text: String,
    /// The line that asks for it; none for statements beyond the limit, which are counted together.
    pub site: Option<CallSite>,
}
