//! Permits that organizations share: whoever has the fewest is next.
//!
//! With one queue for all, an organization that sends a hundred slow statements has the whole pool, and everybody else waits behind
//! its hundred. Here each has a queue of its own, as with max-min fair sharing: beside `n` others an organization that wants more gets a
//! `1 / (n + 1)` of the permits, and all of them while it is alone. What belongs to no organization shares as if it was one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::ownership::OrgId;

/// A fixed number of permits.
pub(crate) struct FairPermits(Mutex<PermitTurns>);

struct PermitTurns {
    /// While there are any, nobody waits.
    free: usize,
    shares: HashMap<Option<OrgId>, PermitShare>,
    next: u64,
}

/// What one organization has and wants.
#[derive(Default)]
struct PermitShare {
    held: usize,
    waiting: VecDeque<(u64, oneshot::Sender<FairPermit>)>,
}

/// The right to use one of what is shared, until it is dropped.
pub(crate) struct FairPermit {
    permits: Arc<FairPermits>,
    owner: Option<OrgId>,
}

impl FairPermits {
    /// So many of them.
    pub(crate) fn new(count: usize) -> Arc<Self> {
        Arc::new(FairPermits(Mutex::new(PermitTurns { free: count, shares: HashMap::new(), next: 0 })))
    }

    /// A permit, if one is free.
    pub(crate) fn try_take(self: &Arc<Self>, owner: Option<OrgId>) -> Option<FairPermit> {
        self.turns().take_free(owner).then(|| self.permit(owner))
    }

    /// A permit, as soon as it is this owner's turn.
    pub(crate) async fn take(self: &Arc<Self>, owner: Option<OrgId>) -> FairPermit {
        let (given, gets) = oneshot::channel();
        let _turn = {
            let mut turns = self.turns();
            if turns.take_free(owner) {
                return self.permit(owner);
            }
            turns.next += 1;
            let number = turns.next;
            turns.shares.entry(owner).or_default().waiting.push_back((number, given));
            WaitingTurn { permits: self, owner, number }
        };
        gets.await.expect("whoever takes it out of the queue sends a permit")
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
        if self.free == 0 {
            return false;
        }
        self.free -= 1;
        self.shares.entry(owner).or_default().held += 1;
        true
    }

    /// Of those that wait, the one whose owner has the fewest; of several, the one that waits for longest.
    fn next_owner(&self) -> Option<Option<OrgId>> {
        let waiting = self.shares.iter().filter_map(|(owner, share)| {
            let (number, _) = share.waiting.front()?;
            Some(((share.held, *number), *owner))
        });
        waiting.min_by_key(|(order, _)| *order).map(|(_, owner)| owner)
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
        let Some(owner) = turns.next_owner() else {
            turns.free += 1;
            return;
        };
        let share = turns.shares.entry(owner).or_default();
        share.held += 1;
        let next = share.waiting.pop_front();
        drop(turns);
        let permit = self.permits.permit(owner);
        // Whoever has just given up waiting does not take it: it is dropped here, and goes to the next.
        if let Some((_, next)) = next {
            let _ = next.send(permit);
        }
    }
}

/// Somebody waits. Who gives up leaves the queue.
struct WaitingTurn<'a> {
    permits: &'a FairPermits,
    owner: Option<OrgId>,
    number: u64,
}

impl Drop for WaitingTurn<'_> {
    fn drop(&mut self) {
        let mut turns = self.permits.turns();
        if let Some(share) = turns.shares.get_mut(&self.owner) {
            share.waiting.retain(|(number, _)| *number != self.number);
        }
        turns.tidy(self.owner);
    }
}
