//! Who was woken since he was last looked at, and how the executor is told: the protocol between the driver of a
//! scope and whoever wakes it, from any thread.
//!
//! One byte holds a bit for each [`Part`], and one that says that the driver is inside a poll. Every step is a single
//! read-modify-write of it, so all steps of all threads have one order:
//!
//! - the driver clears a part's bit *before* it looks at the part. Who fires it later leaves the bit set;
//! - who fires a part while no poll is under way wakes the executor. Who does so during a poll only sets the bit,
//!   and the poll's last step sees that a bit is set and wakes the executor itself.
//!
//! So a bit that is set always has a poll to follow. `model.rs` tries it.

use std::cell::OnceCell;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};

use super::platform::{AtomicU8, Mutex, fence};

/// What the driver looks at when it was fired.
#[derive(Clone, Copy)]
pub(super) enum Part {
    /// The work itself.
    Work = 1,
    /// The batches under way.
    Batches = 1 << 1,
    /// The spawned tasks.
    Tasks = 1 << 2,
    /// What was submitted or spawned and not looked at yet.
    Asked = 1 << 3,
    /// The executor has gone round once.
    Turn = 1 << 4,
}

/// The driver is inside a poll.
const HELD: u8 = 1 << 5;
/// Somebody who was fired could run.
const RUNNABLE: u8 = Part::Work as u8 | Part::Batches as u8 | Part::Tasks as u8;

pub(super) struct Signal {
    flags: AtomicU8,
    /// The waker of the latest poll. Whoever still holds a waker of ours from an earlier one wakes this, too.
    executor: Mutex<Option<Waker>>,
}

impl Signal {
    /// Fires a part. During a poll it is only noted: an executor that is woken then wakes a thread to steal the task,
    /// which costs more than a small load on SQLite.
    pub(super) fn fire(&self, part: Part) {
        let before = self.flags.fetch_or(part as u8, AcqRel);
        if before & HELD == 0 {
            let executor = self.executor.lock().unwrap_or_else(PoisonError::into_inner).clone();
            executor.into_iter().for_each(Waker::wake);
        }
    }

    /// The first step of a poll. `will_wake` may say no for the very same waker; then it is only replaced for nothing.
    pub(super) fn begin(&self, executor: &Waker) {
        let replaced = {
            let mut known = self.executor.lock().unwrap_or_else(PoisonError::into_inner);
            match &*known {
                Some(known) if known.will_wake(executor) => None,
                _ => known.replace(executor.clone()),
            }
        };
        // Outside the lock: it may be the last that keeps a task.
        drop(replaced);
        self.flags.fetch_or(HELD, AcqRel);
    }

    /// The last step of a poll.
    pub(super) fn end(&self, executor: &Waker) {
        let before = self.flags.fetch_and(!HELD, AcqRel);
        if before != HELD {
            executor.wake_by_ref();
        }
    }

    /// Whether a part was fired; it is not any more. For the step before it is looked at.
    pub(super) fn take(&self, part: Part) -> bool {
        // Most are not, and who is fired meanwhile is taken the next time.
        let fired = self.flags.load(Acquire) & part as u8 != 0;
        fired && self.flags.fetch_and(!(part as u8), AcqRel) & part as u8 != 0
    }

    /// Whether anybody who could run was fired.
    pub(super) fn is_runnable(&self) -> bool {
        // A plain load might give an old value.
        self.flags.fetch_or(0, AcqRel) & RUNNABLE != 0
    }

    /// Whether anything was fired at all.
    pub(super) fn is_fired(&self) -> bool {
        self.flags.load(Acquire) & !HELD != 0
    }
}

/// What a part's waker fires.
struct Bell {
    part: Part,
    signal: Arc<Signal>,
}

impl Bell {
    fn new(part: Part, signal: &Arc<Signal>) -> Arc<Self> {
        Arc::new(Bell { part, signal: Arc::clone(signal) })
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.signal.fire(self.part);
    }
}

/// A waker for each part, the same ones for as long as the scope is driven. All but the work's are made when they are
/// needed first, which many a request does not.
pub(super) struct Wakers {
    pub(super) signal: Arc<Signal>,
    pub(super) work: Waker,
    batches: OnceCell<Waker>,
    tasks: OnceCell<Waker>,
    turn: OnceCell<Waker>,
    /// What `work` is a handle of, for counting its clones.
    bell: Arc<Bell>,
}

/// Of the handles of the work's bell we hold these: `Wakers::work` and `Wakers::bell`. Nobody gets a clone from us; a
/// poll borrows the waker.
const OURS: usize = 2;

impl Wakers {
    /// The work has yet to be polled, so it counts as fired.
    pub(super) fn new() -> Self {
        let signal = Arc::new(Signal { flags: AtomicU8::new(Part::Work as u8), executor: Mutex::new(None) });
        let bell = Bell::new(Part::Work, &signal);
        let (batches, tasks, turn) = Default::default();
        Wakers { work: Waker::from(Arc::clone(&bell)), batches, tasks, turn, bell, signal }
    }

    pub(super) fn batches(&self) -> &Waker {
        self.batches.get_or_init(|| Bell::new(Part::Batches, &self.signal).into())
    }

    pub(super) fn tasks(&self) -> &Waker {
        self.tasks.get_or_init(|| Bell::new(Part::Tasks, &self.signal).into())
    }

    pub(super) fn turn(&self) -> &Waker {
        self.turn.get_or_init(|| Bell::new(Part::Turn, &self.signal).into())
    }

    /// How many clones of the work's waker there are. Whoever could ever wake the work holds one.
    pub(super) fn clones(&self) -> usize {
        // The model does not see the count; this is a step of the model in its place.
        #[cfg(test)]
        self.signal.is_fired();
        Arc::strong_count(&self.bell).saturating_sub(OURS)
    }

    /// Whether nobody can wake the work before the loads are sent that wait for `loads` clones of its waker.
    ///
    /// All clones come from a poll of the work, which is over, or from another clone. So once there are no more than
    /// `loads`, which wait and are not given on, there never will be, until the next poll. Who has dropped his
    /// before that may have fired it first; dropping releases what he did, so the bit is seen. If `loads` is too
    /// small, the answer is no, which costs a turn.
    pub(super) fn only_wait_for(&self, loads: usize) -> bool {
        let nobody_else = loads > 0 && self.clones() <= loads;
        fence(Acquire);
        nobody_else && !self.signal.is_runnable()
    }
}

/// Whether `held` is a clone of `waker`, which is one of ours. Their tables' addresses, at which `will_wake` looks as
/// well, may differ in optimized builds; what they point to is alive, so nobody else's has its address.
pub(crate) fn is_clone(held: &Waker, waker: &Waker) -> bool {
    held.data() == waker.data()
}
