//! What was sent to the database and has no answer yet: while everything hangs, nothing ends that could be recorded.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::statement::{Boundary, CallSite};
use crate::trace::SpanId;
use crate::waited::{DatabaseWaits, WaitMeter};

/// How many lists there are, so that threads rarely wait for each other.
const SHARDS: usize = 16;

/// The statements of a process, and the beginnings and ends of its transactions, that have no answer yet.
#[derive(Default)]
pub struct CallsUnderWay([Mutex<Vec<Arc<OpenCall>>>; SHARDS]);

/// What is sent to a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseCall {
    /// The statement of this name.
    Statement(Cow<'static, str>),
    /// The beginning or the end of a transaction.
    Boundary(Boundary),
}

/// A statement, or the beginning or end of a transaction, that has no answer yet.
#[derive(Clone, Debug)]
pub struct CallUnderWay {
    /// The span of the request or job that it belongs to.
    pub work: SpanId,
    /// What it is.
    pub call: DatabaseCall,
    /// The line that sends it.
    pub site: CallSite,
    /// How long ago it was sent.
    pub elapsed: Duration,
    /// What it has waited for so far. It is a part of `elapsed`.
    pub waits: DatabaseWaits,
}

/// A call without an answer, as the list holds it.
pub(crate) struct OpenCall {
    work: SpanId,
    call: DatabaseCall,
    site: CallSite,
    pub began: Instant,
    pub meter: WaitMeter,
}

impl fmt::Debug for CallsUnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallsUnderWay").finish_non_exhaustive()
    }
}

impl OpenCall {
    /// It is sent now.
    pub(crate) fn now(work: SpanId, call: DatabaseCall, site: CallSite, meter: WaitMeter) -> Self {
        OpenCall { work, call, site, began: Instant::now(), meter }
    }
}

impl CallsUnderWay {
    /// The calls that have been without an answer for at least `least`.
    pub fn longer_than(&self, least: Duration) -> Vec<CallUnderWay> {
        let mut found = Vec::new();
        for shard in &self.0 {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for open in shard.iter() {
                let elapsed = open.began.elapsed();
                if elapsed >= least {
                    let OpenCall { work, ref call, site, ref meter, .. } = **open;
                    found.push(CallUnderWay {
                        work,
                        call: call.clone(),
                        site,
                        elapsed,
                        waits: meter.waits(),
                    });
                }
            }
        }
        found
    }

    pub(crate) fn begin(&self, call: OpenCall) -> Arc<OpenCall> {
        let call = Arc::new(call);
        self.shard(call.work).push(Arc::clone(&call));
        call
    }

    pub(crate) fn end(&self, call: &Arc<OpenCall>) {
        let mut shard = self.shard(call.work);
        if let Some(place) = shard.iter().rposition(|open| Arc::ptr_eq(open, call)) {
            shard.swap_remove(place);
        }
    }

    fn shard(&self, work: SpanId) -> MutexGuard<'_, Vec<Arc<OpenCall>>> {
        let shard = usize::from(work.to_bytes()[7]) % SHARDS;
        self.0[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
