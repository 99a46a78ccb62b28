//! Loads of one row each that several requests ask for at the same time, merged into one statement.
//!
//! The idea of group commit, for reads: while a merged statement of a lane is under way, whoever asks for a row is in the
//! next one. There is no timer, and where a load is the only one nothing is merged. One statement asks for up to [`MOST`]
//! pairs of organization and key, whoever they belong to; each is looked up in its own organization, and its row comes
//! back with the pair's place in the list.
//!
//! A task sends them, and none of those who wait: they may be dropped, or not be polled any more.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::task::coop::unconstrained;
use tokio_postgres::Row;

use super::lane::Lane;
use super::refusal::classify;
use crate::driver::{DriverError, Leader, LeaderEnd, start};
use crate::value::Value;

/// So many loads at most are one statement.
const MOST: usize = 64;

/// What a load is told that was merged with others.
pub(super) enum Answer {
    /// Its row, if there is one.
    Row(Option<Row>),
    /// What went wrong for all, whatever they asked for.
    Failed(DriverError),
    /// To be sent alone: something went wrong for which another one may be to blame.
    Alone,
}

impl Answer {
    /// What each of those hears whose statement failed.
    fn of(error: &DriverError) -> Self {
        error.for_another().map_or(Answer::Alone, Answer::Failed)
    }
}

struct Load {
    params: Vec<Value>,
    answer: oneshot::Sender<Answer>,
}

/// Loads that wait, with the text of the statement that they will be merged into.
type Waiting = Vec<(&'static str, Vec<Load>)>;

/// The loads that wait for a lane's next merged statements; none where nobody would send them.
#[derive(Default)]
pub(super) struct Merging(Mutex<Option<Waiting>>);

impl Merging {
    fn lock(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a load; says whether it is the first, so that somebody is to send it.
    fn add(&self, text: &'static str, load: Load) -> bool {
        let mut waiting = self.lock();
        let is_first = waiting.is_none();
        let waiting = waiting.get_or_insert_default();
        let has_room =
            |(other, loads): &&mut (&str, Vec<Load>)| std::ptr::eq(*other, text) && loads.len() < MOST;
        match waiting.iter_mut().find(has_room) {
            Some((_, loads)) => loads.push(load),
            None => waiting.push((text, vec![load])),
        }
        is_first
    }
}

/// Asks for the row of `params` with the lane's next merged statement of this `text`.
pub(super) async fn load(lane: &Arc<Lane>, text: &'static str, params: &[Value]) -> Answer {
    let (answer, told) = oneshot::channel();
    if lane.merging.add(text, Load { params: params.to_vec(), answer }) {
        // Others wait for it too, whatever becomes of this request and of its runtime.
        start(Sending(Arc::clone(lane)), Some(&lane.runtime()));
    }
    // Else a turn that is used up would have it polled once more for nothing.
    unconstrained(told).await.unwrap_or(Answer::Alone)
}

/// Sends what waits, until nothing does. When its runtime ends before, each load is left to itself.
struct Sending(Arc<Lane>);

impl Leader for Sending {
    async fn lead(&mut self) {
        loop {
            // Whoever can run first may ask for a row as well, and be among them.
            tokio::task::yield_now().await;
            let waiting = self.take();
            if waiting.is_empty() {
                return;
            }
            join_all(waiting.into_iter().map(|(text, loads)| self.send(text, loads))).await;
        }
    }

    fn end(&mut self, end: LeaderEnd) {
        if end == LeaderEnd::Dropped {
            self.0.merging.lock().take();
        }
    }
}

impl Sending {
    /// What waits by now; if it is nothing, the next load has somebody else send it.
    fn take(&self) -> Waiting {
        let mut waiting = self.0.merging.lock();
        let taken = waiting.take().unwrap_or_default();
        if !taken.is_empty() {
            *waiting = Some(Waiting::new());
        }
        taken
    }

    /// Sends one statement, and tells each load of its row.
    async fn send(&self, text: &'static str, mut loads: Vec<Load>) {
        // Who has gone away does not need to hear it.
        loads.retain(|load| !load.answer.is_closed());
        if loads.is_empty() {
            return;
        }
        let mut lists: Vec<Vec<Value>> = Vec::new();
        let mut answers = Vec::with_capacity(loads.len());
        for Load { params, answer } in loads {
            lists.resize_with(params.len(), Vec::new);
            lists.iter_mut().zip(params).for_each(|(list, value)| list.push(value));
            answers.push(Some(answer));
        }
        let lists: Vec<Value> = lists.into_iter().map(Value::List).collect();
        let end = self.tell_rows(text, &lists, &mut answers).await;
        for answer in answers.into_iter().flatten() {
            // Who has gone away by now does not need to hear it either; so below.
            let _ = answer.send(match &end {
                Ok(()) => Answer::Row(None),
                Err(error) => Answer::of(error),
            });
        }
    }

    async fn tell_rows(
        &self,
        text: &str,
        lists: &[Value],
        answers: &mut [Option<oneshot::Sender<Answer>>],
    ) -> Result<(), DriverError> {
        let mut rows = pin!(self.0.rows(text, lists).await?);
        while let Some(row) = rows.try_next().await.map_err(classify)? {
            let place: i64 = row.try_get(row.len() - 1).map_err(classify)?;
            let answer = usize::try_from(place - 1).ok().and_then(|place| answers.get_mut(place)?.take());
            if let Some(answer) = answer {
                let _ = answer.send(Answer::Row(Some(row)));
            }
        }
        Ok(())
    }
}
