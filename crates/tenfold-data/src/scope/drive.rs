//! The future that drives a scope, and the flush rule.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::{Phase, Scope};

/// Runs a piece of work, its spawned tasks and its batches as one future.
///
/// **The flush rule**: waiting loads are sent when the work returned `Pending`, its waker was not fired during
/// that very poll, and it was not fired either when the executor had gone round once. "Any `Pending`" would
/// flush too early: `FuturesUnordered` returns `Pending` with its waker already fired, and has more to run.
/// So does tokio, when a task yields or has used up its cooperative budget; but its wakes are deferred until
/// the executor has nothing else to do, so one deferred turn of our own tells whether there was any. After a
/// wake the task goes back to the executor instead of polling again at once, which could starve everybody else; only
/// after batches that were answered at once it goes on, for a few rounds.
///
/// The turn is saved when nobody but the waiting loads holds the work's waker: then nobody can fire it. A plain loop
/// over a list always waits like that, and the turn would cost it more than a small load on SQLite.
pub struct Driven<F> {
    scope: Arc<Scope>,
    work: Pin<Box<F>>,
    /// Batches that were sent and not answered yet.
    batches: FuturesUnordered<BoxFuture<'static, ()>>,
    /// Tasks of `Context::spawn`.
    tasks: FuturesUnordered<BoxFuture<'static, ()>>,
    signal: Option<(Arc<Signal>, Waker)>,
    /// Nothing could run at the last poll; if nobody was woken since, what waits is sent.
    lull: bool,
}

/// How many rounds a poll may take while batches are answered at once; then others have their turn.
const ROUNDS: usize = 8;

/// Who holds the work's [`Signal`] by ourselves during a poll: twice `Driven::signal`, twice the poll, and the two
/// `FuturesUnordered`, which register the waker whenever they are polled.
const OWN_CLONES: usize = 6;

/// The waker that the work sees: it notes that it was fired, and passes it on.
struct Signal {
    /// Shared by all wakers of one scope: whoever still holds an old one fires the same.
    fired: Arc<AtomicBool>,
    /// During a poll it is only noted: the poll looks before it ends. An executor that is woken in between wakes a
    /// thread to steal the task, which costs more than a small load on SQLite.
    held: AtomicBool,
    outer: Waker,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.fired.store(true, Ordering::SeqCst);
        if !self.held.load(Ordering::SeqCst) {
            self.outer.wake_by_ref();
        }
    }
}

impl<F: Future> Driven<F> {
    pub(super) fn new(scope: Arc<Scope>, work: F) -> Self {
        Driven {
            scope,
            work: Box::pin(work),
            batches: FuturesUnordered::new(),
            tasks: FuturesUnordered::new(),
            signal: None,
            lull: false,
        }
    }

    /// The waker for this poll; a new one only when the executor's changed. `will_wake` may say so although it has not
    /// (in optimized builds a waker and its clone can differ by their tables' addresses), so nothing depends on it.
    fn waker(&mut self, outer: &Waker) -> (Arc<Signal>, Waker) {
        match &self.signal {
            Some((signal, waker)) if signal.outer.will_wake(outer) => (Arc::clone(signal), waker.clone()),
            _ => {
                let fired = self.signal.as_ref().map_or_else(Arc::default, |(old, _)| Arc::clone(&old.fired));
                let signal = Arc::new(Signal { fired, held: AtomicBool::new(false), outer: outer.clone() });
                let waker = Waker::from(Arc::clone(&signal));
                self.signal = Some((Arc::clone(&signal), waker.clone()));
                self.scope.state().driver = Some(outer.clone());
                (signal, waker)
            }
        }
    }

    /// Whether the work waits for nothing but loads that have not been sent. Whoever else could wake it (a timer, a
    /// task, tokio's own deferred wakes, another `FuturesUnordered`) would hold a clone of its waker.
    fn only_loads_wait(&self, signal: &Arc<Signal>, waker: &Waker) -> bool {
        if !self.batches.is_empty() || !self.tasks.is_empty() {
            return false;
        }
        let state = self.scope.state();
        if !state.spawned.is_empty() {
            return false;
        }
        let loads: usize = state.pending.iter().map(|(_, batch)| batch.holds_waker(waker)).sum();
        drop(state);
        let unknown = Arc::strong_count(signal) > OWN_CLONES + loads;
        // Who has dropped his clone may have fired it before.
        fence(Ordering::Acquire);
        loads > 0 && !unknown && !signal.fired.load(Ordering::Acquire)
    }

