//! Permits that organizations share: the organization with the fewest permits is next.
//!
//! With one queue for all, an organization that sends a hundred slow statements has the whole pool, and everybody else waits behind
//! its hundred. Here each has a queue of its own, as with max-min fair sharing: organizations that want more get an equal share.
//!
//! - One organization holds an eighth less than all permits, see [`most_of_one`]. A slow statement keeps its permit until it ends, so others would
//!   wait for those of one organization if it had all (decision 100).
//! - Work without an organization (jobs' claims, the feed, readiness, sign-in) has a queue, too, has no such bound, and counts as if it had no
//!   permits: it is many tasks of the process, and all of them would wait for one that is slow. A load beside an open transaction counts as such: bounded,
//!   it would wait for permits of its organization that wait for it.
//! - The first of a queue that has been first for [`AT_MOST`] comes before others, however many permits its organization has below its bound.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::ownership::OrgId;

/// After this time as the first of its queue a task comes before all others.
const AT_MOST: Duration = Duration::from_millis(250);

/// How many of `count` permits one organization may hold at once: all but an eighth, and but one at the least. A single one it may hold.
fn most_of_one(count: usize) -> usize {
    if count < 2 { count } else { count - (count / 8).max(1) }
}

/// A fixed number of permits.
pub(crate) struct FairPermits(Mutex<PermitTurns>);

struct PermitTurns {
    /// While it is not zero, all that wait are of organizations that hold as many permits as they may.
    free: usize,
    /// How many one organization may hold.
    most: usize,
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
        let (most, shares, next, is_closed) = (most_of_one(count), HashMap::new(), 0, false);
        Arc::new(FairPermits(Mutex::new(PermitTurns { free: count, most, shares, next, is_closed })))
    }

    /// A permit, if one is free and this owner may have it.
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
        let held = self.shares.get(&owner).map_or(0, |share| share.held);
        if self.free == 0 || self.is_closed || !self.allows(owner, held) {
            return false;
        }
        self.free -= 1;
        self.give(owner);
        true
    }

    /// Whether an owner that holds so many permits may have another one.
    fn allows(&self, owner: Option<OrgId>, held: usize) -> bool {
        owner.is_none() || held < self.most
    }

    /// The owner of the next permit, among those that may have another one: one whose first task has waited for too long; otherwise the one
    /// with the fewest permits, and among equals the one whose last permit is the oldest.
    fn next_owner(&self, now: Instant) -> Option<Option<OrgId>> {
        let waiting = self.shares.iter().filter_map(|(owner, share)| {
            let (number, _) = share.waiting.front().filter(|_| self.allows(*owner, share.held))?;
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
        turns.free += 1;
        let now = Instant::now();
        // One at most: those that waited while others were free may not have another one, but for this owner.
        let Some(owner) = turns.next_owner(now) else { return };
        turns.free -= 1;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_organization_leaves_some_unless_there_is_only_one() {
        for (count, most) in [(1, 1), (2, 1), (3, 2), (4, 3), (15, 14), (16, 14), (64, 56)] {
            assert_eq!(most_of_one(count), most, "of {count}");
        }
    }
}
