//! COMMIT, with the statements that travel with it, in one round trip.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::future::maybe_done;
use tokio_postgres::Statement as Prepared;

use super::super::super::{Call, Deferred, NotCommitted, Params, Unsettled};
use super::{Backend, Begin, Lease};
use crate::driver::DriverError;
use crate::ownership::OrgId;
use crate::row::Row;
use crate::statement::Statement;
use crate::value::Value;

/// A statement that travels with COMMIT.
struct Last<'a> {
    /// Its number among the deferred ones. The announcement has none.
    index: Option<usize>,
    statement: &'a Statement,
    params: Params<'a>,
    tenant: Option<OrgId>,
}

impl Last<'_> {
    fn failed(&self, error: DriverError) -> NotCommitted {
        NotCommitted { deferred: self.index, error }
    }
}

impl Lease {
    /// Runs the deferred statements, announces the commit and commits, in one round trip. Returns how long each of the
    /// deferred ones took. If the transaction is announced, `number` receives its number.
    pub(in super::super) async fn commit(
        &self,
        deferred: &[Deferred],
        unsettled: &Unsettled,
        number: &OnceLock<String>,
    ) -> Result<Vec<Duration>, NotCommitted> {
        let announcement =
            unsettled.announcement().map(|(how, what)| (how, [how.process.clone(), Value::Text(what())]));
        if deferred.is_empty() && announcement.is_none() && !self.has_begun() {
            return Ok(Vec::new());
        }
        let mut last: Vec<Last<'_>> = Vec::with_capacity(deferred.len() + 1);
        last.extend(deferred.iter().enumerate().map(|(index, deferred)| Last {
            index: Some(index),
            statement: deferred.statement,
            params: Params::of(&deferred.sets),
            tenant: deferred.tenant,
        }));
        last.extend(announcement.iter().map(|(how, what)| Last {
            index: None,
            statement: &how.insert,
            params: Params::One(what),
            tenant: None,
        }));
        self.busy.store(true, Ordering::Release);
        let _occupied = self.backend.as_deref().map(Backend::occupy);
        let result = self.send_commit(&last, number).await;
        self.busy.store(false, Ordering::Release);
        result.map(|mut took| {
            took.truncate(deferred.len());
            took
        })
    }

    async fn send_commit(
        &self,
        last: &[Last<'_>],
        number: &OnceLock<String>,
    ) -> Result<Vec<Duration>, NotCommitted> {
        let mut runs = Vec::with_capacity(last.len());
        for each in last {
            let prepared = self.prepared(&each.statement.text).await.map_err(|error| each.failed(error))?;
            runs.push(Box::pin(maybe_done(self.run_last(each, prepared, number))));
        }
        let mut begun = pin!(maybe_done(Begin::send(self.begin_with().await?)));
        polled_once(begun.as_mut()).await;
        for run in &mut runs {
            polled_once(run.as_mut()).await;
            // A statement that cannot be sent, for example because a value does not fit its column, fails at once. The
            // server knows nothing of it and would commit the rest.
            if let Some(Err(_)) = run.as_mut().output_mut()
                && let Some(Err(error)) = run.as_mut().take_output()
            {
                return Err(error);
            }
        }
        let mut commit = pin!(maybe_done(self.send_text(Some("COMMIT"))));
        polled_once(commit.as_mut()).await;
        // After a failed statement the server answers COMMIT with a rollback. If the connection broke, the COMMIT may
        // still have been executed.
        let unknown = |error: NotCommitted| match error.error {
            DriverError::Unavailable(source) => DriverError::OutcomeUnknown(source).into(),
            _ => error,
        };
        begun.as_mut().await;
        begun.take_output().unwrap_or(Ok(())).map_err(|error| unknown(error.into()))?;
        let mut took = Vec::with_capacity(runs.len());
        for mut run in runs {
            run.as_mut().await;
            took.extend(run.as_mut().take_output().transpose().map_err(unknown)?);
        }
        commit.as_mut().await;
        commit.take_output().unwrap_or(Ok(())).map_err(|error| unknown(error.into()))?;
        Ok(took)
    }

    async fn run_last(
        &self,
        last: &Last<'_>,
        prepared: Option<Prepared>,
        number: &OnceLock<String>,
    ) -> Result<Duration, NotCommitted> {
        let sent = Instant::now();
        let mut keep = |row: &Row<'_>| {
            let _ = number.set(row.text(0)?);
            Ok(())
        };
        let call = Call {
            statement: last.statement,
            params: last.params,
            tenant: last.tenant,
            deadline: None,
            sink: if last.index.is_some() { &mut |_| Ok(()) } else { &mut keep },
        };
        self.run_as(prepared.as_ref(), call).await.map_err(|error| last.failed(error))?;
        Ok(sent.elapsed())
    }
}

/// Polls a request once. That sends it, after those that were polled before.
async fn polled_once(mut request: Pin<&mut impl Future<Output = ()>>) {
    poll_fn(|cx| {
        let _ = request.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}
