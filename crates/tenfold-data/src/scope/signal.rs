//! Which parts were woken since they were last polled, and how the executor is told: the protocol between the driver of
//! a scope and its wakers, which may fire from any thread.
//!
//! One byte holds a bit for each [`Part`], and one that says that the driver is inside a poll. Every step is a single
//! read-modify-write of that byte, so the steps of all threads have one order:
//!
//! - The driver clears a part's bit *before* it polls the part. A wake that comes later leaves the bit set.
//! - A wake outside a poll wakes the executor. A wake during a poll only sets the bit; the last step of the poll sees
//!   the bit and wakes the executor itself.
//!
//! So every set bit is followed by a poll. `model.rs` tests this.

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
    /// Something was submitted or spawned and not looked at yet.
    Asked = 1 << 3,
    /// The executor has gone round once.
    Turn = 1 << 4,
}

/// The driver is inside a poll.
const HELD: u8 = 1 << 5;
/// One of the parts that can run was fired.
const RUNNABLE: u8 = Part::Work as u8 | Part::Batches as u8 | Part::Tasks as u8;

pub(super) struct Signal {
    flags: AtomicU8,
    /// The waker of the latest poll. Wakers handed out in earlier polls wake this one, too.
    executor: Mutex<Option<Waker>>,
}

impl Signal {
    /// Fires a part. During a poll this only sets the bit: waking the executor then wakes a thread to steal the task,
    /// which costs more than a small load on SQLite.
    pub(super) fn fire(&self, part: Part) {
        let before = self.flags.fetch_or(part as u8, AcqRel);
        if before & HELD == 0 {
            let executor = self.executor.lock().unwrap_or_else(PoisonError::into_inner).clone();
            executor.into_iter().for_each(Waker::wake);
        }
    }

    /// The first step of a poll. `will_wake` may return false for the same waker; then it is replaced needlessly.
    pub(super) fn begin(&self, executor: &Waker) {
        let replaced = {
            let mut known = self.executor.lock().unwrap_or_else(PoisonError::into_inner);
            match &*known {
                Some(known) if known.will_wake(executor) => None,
                _ => known.replace(executor.clone()),
            }
        };
        // Outside the lock: the waker may hold the last reference to a task.
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

    /// Returns whether a part was fired, and clears its bit. Call it before polling the part.
    pub(super) fn take(&self, part: Part) -> bool {
        // Most parts were not fired. A wake that comes meanwhile is seen the next time.
        let fired = self.flags.load(Acquire) & part as u8 != 0;
        fired && self.flags.fetch_and(!(part as u8), AcqRel) & part as u8 != 0
    }

    /// Whether a part that can run was fired.
    pub(super) fn is_runnable(&self) -> bool {
        // A plain load might return an old value.
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

/// A waker for each part, the same ones for as long as the scope is driven. All but the work's are made on first use,
/// and many requests never need them.
pub(super) struct Wakers {
    pub(super) signal: Arc<Signal>,
    pub(super) work: Waker,
    batches: OnceCell<Waker>,
    tasks: OnceCell<Waker>,
    turn: OnceCell<Waker>,
    /// The `Bell` behind `work`, for counting its clones.
    bell: Arc<Bell>,
}

/// Of the references to the work's bell, these are ours: `Wakers::work` and `Wakers::bell`. We hand out no clones; a
/// poll borrows the waker.
const OURS: usize = 2;

impl Wakers {
    /// The work was never polled, so it counts as fired.
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

    /// How many clones of the work's waker there are. Only a holder of a clone can wake the work.
    pub(super) fn clones(&self) -> usize {
        // loom does not see the reference count. This load gives the model a step in its place.
        #[cfg(test)]
        self.signal.is_fired();
        Arc::strong_count(&self.bell).saturating_sub(OURS)
    }

    /// Whether nothing can wake the work before the loads are sent that hold `loads` clones of its waker.
    ///
    /// Every clone comes from a poll of the work, which is over, or from another clone. The clones that the loads hold
    /// are not cloned further. So once there are no more than `loads` clones, there will be no others until the next
    /// poll. A clone that was dropped before may have been fired first; the drop is a release, so the bit is visible
    /// here. If `loads` is too small, the answer is no, which costs a turn.
    pub(super) fn only_wait_for(&self, loads: usize) -> bool {
        let nobody_else = loads > 0 && self.clones() <= loads;
        fence(Acquire);
        nobody_else && !self.signal.is_runnable()
    }
}

/// Whether `held` is a clone of `waker`, which is one of ours. `will_wake` also compares the addresses of the vtables,
/// which may differ in optimized builds. Comparing the data pointer is enough: the bell is alive, so no other waker has
/// its address.
pub(crate) fn is_clone(held: &Waker, waker: &Waker) -> bool {
    held.data() == waker.data()
}
