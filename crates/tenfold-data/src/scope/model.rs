//! Tests the driver in the interleavings of its threads.
//!
//! loom (<https://docs.rs/loom>, after Norris and Demsky, "CDSChecker", OOPSLA 2013) runs each program repeatedly. It
//! tries all ways in which threads can switch at the locks and atomics of `platform.rs`, with at most [`PREEMPTIONS`]
//! preemptions of a thread that could continue. The driver is the real one, and so are the scope, the loads by key and
//! their answers; the executor and the database are models. A lost wake shows as a deadlock, which loom reports.

mod programs;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::BoxFuture;
use loom::sync::{Condvar, Mutex};

use super::keyed::{self, Found, KeyedLoad, KeyedRequest};
use super::{BatchKey, LoadSource, Scope};
use crate::clock::Clock;
use crate::database::{Database, DatabaseSettings};
use crate::error::DataError;
use crate::trace::TraceContext;

/// Two are enough: they show every bug that was planted. Each further one makes the run about ten times longer.
const PREEMPTIONS: usize = 2;

/// Explores `program`.
fn explore(program: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.max_branches = 20_000;
    builder.check(program);
}

loom::thread_local! {
    static DEFERRED: RefCell<Vec<Waker>> = RefCell::new(Vec::new());
    static TURNS: Cell<usize> = Cell::new(0);
}

/// What the driver asks of the executor for a lull.
pub(super) fn after_others(waker: &Waker) {
    TURNS.with(|turns| turns.set(turns.get() + 1));
    defer(waker);
}

/// How often this thread's tasks let the executor go round once.
fn turns() -> usize {
    TURNS.with(Cell::get)
}

fn defer(waker: &Waker) {
    DEFERRED.with(|deferred| deferred.borrow_mut().push(waker.clone()));
}

/// An executor with one task and its own thread, which behaves like tokio's: a woken task is polled again. When there
/// is nothing to poll, the deferred wakes come next, the last one first.
struct Executor {
    woken: Mutex<bool>,
    wake: Condvar,
}

impl Wake for Executor {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.woken.lock().unwrap() = true;
        self.wake.notify_one();
    }
}

impl Executor {
    fn new() -> Arc<Self> {
        Arc::new(Executor { woken: Mutex::new(false), wake: Condvar::new() })
    }

    fn poll<F: Future + Unpin>(self: &Arc<Self>, future: &mut F) -> Poll<F::Output> {
        *self.woken.lock().unwrap() = false;
        let waker = Waker::from(Arc::clone(self));
        pin!(future).poll(&mut Context::from_waker(&waker))
    }

    /// Returns when the task is to be polled again.
    fn idle(&self) {
        loop {
            if *self.woken.lock().unwrap() {
                return;
            }
            let deferred = DEFERRED.with(RefCell::take);
            if deferred.is_empty() {
                break;
            }
            deferred.into_iter().rev().for_each(Waker::wake);
        }
        let mut woken = self.woken.lock().unwrap();
        while !*woken {
            woken = self.wake.wait(woken).unwrap();
        }
    }

    fn run<F: Future>(self: &Arc<Self>, future: F, before_poll: impl Fn()) -> F::Output {
        let mut future = Box::pin(future);
        loop {
            before_poll();
            if let Poll::Ready(value) = self.poll(&mut future) {
                // The remaining deferred wakes are no longer needed.
                drop(DEFERRED.with(RefCell::take));
                return value;
            }
            self.idle();
        }
    }
}

/// Runs a future on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    Executor::new().run(Box::pin(future), || {})
}

/// Something that happens once, and the waker of the task that waits for it.
#[derive(Default)]
struct ModelEvent(Mutex<(bool, Option<Waker>)>);

