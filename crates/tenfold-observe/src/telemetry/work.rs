//! One request or job, and the spans within it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tenfold_data::{
    Boundary, CallSite, Cost, OrgId, RepeatKind, RepeatedRecord, SpanId, Timestamp, TraceContext, TraceId,
    Uuid,
};
use tenfold_why::PartKey;

/// How many spans of one request or job are kept; further ones are only counted.
pub const SPAN_LIMIT: usize = 128;

/// The kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkKind {
    /// A request that was answered.
    Request,
    /// A job that was run, or an event that was delivered.
    Job,
}

/// The facts known when work begins.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// What kind of work it is.
    pub kind: WorkKind,
    /// A request's method and route, a job's kind: one of a bounded number.
    pub name: String,
    /// The trace that it belongs to.
    pub trace_id: TraceId,
    /// Its own span in the trace.
    pub span_id: SpanId,
    /// Its parent: a request's caller, or the request that enqueued a job.
    pub parent: Option<SpanId>,
    /// When it began.
    pub at: Timestamp,
    /// The organization that it works for, if that is known already.
    pub organization: Option<OrgId>,
    /// For a job: which, and how long it waited.
    pub job: Option<JobFacts>,
}

impl Beginning {
    /// A request of this method and route, without a caller's span and of no organization yet.
    pub fn of_request(name: String, trace: TraceContext, at: Timestamp) -> Self {
        let TraceContext { trace_id, span_id, .. } = trace;
        let (kind, parent, organization, job) = (WorkKind::Request, None, None, None);
        Beginning { kind, name, trace_id, span_id, parent, at, organization, job }
    }
}

/// What only jobs have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFacts {
    /// The job's id.
    pub id: Uuid,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// How long it waited after it was due.
    pub waited: Duration,
}

/// How work ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A request was answered with this status; from 500 on it failed.
    Answered(u16),
    /// A job is done.
    Completed,
    /// A job failed, with its error's text.
    Failed(String),
    /// It was interrupted: the client disconnected, the job was cancelled or its lease lost.
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

/// The total cost of work.
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
    /// The cost of a scope.
    pub fn of(cost: &Cost) -> Self {
        Totals { statements: cost.statements, database_time: cost.database_time, calls: cost.calls }
    }
}

/// A statement or call that was repeated within work where one would have been enough: an N+1.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// What repeated.
    pub kind: RepeatKind,
    /// The statement's name, or `module.method` for a call.
    pub name: String,
    /// The line that asked for it.
    pub site: CallSite,
    /// How often, each time with different parameters.
    pub times: u32,
}

impl From<&RepeatedRecord> for Repeat {
    fn from(record: &RepeatedRecord) -> Self {
        Repeat { kind: record.kind, name: record.name.to_string(), site: record.site, times: record.times }
    }
}

/// A finished request or job.
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
    /// How many spans exceeded the limit.
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
    /// It was slower than the 99th percentile of its name in the last hour.
    Slow,
    /// The first of its name in this minute in which something repeated.
    Repeated,
    /// The first of its name in this minute with about this duration.
    Exemplar,
    /// Another piece of its trace is kept.
    Related,
}

/// Something that happened within work.
#[derive(Clone, Debug)]
pub struct Span {
    /// What it was.
    pub what: What,
    /// Its start, relative to the start of the work.
    pub start: Duration,
    /// How long it took.
    pub duration: Duration,
    /// Whether it failed.
    pub failed: bool,
}

/// The kind of a span.
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
    /// A call to another service.
    Outbound(Box<OutboundCall>),
    /// The beginning or the commit of a transaction.
    Transaction(Boundary, CallSite),
    /// A `tracing` span written by an author.
    Code {
        /// Its name.
        name: &'static str,
        /// Its module path.
        target: &'static str,
    },
    /// A logged warning or error.
    Line(String),
}

/// A call to another service, without anything that may be a secret: neither path nor query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundCall {
    /// The host.
    pub host: String,
    /// Its port, unless that is the usual one of HTTP or HTTPS.
    pub port: Option<u16>,
    /// What is asked for, one of a bounded number of texts, if the client says it.
    pub operation: Option<String>,
    /// Why it failed, in a word such as `timeout` or `503`.
    pub error: Option<String>,
}

impl fmt::Display for OutboundCall {
    /// Such as `api.example.com (POST /v1/charges)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.host)?,
            Some(port) => write!(f, "{}:{port}", self.host)?,
            None => f.write_str(&self.host)?,
        }
        match &self.operation {
            Some(operation) => write!(f, " ({operation})"),
            None => Ok(()),
        }
    }
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
    /// The line that sends it; none for statements beyond the limit, which are counted together.
    pub site: Option<CallSite>,
    /// Whether it is a generated load by one key, which PostgreSQL plans in its own way.
    pub by_key: bool,
    /// The statement as a part of what a request takes.
    pub(super) part: PartKey,
}