    fn poll_batches(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(())) = self.batches.poll_next_unpin(cx) {}
    }

    /// After a poll: takes over what was spawned in it; if nothing can run, lets the executor go round once.
    fn settle(&mut self, nothing_can_run: bool, outer: &mut Context<'_>) {
        let (spawned, loads_wait) = {
            let mut state = self.scope.state();
            state.polling = false;
            (std::mem::take(&mut state.spawned), !state.pending.is_empty())
        };
        if !spawned.is_empty() {
            self.tasks.extend(spawned);
            // Nobody else would wake a task that has not been polled yet.
            outer.waker().wake_by_ref();
        } else if nothing_can_run && loads_wait {
            self.lull = true;
            // Registers a deferred wake, behind those that the work may have registered.
            let _ = pin!(tokio::task::yield_now()).poll(outer);
        }
    }

    /// Sends what has been asked for.
    fn flush(&mut self, cx: &mut Context<'_>) {
        let pending = {
            let mut state = self.scope.state();
            state.polling = false;
            std::mem::take(&mut state.pending)
        };
        for (_, batch) in pending {
            self.batches.push(batch.run(Arc::clone(&self.scope)));
        }
        // Sends them all before any is awaited; what answers at once (SQLite) wakes the work.
        self.poll_batches(cx);
    }
}

/// What one round of a poll came to.
enum Round<T> {
    Ready(T),
    /// Batches were sent. If one was answered at once (SQLite), the work can go on in another round.
    Sent,
    /// Somebody will wake the task.
    Waits,
}

impl<F: Future> Driven<F> {
    fn round(&mut self, signal: &Arc<Signal>, waker: &Waker, outer: &mut Context<'_>) -> Round<F::Output> {
        let mut cx = Context::from_waker(waker);
        {
            let mut state = self.scope.state();
            state.phase = Phase::Driven;
            state.polling = true;
        }
        // Answers first: whom they wake is polled right below, so those wakes do not count as "can still run".
        self.poll_batches(&mut cx);
        let woken = signal.fired.swap(false, Ordering::SeqCst);
        if woken {
            // A batch may have been answered since it was looked at; during a poll nothing else would tell of it.
            self.poll_batches(&mut cx);
        }
        if std::mem::take(&mut self.lull) && !woken && self.scope.state().spawned.is_empty() {
            self.flush(&mut cx);
            return Round::Sent;
        }
        while let Poll::Ready(Some(())) = self.tasks.poll_next_unpin(&mut cx) {}
        if let Poll::Ready(value) = self.work.as_mut().poll(&mut cx) {
            return Round::Ready(value);
        }
        if self.only_loads_wait(signal, waker) {
            self.flush(&mut cx);
            return Round::Sent;
        }
        let nothing_can_run = !signal.fired.load(Ordering::Acquire);
        self.settle(nothing_can_run, outer);
        Round::Waits
    }
}

impl<F: Future> Future for Driven<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, outer: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let (signal, waker) = this.waker(outer.waker());
        signal.held.store(true, Ordering::SeqCst);
        for _ in 0..ROUNDS {
            match this.round(&signal, &waker, outer) {
                Round::Ready(value) => return Poll::Ready(value),
                Round::Sent if signal.fired.load(Ordering::Acquire) => {}
                Round::Sent | Round::Waits => break,
            }
        }
        // Whoever fires it from here on passes it on himself; whoever did before is seen.
        signal.held.store(false, Ordering::SeqCst);
        if signal.fired.load(Ordering::SeqCst) {
            outer.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<F> Drop for Driven<F> {
    fn drop(&mut self) {
        // The batches are dropped outside the lock: they answer to those who wait for them.
        let (_pending, _spawned) = {
            let mut state = self.scope.state();
            state.phase = Phase::Ended;
            state.driver = None;
            (std::mem::take(&mut state.pending), std::mem::take(&mut state.spawned))
        };
        self.scope.report_repeats();
    }
}
