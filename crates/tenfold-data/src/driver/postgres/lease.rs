//! A pooled connection while one task has it to itself.

mod commit;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_postgres::Object;
use futures_util::future::join4;
use tokio::sync::Notify;
use tokio_postgres::Statement as Prepared;

use super::super::{Call, before};
use super::backends::Backend;
use super::columns::{compare, refuse_unread};
use super::refusal::classify;
use super::rls::SessionSettings;
use super::run::{run_prepared, run_typed};
use super::tls::Tls;
use crate::driver::DriverError;
use crate::driver::fair_permits::FairPermit;
use crate::error::Source;
use crate::ownership::OrgId;
use crate::waited::WaitMeter;

/// How long a cancel request may take to reach the server.
pub(super) const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection held by one task. If it is dropped in the middle of a statement, the statement is cancelled and the
/// connection closed: the next user must not find unfinished work on it.
pub(super) struct Lease {
    client: Option<Object>,
    session: Arc<SessionSettings>,
    /// The TLS settings for sending a cancel request.
    tls: Tls,
    /// The server's process; `None` if it is not known.
    backend: Option<Arc<Backend>>,
    /// The organization's turn, which ends with the lease.
    _turn: FairPermit,
    opening: Mutex<Opening>,
    /// Notified when it is known whether the transaction has begun.
    opened: Notify,
    busy: AtomicBool,
    /// The transaction was given up, and cannot be rolled back.
    given_up: AtomicBool,
}

/// The state of BEGIN.
enum Opening {
    /// There is no transaction, or it has begun.
    Done,
    /// BEGIN, to be sent with the first statement in the same round trip.
    Unsent(String),
    /// BEGIN was sent and not answered yet.
    Sent,
    /// BEGIN was refused, or its answer was not awaited.
    Failed,
}

impl Lease {
    pub(super) fn new(
        client: Object,
        session: Arc<SessionSettings>,
        tls: Tls,
        backend: Option<Arc<Backend>>,
        turn: FairPermit,
    ) -> Self {
        Lease {
            client: Some(client),
            session,
            tls,
            backend,
            _turn: turn,
            opening: Mutex::new(Opening::Done),
            opened: Notify::new(),
            busy: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
        }
    }

    /// The server's process, if it is known.
    pub(super) fn backend(&self) -> Option<&Arc<Backend>> {
        self.backend.as_ref()
    }

    fn client(&self) -> &Object {
        self.client.as_ref().expect("a lease has its connection until it is dropped")
    }

    /// Marks the connection as busy until the result is known.
    async fn occupied<T>(
        &self,
        work: impl Future<Output = Result<T, DriverError>>,
    ) -> Result<T, DriverError> {
        self.busy.store(true, Ordering::Release);
        let _occupied = self.backend.as_deref().map(Backend::occupy);
        let result = work.await;
        // A statement that ran into its deadline is still running on the server.
        self.busy.store(matches!(result, Err(DriverError::Deadline)), Ordering::Release);
        result
    }

    /// Runs a statement outside a transaction.
    ///
    /// An author's text that acts for an organization gets a transaction of its own, in which only that organization's
    /// rows are visible. So does everything behind a pooler, because a pooler keeps no settings for us.
    pub(super) async fn run(&self, call: Call<'_>, meter: &WaitMeter) -> Result<u64, DriverError> {
        let _locks = self.backend.as_ref().map(|backend| backend.locks.report_to(meter));
        match (&*self.session, call.held_to()) {
            (SessionSettings::Own, None) => self.send(call, None, None).await,
            (session, org) => {
                let begin = session.begin_reading(org, call.deadline);
                self.send(call, Some(&begin), Some("COMMIT")).await
            }
        }
    }

    /// Begins a transaction that writes. On a connection of our own, BEGIN is sent with the first statement. If BEGIN
    /// failed, that statement could write nothing, because such a connection is read-only outside a transaction. Behind
    /// a pooler it could write, so there BEGIN is awaited.
    pub(super) async fn begin_writing(
        &self,
        org: Option<OrgId>,
        deadline: Option<tokio::time::Instant>,
    ) -> Result<(), DriverError> {
        let begin = self.session.begin_writing(org, deadline);
        match &*self.session {
            SessionSettings::Own => {
                *self.opening() = Opening::Unsent(begin);
                Ok(())
            }
            SessionSettings::Shared { .. } => self.script(&begin).await,
        }
    }

    fn opening(&self) -> MutexGuard<'_, Opening> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether dropping this closes the connection: a statement is under way, or it was given up.
    pub(super) fn is_lost(&self) -> bool {
        self.busy.load(Ordering::Acquire) || self.given_up.load(Ordering::Acquire)
    }

    /// Marks the connection to be closed.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }

    /// Whether BEGIN was sent to the server.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(*self.opening(), Opening::Unsent(_))
    }

    /// The prepared statement for a text, where the connection keeps prepared statements.
    async fn prepared(&self, text: &str) -> Result<Option<Prepared>, DriverError> {
        match &*self.session {
            SessionSettings::Own => self.client().prepare_cached(text).await.map(Some).map_err(classify),
            SessionSettings::Shared { .. } => Ok(None),
        }
    }

    async fn run_as(&self, prepared: Option<&Prepared>, call: Call<'_>) -> Result<u64, DriverError> {
        match prepared {
            Some(prepared) => run_prepared(self.client(), prepared, call).await,
            None => run_typed(self.client(), call).await,
        }
    }

    /// Gives the BEGIN to the first statement, which sends it along. A later statement waits until it is known whether
    /// the transaction has begun; sent earlier, it would run outside a transaction if BEGIN failed.
    async fn begin_with(&self) -> Result<Option<Begin<'_>>, DriverError> {
        loop {
            // Created before the check, so that a notification between the check and the await is not lost.
            let known = self.opened.notified();
            if let Some(known) = self.take_opening() {
                return known;
            }
            known.await;
        }
    }

    /// `None` while it is not known whether the transaction has begun.
    fn take_opening(&self) -> Option<Result<Option<Begin<'_>>, DriverError>> {
        let mut opening = self.opening();
        match &mut *opening {
            Opening::Done => Some(Ok(None)),
            Opening::Unsent(text) => {
                let text = std::mem::take(text);
                *opening = Opening::Sent;
                Some(Ok(Some(Begin { lease: self, text })))
            }
            Opening::Sent => None,
            Opening::Failed => Some(Err(DriverError::Other(Source::new("the transaction could not begin")))),
        }
    }

    async fn send_text(&self, text: Option<&str>) -> Result<(), DriverError> {
        match text {
            Some(text) => self.client().batch_execute(text).await.map_err(classify),
            None => Ok(()),
        }
    }

    /// Sends a statement, and the texts before and after it, in one round trip.
    pub(super) async fn send(
        &self,
        call: Call<'_>,
        ahead: Option<&str>,
        behind: Option<&str>,
    ) -> Result<u64, DriverError> {
        let deadline = call.deadline;
        let work = async {
            let prepared = self.prepared(&call.statement.text).await?;
            if let Some(prepared) = &prepared {
                compare(prepared.columns(), call.statement.reads)?;
            }
            let begin = self.begin_with().await?;
            // The first poll sends each of them, so the server has all of them before it answers one.
            let (begun, ahead, result, behind) = join4(
                Begin::send(begin),
                self.send_text(ahead),
                self.run_as(prepared.as_ref(), call),
                self.send_text(behind),
            )
            .await;
            begun?;
            ahead?;
            let count = result?;
            behind.map(|()| count)
        };
        self.occupied(before(deadline, work)).await
    }

    /// Prepares a text. Returns how many parameters it has. A text with a column that no Rust type can read is refused.
    pub(super) async fn check(&self, text: &str) -> Result<usize, DriverError> {
        let prepared = self.occupied(async { self.client().prepare(text).await.map_err(classify) }).await?;
        refuse_unread(prepared.columns())?;
        Ok(prepared.params().len())
    }

    /// Runs a script of several statements.
    pub(super) async fn script(&self, sql: &str) -> Result<(), DriverError> {
        let work = async {
            Begin::send(self.begin_with().await?).await?;
            self.send_text(Some(sql)).await
        };
        self.occupied(work).await
    }

    /// Runs one statement without timeouts and without a transaction. The connection is closed afterwards, because it
    /// no longer has the pool's settings.
    pub(super) async fn alone(mut self, sql: &str) -> Result<(), DriverError> {
        self.give_up();
        if let SessionSettings::Own = &*self.session {
            self.script(
                "SET default_transaction_read_only = off; SET statement_timeout = 0; SET lock_timeout = 0",
            )
            .await?;
        }
        self.script(sql).await?;
        drop(self.client.take().map(Object::take));
        Ok(())
    }
}

/// A BEGIN that was sent. Until its answer comes, the transaction counts as failed.
struct Begin<'a> {
    lease: &'a Lease,
    text: String,
}

impl Begin<'_> {
    /// Sends BEGIN, if there is one, on the first poll. Statements polled after it arrive after it.
    async fn send(begin: Option<Self>) -> Result<(), DriverError> {
        let Some(begin) = begin else { return Ok(()) };
        begin.lease.send_text(Some(&begin.text)).await?;
        *begin.lease.opening() = Opening::Done;
        Ok(())
    }
}

impl Drop for Begin<'_> {
    fn drop(&mut self) {
        let mut opening = self.lease.opening();
        if !matches!(*opening, Opening::Done) {
            *opening = Opening::Failed;
            self.lease.give_up();
        }
        drop(opening);
        self.lease.opened.notify_waiters();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.is_lost() {
            return;
        }
        let Some(client) = self.client.take().map(Object::take) else { return };
        if let SessionSettings::Shared { .. } = &*self.session {
            // pgbouncer up to 1.20 crashes on a cancel request that does not wait for its answer (pgbouncer#801). The
            // statement ends at its own timeout, see `Session::begin`.
            return;
        }
        let (cancel, tls) = (client.cancel_token(), self.tls.clone());
        drop(client);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // If the server does not receive it, statement_timeout ends the statement instead.
                let _ = tokio::time::timeout(CANCEL_TIMEOUT, cancel.cancel_query(tls)).await;
            });
        }
    }
}