impl ModelEvent {
    fn happen(&self) {
        let waiting = {
            let mut event = self.0.lock().unwrap();
            event.0 = true;
            event.1.take()
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// A spurious wake for the waiting task.
    fn nudge(&self) {
        let waiting = self.0.lock().unwrap().1.clone();
        waiting.into_iter().for_each(Waker::wake);
    }

    fn happened(&self) -> impl Future<Output = ()> {
        std::future::poll_fn(|cx| {
            let mut event = self.0.lock().unwrap();
            if event.0 {
                return Poll::Ready(());
            }
            event.1 = Some(cx.waker().clone());
            Poll::Pending
        })
    }
}

/// Yields as tokio's tasks do.
async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        defer(cx.waker());
        Poll::Pending
    })
    .await;
}

/// How the model's database answers.
#[derive(Clone, Copy)]
enum ModelAnswers {
    /// Within the poll that sends a batch.
    AtOnce,
    /// From another thread, with so many wakes.
    InPieces(usize),
}

/// A scope on the model's database, and what was sent to it.
#[derive(Clone)]
struct ModelWorld(Arc<ModelState>);

struct ModelState {
    scope: Arc<Scope>,
    answers: ModelAnswers,
    sent: std::sync::Mutex<Vec<Vec<u8>>>,
    /// A future that only waits to be polled has been woken.
    told: AtomicBool,
    told_before_poll: AtomicBool,
}

impl ModelWorld {
    fn new(answers: ModelAnswers) -> Self {
        // It connects only for the first statement, and there is none.
        static DATABASE: LazyLock<Database> = LazyLock::new(|| {
            let mut settings = DatabaseSettings::default();
            // Its atomics are loom's, too.
            settings.cache.bytes = 0;
            Database::open("postgres://nobody@nowhere.invalid/none", &settings, Clock::system(), Vec::new())
                .unwrap()
        });
        ModelWorld(Arc::new(ModelState {
            scope: Scope::new(DATABASE.clone(), TraceContext::start_random(), None),
            answers,
            sent: std::sync::Mutex::default(),
            told: AtomicBool::new(false),
            told_before_poll: AtomicBool::new(false),
        }))
    }

    /// Drives `work` to its end on this thread.
    fn drive<T>(&self, work: impl Future<Output = T>) -> T {
        let note = || self.0.told_before_poll.store(self.0.told.load(Ordering::SeqCst), Ordering::SeqCst);
        Executor::new().run(self.0.scope.drive(work), note)
    }

    /// Requests a key without waiting.
    fn ask(&self, key: u8) -> Result<KeyedRequest<Fetch>, DataError> {
        let batch = BatchKey { what: LoadSource::Call("model", "fetch", 0), tenant: None, connection: 0 };
        keyed::request(&self.0.scope, batch, Location::caller(), vec![key], [], || Fetch(self.clone()))
    }

    /// Requests a key and waits for its answer.
    async fn fetch(&self, key: u8) {
        assert_eq!(self.ask(key).unwrap().values().await.unwrap(), [Some(key)]);
    }

    /// The keys of each batch.
    fn sent(&self) -> Vec<Vec<u8>> {
        self.0.sent.lock().unwrap().clone()
    }

    /// Whether a future that could run had been woken before the current poll began.
    fn was_told_before_poll(&self) -> bool {
        self.0.told_before_poll.load(Ordering::SeqCst)
    }
}

struct Fetch(ModelWorld);

impl KeyedLoad for Fetch {
    type Key = u8;
    type Value = u8;
    type Error = DataError;

    fn load(self, _: Arc<Scope>, keys: Vec<u8>) -> BoxFuture<'static, Result<Found<Self>, DataError>> {
        Box::pin(async move {
            self.0.0.sent.lock().unwrap().push(keys.clone());
            if let ModelAnswers::InPieces(pieces) = self.0.0.answers {
                let answer = Arc::new(ModelEvent::default());
                let answering = Arc::clone(&answer);
                loom::thread::spawn(move || {
                    (1..pieces).for_each(|_| answering.nudge());
                    answering.happen();
                });
                answer.happened().await;
            }
            Ok(keys.into_iter().map(|key| (key, Some(key))).collect())
        })
    }
}
