//! Permits that organizations share: the organization with the fewest permits is next.
//!
//! With one queue for all, an organization that sends a hundred slow statements has the whole pool, and everybody else waits behind
//! its hundred. Here each has a queue of its own, as with max-min fair sharing: organizations that want more get an equal share, and one
//! that is alone gets all.
//!
//! - Work without an organization (jobs' claims, the feed, readiness, sign-in) has a queue, too, and counts as if it had no permits: it is many
//!   tasks of the process, and all of them would wait for one that is slow.
//! - The first of a queue that has been first for [`AT_MOST`] is next, however many permits its organization has. So a request with an open
//!   transaction, which has a permit already, does not wait for ever for a second one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::ownership::OrgId;

/// After this time as the first of its queue a task comes before all others.
const AT_MOST: Duration = Duration::from_millis(250);

/// A fixed number of permits.
pub(crate) struct FairPermits(Mutex<PermitTurns>);

struct PermitTurns {
    /// Not zero only while no task waits.
    free: usize,
    shares: HashMap<Option<OrgId>, PermitShare>,
    next: u64,
    is_closed: bool,
}

/// What one organization has and wants.
#[derive(Default)]
struct PermitShare {
    held: usize,
    waiting: VecDeque<(u64, oneshot::Sender<FairPermit>)>,
    /// The number of the permit that it was given last.
    last: u64,
    /// Since when the first that waits is the first.
    first_since: Option<Instant>,
}

impl PermitShare {
    /// The first that waited has left the queue.
    fn has_another_first(&mut self, now: Instant) {
        self.first_since = (!self.waiting.is_empty()).then_some(now);
    }
}

/// The right to use one of what is shared, until it is dropped.
pub(crate) struct FairPermit {
    permits: Arc<FairPermits>,
    owner: Option<OrgId>,
}

impl FairPermits {
    /// This many permits.
    pub(crate) fn new(count: usize) -> Arc<Self> {
        let (shares, next, is_closed) = (HashMap::new(), 0, false);
        Arc::new(FairPermits(Mutex::new(PermitTurns { free: count, shares, next, is_closed })))
    }

    /// A permit, if one is free.
    pub(crate) fn try_take(self: &Arc<Self>, owner: Option<OrgId>) -> Option<FairPermit> {
        self.turns().take_free(owner).then(|| self.permit(owner))
    }

    /// Gives no more permits. What waits for one is told so at once.
    pub(crate) fn close(&self) {
        let mut turns = self.turns();
        turns.is_closed = true;
        // A task that waits hears that nobody will send it a permit.
        turns.shares.values_mut().for_each(|share| share.waiting.clear());
        turns.shares.retain(|_, share| share.held > 0);
    }

    /// A permit, as soon as it is this owner's turn; `None` once they are [closed](FairPermits::close).
    pub(crate) async fn take(self: &Arc<Self>, owner: Option<OrgId>) -> Option<FairPermit> {
        let (given, gets) = oneshot::channel();
        let _turn = {
            let mut turns = self.turns();
            if turns.take_free(owner) {
                return Some(self.permit(owner));
            }
            if turns.is_closed {
                return None;
            }
            turns.next += 1;
            let number = turns.next;
            let share = turns.shares.entry(owner).or_default();
            share.waiting.push_back((number, given));
            share.first_since.get_or_insert_with(Instant::now);
            WaitingTurn { permits: self, owner, number }
        };
        gets.await.ok()
    }

    fn permit(self: &Arc<Self>, owner: Option<OrgId>) -> FairPermit {
        FairPermit { permits: Arc::clone(self), owner }
    }

    fn turns(&self) -> MutexGuard<'_, PermitTurns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PermitTurns {
    fn take_free(&mut self, owner: Option<OrgId>) -> bool {
        if self.free == 0 || self.is_closed {
            return false;
        }
        self.free -= 1;
        self.give(owner);
        true
    }

    /// The owner of the next permit: one whose first task has waited for too long; otherwise the one with the fewest permits, and among equals
    /// the one whose last permit is the oldest.
    fn next_owner(&self, now: Instant) -> Option<Option<OrgId>> {
        let waiting = self.shares.iter().filter_map(|(owner, share)| {
            let (number, _) = share.waiting.front()?;
            let is_overdue = share.first_since.is_some_and(|since| now - since >= AT_MOST);
            let held = if is_overdue || owner.is_none() { 0 } else { share.held };
            Some(((!is_overdue, held, share.last, *number), *owner))
        });
        waiting.min_by_key(|(order, _)| *order).map(|(_, owner)| owner)
    }

    /// Counts a permit as given.
    fn give(&mut self, owner: Option<OrgId>) -> &mut PermitShare {
        self.next += 1;
        let share = self.shares.entry(owner).or_default();
        share.held += 1;
        share.last = self.next;
        share
    }

    /// Forgets an owner that has and wants nothing.
    fn tidy(&mut self, owner: Option<OrgId>) {
        if self.shares.get(&owner).is_some_and(|share| share.held == 0 && share.waiting.is_empty()) {
            self.shares.remove(&owner);
        }
    }
}

impl Drop for FairPermit {
    fn drop(&mut self) {
        let mut turns = self.permits.turns();
        if let Some(share) = turns.shares.get_mut(&self.owner) {
            share.held -= 1;
        }
        turns.tidy(self.owner);
        let now = Instant::now();
        let Some(owner) = turns.next_owner(now) else {
            turns.free += 1;
            return;
        };
        let share = turns.give(owner);
        let next = share.waiting.pop_front();
        share.has_another_first(now);
        drop(turns);
        let permit = self.permits.permit(owner);
        // A task that has just stopped waiting does not take it. Then it is dropped here, and goes to the next one.
        if let Some((_, next)) = next {
            let _ = next.send(permit);
        }
    }
}

/// A place in the queue. Dropping it leaves the queue.
struct WaitingTurn<'a> {
    permits: &'a FairPermits,
    owner: Option<OrgId>,
    number: u64,
}

impl Drop for WaitingTurn<'_> {
    fn drop(&mut self) {
        let mut turns = self.permits.turns();
        if let Some(share) = turns.shares.get_mut(&self.owner) {
            let was_first = share.waiting.front().is_some_and(|(number, _)| *number == self.number);
            share.waiting.retain(|(number, _)| *number != self.number);
            if was_first {
                share.has_another_first(Instant::now());
            }
        }
        turns.tidy(self.owner);
    }
}
