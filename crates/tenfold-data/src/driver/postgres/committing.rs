//! A COMMIT that ends whether or not its caller awaits it.
//!
//! A caller that is dropped in the middle leaves the COMMIT to a task, which awaits the answer. If the connection breaks
//! before the answer comes, another connection asks the server what became of the transaction, by its number.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::super::{Call, CommitOutcome, Deferred, NotCommitted, Params, Unsettled};
use super::leases::Leases;
use super::roll_back::RollsBack;
use crate::driver::DriverError;
use crate::row::Row;
use crate::statement::{Statement, StatementCost};
use crate::value::Value;
use crate::waited::WaitMeter;

/// How long a task waits for the answer to a COMMIT that nobody else waits for. The connection is then closed.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How long the server is asked what became of a transaction. Then its outcome is unknown.
const STATUS_LIMIT: Duration = Duration::from_secs(60);
/// The pause before the server is asked again.
const STATUS_PAUSE: Duration = Duration::from_millis(100);

const STATUS: &str = "SELECT coalesce(pg_xact_status($1::text::xid8), 'forgotten')";

type Committed = Result<Vec<Duration>, NotCommitted>;

/// A COMMIT under way. Once it was polled it runs to its end, even if it is dropped.
pub(super) struct Committing {
    work: Option<BoxFuture<'static, Committed>>,
    is_begun: bool,
}

impl Committing {
    /// Commits on this connection, and rolls back if it cannot.
    pub(super) fn new(
        lease: RollsBack,
        leases: Arc<Leases>,
        deferred: Vec<Deferred>,
        mut unsettled: Unsettled,
    ) -> Self {
        let work = async move {
            unsettled.mark_sent();
            let settling = Settling { unsettled: Some(unsettled), number: OnceLock::new(), leases };
            let result = lease.commit(&deferred, settling.unsettled(), &settling.number).await;
            settling.end(&result);
            if result.is_ok() {
                lease.keep();
            }
            result
        };
        Committing { work: Some(Box::pin(work)), is_begun: false }
    }
}

impl Future for Committing {
    type Output = Committed;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Committed> {
        self.is_begun = true;
        let work = self.work.as_mut().expect("a future is not polled after its end");
        let result = ready!(work.as_mut().poll(cx));
        self.work = None;
        Poll::Ready(result)
    }
}

impl Drop for Committing {
    fn drop(&mut self) {
        if let (Some(work), true, Ok(runtime)) = (self.work.take(), self.is_begun, Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(ANSWER_LIMIT, work));
        }
    }
}

/// The outcome of a COMMIT, to be told once it is known. If this is dropped, it is found out.
struct Settling {
    unsettled: Option<Unsettled>,
    /// The transaction's number, where it is announced and the answer to that has come.
    number: OnceLock<String>,
    leases: Arc<Leases>,
}

impl Settling {
    fn unsettled(&self) -> &Unsettled {
        self.unsettled.as_ref().expect("it is told at the end")
    }

    /// Tells what the answer says. If there was none, the server is asked.
    fn end(mut self, result: &Committed) {
        let outcome = match result {
            Ok(_) => CommitOutcome::Committed,
            Err(NotCommitted { error: DriverError::OutcomeUnknown(_), .. }) => return,
            Err(_) => CommitOutcome::RolledBack,
        };
        self.unsettled.take().into_iter().for_each(|unsettled| unsettled.settle(outcome));
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        let Some(unsettled) = self.unsettled.take() else { return };
        // Without a number, or a runtime to ask with, it is dropped here and told that the outcome is unknown.
        if let (Some(number), Ok(runtime)) = (self.number.take(), Handle::try_current()) {
            runtime.spawn(find_out(Arc::clone(&self.leases), number, unsettled));
        }
    }
}

/// Asks the server what became of a transaction, until it knows.
async fn find_out(leases: Arc<Leases>, number: String, unsettled: Unsettled) {
    let until = Instant::now() + STATUS_LIMIT;
    while Instant::now() < until {
        let outcome = match ask(&leases, &number, until).await.as_deref() {
            Ok("committed") => CommitOutcome::Committed,
            Ok("aborted") => CommitOutcome::RolledBack,
            Ok("forgotten") => break,
            Ok(_) | Err(_) => {
                tokio::time::sleep(STATUS_PAUSE).await;
                continue;
            }
        };
        return unsettled.settle(outcome);
    }
    unsettled.settle(CommitOutcome::Unknown);
}

async fn ask(leases: &Leases, number: &str, deadline: Instant) -> Result<String, DriverError> {
    let statement = Statement::new("transaction.status", "tenfold", STATUS, StatementCost::Free);
    let params = [Value::Text(number.to_owned())];
    let mut status = String::new();
    let mut sink = |row: &Row<'_>| {
        status = row.text(0)?;
        Ok(())
    };
    let call = Call {
        statement: &statement,
        params: Params::One(&params),
        tenant: None,
        deadline: Some(deadline),
        sink: &mut sink,
    };
    leases.lease(Some(deadline)).await?.run(call, &WaitMeter::default()).await?;
    Ok(status)
}
