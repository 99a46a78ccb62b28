//! The future that drives a scope, and the flush rule.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use pin_project_lite::pin_project;

use super::platform::after_others;
use super::signal::{Part, Wakers};
use super::waits::Driving;
use super::{Phase, Scope};

pin_project! {
    /// Runs a piece of work, its spawned tasks and its batches as one future.
    ///
    /// **The flush rule**: waiting loads are sent when nothing can run. Nothing can run when neither the work nor a
    /// spawned task nor a batch was fired since its last poll, and still none was after the executor went round once.
    /// Flushing when the work returns `Pending` would be too early: `FuturesUnordered` returns `Pending` with its waker
    /// already fired, and has more to run. tokio does the same when a task yields or has used up its coop budget. But
    /// tokio defers those wakes until the executor has nothing else to do, so one deferred turn of our own shows
    /// whether there were any. After a wake the task goes back to the executor; polling again at once could starve the
    /// other tasks. Only after batches that were answered at once does it poll again, for a few rounds.
    ///
    /// The turn is saved when only the waiting loads hold the work's waker, because then nothing else can fire it. A
    /// plain loop over a list always waits like that, and the turn would cost more than a small load on SQLite.
    ///
    /// Each of the three is polled only when it was fired, as in an executor. `signal.rs` says why no wake is lost.
    pub struct Driven<F> {
        wakers: Wakers,
        #[pin]
        work: F,
        parts: Parts,
    }

    impl<F> PinnedDrop for Driven<F> {
        fn drop(this: Pin<&mut Self>) {
            this.project().parts.end();
        }
    }
}

impl Scope {
    /// Runs `work` and sends the batches that it submits. When `work` ends, loads that still wait are dropped.
    pub fn drive<F: Future>(self: &Arc<Self>, work: F) -> Driven<F> {
        Driven::new(Arc::clone(self), work)
    }
}

/// What is driven besides the work itself.
struct Parts {
    scope: Arc<Scope>,
    /// Batches that were sent and not answered yet.
    batches: Beside,
    /// Tasks of `Context::spawn`.
    tasks: Beside,
    /// The scope has the signal to fire when something is submitted or spawned.
    is_known: bool,
    /// Nothing could run at the end of the last poll. If still nothing can after the turn, the waiting loads are sent,
    /// and a transaction that waits for something else is reported.
    lull: bool,
}

/// Futures that run beside the work. Many requests have none, and then pay nothing.
#[derive(Default)]
struct Beside(Option<FuturesUnordered<BoxFuture<'static, ()>>>);

impl Beside {
    fn push(&mut self, future: BoxFuture<'static, ()>) {
        self.0.get_or_insert_default().push(future);
    }

    fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(FuturesUnordered::is_empty)
    }

    /// Polls the futures that were fired.
    fn poll(&mut self, waker: &Waker) {
        let Some(futures) = &mut self.0 else { return };
        let mut cx = Context::from_waker(waker);
        while let Poll::Ready(Some(())) = futures.poll_next_unpin(&mut cx) {}
    }
}

/// How many rounds a poll may take while batches are answered at once. Then other tasks get their turn.
const ROUNDS: usize = 8;

impl<F: Future> Driven<F> {
    pub(super) fn new(scope: Arc<Scope>, work: F) -> Self {
        let (batches, tasks) = Default::default();
        let parts = Parts { scope, batches, tasks, is_known: false, lull: false };
        Driven { wakers: Wakers::new(), work, parts }
    }
}

/// The result of one round of a poll.
enum PollRound<T> {
    Ready(T),
    /// Batches were sent. If one was answered at once (SQLite), the work can go on in another round.
    Sent,
    /// Something will wake the task, or something was already fired.
    Waits,
}

