//! Work in progress: what it has done so far, found by its span id.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tenfold_data::{OrgId, SpanId, Uuid};

use super::work::{Beginning, Ending, Kept, Repeat, SPAN_LIMIT, Span, Totals, What, Work};

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
}

impl Active {
    pub(super) fn begin(&self, beginning: Beginning, began: Instant) {
        let mut shard = self.shard(beginning.span_id);
        let organization = beginning.organization;
        let (spans, repeats) = (Vec::new(), Vec::new());
        let running = ActiveWork { beginning, began, organization, user: None, spans, dropped: 0, repeats };
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
        let Some(running) = shard.get_mut(&span_id) else { return };
        if crowded || running.spans.len() >= SPAN_LIMIT {
            running.dropped += 1;
            return;
        }
        let start = running.began.elapsed().saturating_sub(duration);
        running.spans.push(Span { what: what(), start, duration, failed });
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
    ) -> Option<Work> {
        let running = self.shard(span_id).remove(&span_id)?;
        Some(Work {
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
        })
    }

    fn shard(&self, span_id: SpanId) -> MutexGuard<'_, HashMap<SpanId, ActiveWork>> {
        let shard = usize::from(span_id.to_bytes()[7]) % SHARDS;
        self.0[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
