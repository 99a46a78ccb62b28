//! What is recorded of one request or job.

use std::borrow::Cow;
use std::sync::Arc;

use crate::seconds::second_of;

/// One finished request or job, with all that a question may be about: a wide event.
#[derive(Clone, Debug)]
pub struct WideEvent {
    /// When it ended, in microseconds since 1970.
    pub at_us: i64,
    /// A request's method and route, or a job's kind: one of a bounded number.
    pub name: String,
    /// The organization that it was for.
    pub organization: Option<u128>,
    /// The user that it was for.
    pub user: Option<u128>,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// Whether it failed.
    pub failed: bool,
    /// The text of its error, if one was logged.
    pub error: Option<String>,
    /// Its trace.
    pub trace: u128,
    /// How long it waited in its queue before it began, in microseconds, which is no part of its duration; 0 for a request.
    pub waited_us: u64,
    /// What it spent its time on; the rest is its own code.
    pub parts: Vec<PartUse>,
}

impl WideEvent {
    /// The second of [`at_us`](Self::at_us), since 1970.
    pub(crate) fn second(&self) -> u32 {
        second_of(self.at_us)
    }
}

/// How long a job waited in its queue until it began, or has waited so far.
#[derive(Clone, Debug)]
pub struct QueueWait {
    /// When it began or was looked at, in microseconds since 1970.
    pub at_us: i64,
    /// The job's kind.
    pub kind: String,
    /// The name of the queue.
    pub queue: String,
    /// How long, in microseconds.
    pub waited_us: u64,
}

/// How often something was done within a request or job, and how long it took in sum.
#[derive(Clone, Debug)]
pub struct PartUse {
    /// What was done.
    pub part: PartKey,
    /// How often.
    pub times: u32,
    /// How long in sum, in microseconds.
    pub time_us: u64,
    /// How often it failed.
    pub failed: u32,
}

/// What takes the time of a request or job.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartKey {
    /// A statement at a place in the code.
    Statement(Arc<StatementPlace>),
    /// Waiting for a connection to the database.
    PoolWait,
    /// Waiting for SQLite's one writer, and what had it, if that is known.
    WriterWait(Option<Arc<str>>),
    /// Waiting for a lock of the database, and what had it, if that is known.
    LockWait(Option<Arc<str>>),
    /// A request that waited until the process admitted it.
    AdmissionWait,
    /// A request that was admitted and waited for a thread.
    SchedulerWait,
    /// Calls to another service, by its name. `None` are those of an endpoint that calls more services than are told apart.
    Outbound(Option<Arc<str>>),
    /// COMMIT.
    Commit,
    /// A job that waited in its queue after it was due: no part of its duration, and never beside parts of it.
    Queue {
        /// The name of the queue.
        queue: Arc<str>,
        /// What its workers were busy with meanwhile, in words. Only answers have it.
        busy_with: Option<Arc<str>>,
    },
    /// The code of the endpoint or job itself: what no other part explains.
    OwnCode,
    /// Statements that found no room of their own.
    Other,
}

/// A statement at the line that sends it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatementPlace {
    /// The statement's name.
    pub name: String,
    /// The source file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

impl PartKey {
    /// The part in words.
    pub fn label(&self) -> Cow<'_, str> {
        let held = |what: &str, holder: &Option<Arc<str>>| match holder {
            Some(holder) => Cow::Owned(format!("{what} held by {holder}")),
            None => Cow::Owned(what.to_owned()),
        };
        Cow::Borrowed(match self {
            PartKey::Statement(place) => &place.name,
            PartKey::WriterWait(holder) => return held("waiting for SQLite's writer", holder),
            PartKey::LockWait(holder) => return held("waiting for a lock", holder),
            PartKey::Queue { queue, .. } => return Cow::Owned(format!("waiting in the queue {queue}")),
            PartKey::Outbound(Some(service)) => return Cow::Owned(format!("calls to {service}")),
            PartKey::Outbound(None) => "calls to other services",
            PartKey::PoolWait => "waiting for a connection",
            PartKey::AdmissionWait => "waiting to be admitted",
            PartKey::SchedulerWait => "waiting for a thread",
            PartKey::Commit => "COMMIT",
            PartKey::OwnCode => "its own code",
            PartKey::Other => "other statements",
        })
    }

    /// The place of the statement, if it is one.
    pub fn statement(&self) -> Option<&Arc<StatementPlace>> {
        match self {
            PartKey::Statement(place) => Some(place),
            _ => None,
        }
    }

    /// The service that is called, if it is one of those that are told apart.
    pub fn service(&self) -> Option<&str> {
        match self {
            PartKey::Outbound(service) => service.as_deref(),
            _ => None,
        }
    }

    /// What others had, if it is a wait for that and it is known.
    pub fn holder(&self) -> Option<&str> {
        match self {
            PartKey::WriterWait(holder) | PartKey::LockWait(holder) => holder.as_deref(),
            PartKey::Queue { busy_with, .. } => busy_with.as_deref(),
            _ => None,
        }
    }

    /// The queue, if it is a wait in one.
    pub fn queue(&self) -> Option<&str> {
        match self {
            PartKey::Queue { queue, .. } => Some(queue),
            _ => None,
        }
    }

    /// The same wait without what others had, or the calls without their service; `None` for what names nothing.
    pub(crate) fn unnamed(&self) -> Option<PartKey> {
        match self {
            PartKey::WriterWait(Some(_)) => Some(PartKey::WriterWait(None)),
            PartKey::LockWait(Some(_)) => Some(PartKey::LockWait(None)),
            PartKey::Outbound(Some(_)) => Some(PartKey::Outbound(None)),
            _ => None,
        }
    }

    /// Whether it is a wait for others, which have the fault.
    pub fn is_wait(&self) -> bool {
        match self {
            PartKey::PoolWait
            | PartKey::WriterWait(_)
            | PartKey::LockWait(_)
            | PartKey::AdmissionWait
            | PartKey::SchedulerWait
            | PartKey::Queue { .. } => true,
            PartKey::Statement(_)
            | PartKey::Outbound(_)
            | PartKey::Commit
            | PartKey::OwnCode
            | PartKey::Other => false,
        }
    }
}