impl Parts {
    fn round<F: Future>(&mut self, work: Pin<&mut F>, wakers: &Wakers) -> PollRound<F::Output> {
        let signal = &wakers.signal;
        self.adopt(wakers);
        if signal.take(Part::Batches) {
            self.batches.poll(wakers.batches());
        }
        // Every wake ends a lull. A turn that ends after that belongs to no lull.
        let turned = signal.take(Part::Turn);
        let runnable = signal.is_runnable();
        if self.lull && (turned || runnable) {
            self.lull = false;
            if !runnable {
                if self.batches.is_empty() {
                    self.scope.report_wait();
                }
                self.flush(wakers);
                return PollRound::Sent;
            }
        }
        if signal.take(Part::Tasks) {
            self.tasks.poll(wakers.tasks());
        }
        if signal.take(Part::Work)
            && let Poll::Ready(value) = work.poll(&mut Context::from_waker(&wakers.work))
        {
            return PollRound::Ready(value);
        }
        self.adopt(wakers);
        if signal.is_runnable() { PollRound::Waits } else { self.rest(wakers) }
    }

    /// Takes over the spawned tasks. A task that was never polled can run.
    fn adopt(&mut self, wakers: &Wakers) {
        if wakers.signal.take(Part::Asked) {
            let spawned = std::mem::take(&mut self.scope.state().spawned);
            if !spawned.is_empty() {
                spawned.into_iter().for_each(|task| self.tasks.push(task));
                wakers.signal.fire(Part::Tasks);
            }
        }
    }

    /// Nothing can run: sends the waiting loads, or first lets the executor go round once.
    fn rest<T>(&mut self, wakers: &Wakers) -> PollRound<T> {
        let loads: usize = {
            let state = self.scope.state();
            if state.pending.is_empty() {
                return PollRound::Waits;
            }
            state.pending.iter().map(|(_, batch)| batch.holds_waker(&wakers.work)).sum()
        };
        if self.batches.is_empty() && self.tasks.is_empty() && wakers.only_wait_for(loads) {
            self.flush(wakers);
            return PollRound::Sent;
        }
        self.lull = true;
        after_others(wakers.turn());
        PollRound::Waits
    }

    /// A transaction must not wait for anything but the database. After the executor has gone round once, it is known
    /// whether this one does.
    fn look_at_transaction(&mut self, wakers: &Wakers) {
        let can_go_on = self.lull || !self.batches.is_empty() || wakers.signal.is_runnable();
        if !can_go_on && self.scope.state().waits_outside() {
            self.lull = true;
            after_others(wakers.turn());
        }
    }

    /// Sends all waiting loads before awaiting any. An answer that comes at once (SQLite) fires the work.
    fn flush(&mut self, wakers: &Wakers) {
        let pending = std::mem::take(&mut self.scope.state().pending);
        for (_, batch) in pending {
            self.batches.push(batch.run(Arc::clone(&self.scope)));
        }
        wakers.signal.take(Part::Batches);
        self.batches.poll(wakers.batches());
    }

    /// Ends the scope and drops what still waits.
    fn end(&self) {
        // The batches are dropped outside the lock, because dropping one answers its waiters.
        let (_pending, _spawned) = {
            let mut state = self.scope.state();
            state.phase = Phase::Ended;
            state.driver = None;
            (std::mem::take(&mut state.pending), std::mem::take(&mut state.spawned))
        };
        self.scope.report_repeats();
    }
}

impl<F: Future> Future for Driven<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, outer: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let (wakers, parts) = (this.wakers, this.parts);
        let _driving = Driving::enter(&parts.scope);
        wakers.signal.begin(outer.waker());
        if !std::mem::replace(&mut parts.is_known, true) {
            let mut state = parts.scope.state();
            state.phase = Phase::Driven;
            state.driver = Some(Arc::clone(&wakers.signal));
        }
        for _ in 0..ROUNDS {
            match parts.round(this.work.as_mut(), wakers) {
                PollRound::Ready(value) => return Poll::Ready(value),
                PollRound::Sent if wakers.signal.is_fired() => {}
                PollRound::Sent | PollRound::Waits => break,
            }
        }
        parts.look_at_transaction(wakers);
        wakers.signal.end(outer.waker());
        Poll::Pending
    }
}
