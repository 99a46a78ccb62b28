//! A lane: one connection that many key loads share, pipelined.
//!
//! Only generated key loads run here, under one fixed short timeout. None is ever cancelled: a cancel request hits
//! whatever the connection is running by then, which may be another request's load.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::coop::unconstrained;
use tokio_postgres::{Client, Config, SimpleQueryMessage, Statement as Prepared};

use super::super::Call;
use super::backends::{Backend, Backends};
use super::connect::connect;
use super::lock_watch;
use super::refusal::classify;
use super::run::run_prepared;
use super::standby;
use super::tls::Tls;
use crate::driver::{DriverError, Leader, LeaderEnd, UnderWay, start};
use crate::error::Source;
use crate::waited::WaitMeter;

pub(super) struct Lane {
    config: Config,
    tls: Tls,
    /// `None` behind a pooler.
    backends: Option<Arc<Backends>>,
    link: Mutex<LaneState>,
    under_way: Arc<AtomicUsize>,
}

/// A lane's connection.
enum LaneState {
    /// It was never opened, or could not be opened.
    Closed,
    /// A task is opening it, and will tell these waiters.
    Opening(Vec<oneshot::Sender<Result<Arc<LaneConnection>, DriverError>>>),
    /// It was opened, and may have broken since.
    Open(Arc<LaneConnection>),
}

struct LaneConnection {
    client: Client,
    prepared: Mutex<HashMap<String, Prepared>>,
    /// The server's process, if it is known.
    backend: Option<Arc<Backend>>,
}

impl Lane {
    pub(super) fn new(config: Config, tls: Tls, backends: Option<Arc<Backends>>) -> Self {
        Lane { config, tls, backends, link: Mutex::new(LaneState::Closed), under_way: Arc::default() }
    }

    /// How many loads were given to it and have not returned.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Runs a load. `meter` is told how long its lane waited for locks.
    pub(super) async fn run(self: &Arc<Self>, call: Call<'_>, meter: &WaitMeter) -> Result<u64, DriverError> {
        let _counted = UnderWay::count(&self.under_way);
        let connection = self.connection().await?;
        let backend = connection.backend.as_deref();
        let _occupied = backend.map(Backend::occupy);
        let _locks = backend.map(|backend| backend.locks.report_to(meter));
        let prepared = connection.prepared(&call.statement.text).await?;
        run_prepared(&connection.client, &prepared, call).await
    }

    /// The open connection. Retries once if the runtime that was to open it has ended.
    async fn connection(self: &Arc<Self>) -> Result<Arc<LaneConnection>, DriverError> {
        for _ in 0..2 {
            if let Some(opened) = self.opened().await {
                return opened;
            }
        }
        Err(DriverError::Unavailable(Source::new("the task that was to open a lane to PostgreSQL has ended")))
    }

    /// The result of opening the lane, if it is not open. A task opens it once for all waiters. No waiter does so
    /// itself, because it may not be polled any more. `None` if the task did not finish.
    async fn opened(self: &Arc<Self>) -> Option<Result<Arc<LaneConnection>, DriverError>> {
        let (tell, opened) = oneshot::channel();
        let opening = {
            let mut link = self.link();
            if let Some(open) = link.open() {
                return Some(Ok(open));
            }
            match &mut *link {
                LaneState::Opening(waiting) => {
                    waiting.push(tell);
                    None
                }
                LaneState::Closed | LaneState::Open(_) => {
                    *link = LaneState::Opening(vec![tell]);
                    Some(LaneOpening { lane: Arc::clone(self), result: None })
                }
            }
        };
        if let Some(opening) = opening {
            // Outside the lock: if the runtime is ending, the task is dropped at once.
            start(opening, Some(&Handle::current()));
        }
        unconstrained(opened).await.ok()
    }

    fn link(&self) -> MutexGuard<'_, LaneState> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LaneState {
    fn open(&self) -> Option<Arc<LaneConnection>> {
        match self {
            LaneState::Open(connection) if !connection.client.is_closed() => Some(Arc::clone(connection)),
            _ => None,
        }
    }
}

/// Opens a lane. The waiters are told in any case, even when its runtime ends first.
struct LaneOpening {
    lane: Arc<Lane>,
    result: Option<Result<Arc<LaneConnection>, DriverError>>,
}

impl LaneOpening {
    async fn open(&self) -> Result<Arc<LaneConnection>, DriverError> {
        let (client, driving) = connect(&self.lane.config, &self.lane.tls).await?;
        standby::refuse(&driving)?;
        let under_way = Arc::clone(&self.lane.under_way);
        let driving = Gathering { driving, under_way, has_let_others: false };
        Handle::current().spawn(async move {
            if let Err(error) = driving.await {
                tracing::warn!(%error, "a lane to PostgreSQL broke; the next load opens it again");
            }
        });
        let backend = match &self.lane.backends {
            Some(backends) => {
                let pid = server_process(&client).await?;
                lock_watch::watch(backends);
                pid.map(|pid| backends.add_lane(pid))
            }
            None => None,
        };
        Ok(Arc::new(LaneConnection { client, prepared: Mutex::default(), backend }))
    }
}

/// The number of the server's process behind a connection.
async fn server_process(client: &Client) -> Result<Option<i32>, DriverError> {
    let answer = client.simple_query("SELECT pg_backend_pid()").await.map_err(classify)?;
    let row = answer.iter().find_map(|part| match part {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(row.and_then(|pid| pid.parse().ok()))
}

impl Leader for LaneOpening {
    async fn lead(&mut self) {
        self.result = Some(self.open().await);
    }

    fn end(&mut self, _: LeaderEnd) {
        let next = match &self.result {
            Some(Ok(connection)) => LaneState::Open(Arc::clone(connection)),
            Some(Err(_)) | None => LaneState::Closed,
        };
        let LaneState::Opening(waiting) = std::mem::replace(&mut *self.lane.link(), next) else { return };
        for tell in waiting {
            let told = match &self.result {
                Some(Ok(connection)) => Some(Ok(Arc::clone(connection))),
                Some(Err(error)) => error.for_another().map(Err),
                None => None,
            };
            // A waiter that is gone does not need the result.
            let _ = told.map(|told| tell.send(told));
        }
    }
}

/// Drives a lane's connection. When several loads are under way, it first lets all other tasks run that can: their
/// loads then go out in the same packet, and their answers are read together.
struct Gathering<C> {
    driving: C,
    under_way: Arc<AtomicUsize>,
    has_let_others: bool,
}

impl<C: Future + Unpin> Future for Gathering<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        self.has_let_others = !self.has_let_others && self.under_way.load(Ordering::Relaxed) > 1;
        if self.has_let_others {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.driving).poll(cx)
    }
}

impl LaneConnection {
    /// The prepared statement for a text. The texts are generated, so there are as many as entities and relations.
    async fn prepared(&self, text: &str) -> Result<Prepared, DriverError> {
        let known = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(text).cloned();
        if let Some(prepared) = known {
            return Ok(prepared);
        }
        let prepared = self.client.prepare(text).await.map_err(classify)?;
        self.prepared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(text.to_owned(), prepared.clone());
        Ok(prepared)
    }
}
