//! Work in progress: what it has done so far, found by its span id.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tenfold_data::{OrgId, SpanId, Timestamp, Uuid};
use tenfold_why::PartKey;

use super::spent::{PartTime, Spent};
use super::work::{Beginning, Ending, Kept, Repeat, SPAN_LIMIT, Span, Totals, What, Work, WorkKind};

/// How many tables the work is spread over, so that recording threads rarely wait for each other.
const SHARDS: usize = 16;

/// How many pieces of work one table records at once; further work is counted, but has no trace.
const SHARD_LIMIT: usize = 1_024;

/// All work in progress.
#[derive(Debug, Default)]
pub(super) struct Active([Mutex<HashMap<SpanId, ActiveWork>>; SHARDS]);

#[derive(Debug)]
struct ActiveWork {
    beginning: Beginning,
    began: Instant,
    organization: Option<OrgId>,
    user: Option<Uuid>,
    spans: Vec<Span>,
    dropped: u64,
    repeats: Vec<Repeat>,
    spent: Spent,
}

/// A job that has not ended.
pub(super) struct RunningJob {
    pub kind: String,
    /// When it began.
    pub at: Timestamp,
    /// How long it has taken so far.
    pub took: Duration,
}

/// A request that has no answer yet.
pub(super) struct RunningRequest {
    pub beginning: Beginning,
    /// How long it has taken so far.
    pub took: Duration,
    pub organization: Option<OrgId>,
    pub user: Option<Uuid>,
    pub spent: Spent,
}

impl Active {
    pub(super) fn begin(&self, beginning: Beginning, began: Instant, spent: Spent) {
        let mut shard = self.shard(beginning.span_id);
        let organization = beginning.organization;
        let (spans, repeats) = (Vec::new(), Vec::new());
        let (user, dropped) = (None, 0);
        let running = ActiveWork { beginning, began, organization, user, spans, dropped, repeats, spent };
        shard.insert(running.beginning.span_id, running);
    }

    pub(super) fn acts_for(&self, span_id: SpanId, organization: OrgId, user: Option<Uuid>) {
        if let Some(running) = self.shard(span_id).get_mut(&span_id) {
            running.organization = Some(organization);
            running.user = user;
        }
    }

    /// Adds something that ended just now.
    pub(super) fn add(&self, span_id: SpanId, duration: Duration, failed: bool, what: impl FnOnce() -> What) {
        let mut shard = self.shard(span_id);
        let crowded = shard.len() > SHARD_LIMIT;
        if let Some(running) = shard.get_mut(&span_id) {
            running.add(crowded, duration, failed, what);
        }
    }

    /// Adds a part of what the work takes, which ended just now; each use counts, however many spans there are.
    pub(super) fn add_part(
        &self,
        span_id: SpanId,
        part: &PartKey,
        time: PartTime<'_>,
        failed: bool,
        what: impl FnOnce() -> What,
    ) {
        let mut shard = self.shard(span_id);
        let crowded = shard.len() > SHARD_LIMIT;
        let Some(running) = shard.get_mut(&span_id) else { return };
        running.spent.add_with_waits(part, time, failed);
        running.add(crowded, time.elapsed, failed, what);
    }

    /// The jobs that run just now.
    pub(super) fn running_jobs(&self) -> Vec<RunningJob> {
        let mut jobs = Vec::new();
        for shard in &self.0 {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let running = shard.values().filter(|running| running.beginning.kind == WorkKind::Job);
            jobs.extend(running.map(|running| RunningJob {
                kind: running.beginning.name.clone(),
                at: running.beginning.at,
                took: running.began.elapsed(),
            }));
        }
        jobs
    }

    /// The requests that began at least so long ago.
    pub(super) fn running_requests(&self, least: Duration) -> Vec<RunningRequest> {
        let mut requests = Vec::new();
        for shard in &self.0 {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let running = shard.values().filter(|running| running.beginning.kind == WorkKind::Request);
            requests.extend(running.filter(|running| running.began.elapsed() >= least).map(|running| {
                RunningRequest {
                    beginning: running.beginning.clone(),
                    took: running.began.elapsed(),
                    organization: running.organization,
                    user: running.user,
                    spent: running.spent.clone(),
                }
            }));
        }
        requests
    }

    /// Adds a repetition; one piece of work has few.
    pub(super) fn add_repeat(&self, span_id: SpanId, repeat: Repeat) {
        if let Some(running) = self.shard(span_id).get_mut(&span_id)
            && running.repeats.len() < SPAN_LIMIT
        {
            running.repeats.push(repeat);
        }
    }

    pub(super) fn end(
        &self,
        span_id: SpanId,
        duration: Duration,
        ending: Ending,
        totals: Totals,
    ) -> Option<(Work, Spent)> {
        let running = self.shard(span_id).remove(&span_id)?;
        let work = Work {
            beginning: running.beginning,
            organization: running.organization,
            user: running.user,
            duration,
            ending,
            totals,
            spans: running.spans,
            dropped: running.dropped,
            repeats: running.repeats,
            kept: Kept::Exemplar,
        };
        Some((work, running.spent))
    }

    fn shard(&self, span_id: SpanId) -> MutexGuard<'_, HashMap<SpanId, ActiveWork>> {
        let shard = usize::from(span_id.to_bytes()[7]) % SHARDS;
        self.0[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ActiveWork {
    fn add(&mut self, crowded: bool, duration: Duration, failed: bool, what: impl FnOnce() -> What) {
        if crowded || self.spans.len() >= SPAN_LIMIT {
            self.dropped += 1;
            return;
        }
        let start = self.began.elapsed().saturating_sub(duration);
        self.spans.push(Span { what: what(), start, duration, failed });
    }
}
