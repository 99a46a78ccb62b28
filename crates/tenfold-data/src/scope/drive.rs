//! The future that drives a scope, and the flush rule.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::{Phase, Scope};

/// Runs a piece of work, its spawned tasks and its batches as one future.
///
/// **The flush rule**: waiting loads are sent when the work returned `Pending` and its waker was not fired
/// during that very poll. "Any `Pending`" would flush too early: tokio's cooperative budget and
/// `FuturesUnordered` return `Pending` with their waker already fired, and have more to run. After a wake the
/// task goes back to the executor instead of polling again at once, which could starve everybody else.
pub struct Driven<F> {
    scope: Arc<Scope>,
    work: Pin<Box<F>>,
    /// Batches that were sent and not answered yet.
    batches: FuturesUnordered<BoxFuture<'static, ()>>,
    /// Tasks of `Context::spawn`.
    tasks: FuturesUnordered<BoxFuture<'static, ()>>,
    signal: Option<(Arc<Signal>, Waker)>,
}

/// The waker that the work sees: it notes that it was fired, and passes it on.
struct Signal {
    fired: AtomicBool,
    outer: Waker,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.fired.store(true, Ordering::Release);
        self.outer.wake_by_ref();
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
        }
    }

    /// The waker for this poll; a new one only when the executor's changed.
    fn waker(&mut self, outer: &Waker) -> (Arc<Signal>, Waker) {
        match &self.signal {
            Some((signal, waker)) if signal.outer.will_wake(outer) => (Arc::clone(signal), waker.clone()),
            _ => {
                let signal = Arc::new(Signal { fired: AtomicBool::new(false), outer: outer.clone() });
                let waker = Waker::from(Arc::clone(&signal));
                self.signal = Some((Arc::clone(&signal), waker.clone()));
                self.scope.state().driver = Some(outer.clone());
                (signal, waker)
            }
        }
    }

    fn poll_batches(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(())) = self.batches.poll_next_unpin(cx) {}
    }

    /// After a poll: takes over what was spawned in it, or, if nothing can run, sends what has been asked for.
    fn settle(&mut self, nothing_can_run: bool, cx: &mut Context<'_>) {
        let (spawned, pending) = {
            let mut state = self.scope.state();
            state.polling = false;
            let spawned = std::mem::take(&mut state.spawned);
            let flush = nothing_can_run && spawned.is_empty();
            (spawned, if flush { std::mem::take(&mut state.pending) } else { Vec::new() })
        };
        if !spawned.is_empty() {
            self.tasks.extend(spawned);
            // Nobody else would wake a task that has not been polled yet.
            cx.waker().wake_by_ref();
        }
        if !pending.is_empty() {
            for (_, batch) in pending {
                self.batches.push(batch.run(Arc::clone(&self.scope)));
            }
            // Sends them all before any is awaited; what answers at once (SQLite) wakes the work.
            self.poll_batches(cx);
        }
    }
}

impl<F: Future> Future for Driven<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, outer: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let (signal, waker) = this.waker(outer.waker());
        let mut cx = Context::from_waker(&waker);
        {
            let mut state = this.scope.state();
            state.phase = Phase::Driven;
            state.polling = true;
        }
        // Answers first: whom they wake is polled right below, so those wakes do not count as "can still run".
        this.poll_batches(&mut cx);
        signal.fired.store(false, Ordering::Release);
        while let Poll::Ready(Some(())) = this.tasks.poll_next_unpin(&mut cx) {}
        if let Poll::Ready(value) = this.work.as_mut().poll(&mut cx) {
            return Poll::Ready(value);
        }
        let nothing_can_run = !signal.fired.load(Ordering::Acquire);
        this.settle(nothing_can_run, &mut cx);
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
    }
}
