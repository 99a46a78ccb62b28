//! Single-row loads that several requests ask for at the same time, merged into one statement.
//!
//! This is group commit for reads: while a merged statement of a lane is under way, new loads collect for the next one.
//! There is no timer, and a load that is alone is not merged. One statement loads up to [`MOST`] pairs of organization
//! and key, of any organizations. Each key is looked up in its own organization, and its row comes back with the pair's
//! position in the list.
//!
//! A task sends the statements. No waiter does so itself, because a waiter may be dropped, or not polled any more.

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

/// The most loads in one statement.
const MOST: usize = 64;

/// The answer to a load that was merged with others.
pub(super) enum Answer {
    /// The load's row, if there is one.
    Row(Option<Row>),
    /// An error that affects all of them, whatever they asked for.
    Failed(DriverError),
    /// Send the load alone: another load of the statement may have caused the error.
    Alone,
}

impl Answer {
    /// The answer for each load of a failed statement.
    fn of(error: &DriverError) -> Self {
        error.for_another().map_or(Answer::Alone, Answer::Failed)
    }
}

struct Load {
    params: Vec<Value>,
    answer: oneshot::Sender<Answer>,
}

/// Waiting loads, with the text of the statement that they will be merged into.
type Waiting = Vec<(&'static str, Vec<Load>)>;

/// The loads that wait for a lane's next merged statements; `None` while no task is there to send them.
#[derive(Default)]
pub(super) struct Merging(Mutex<Option<Waiting>>);

impl Merging {
    fn lock(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a load. Returns whether it is the first, so that the caller must start a task to send it.
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

/// Loads the row of `params` with the lane's next merged statement of this `text`.
pub(super) async fn load(lane: &Arc<Lane>, text: &'static str, params: &[Value]) -> Answer {
    let (answer, told) = oneshot::channel();
    if lane.merging.add(text, Load { params: params.to_vec(), answer }) {
        // In a task of its own: other loads depend on it, even if this request or its runtime ends.
        start(Sending(Arc::clone(lane)), Some(&lane.runtime()));
    }
    // With its coop budget used up, the task would otherwise be polled once more for nothing.
    unconstrained(told).await.unwrap_or(Answer::Alone)
}

/// Sends waiting loads until there are none. If its runtime ends first, each load is sent alone.
struct Sending(Arc<Lane>);

impl Leader for Sending {
    async fn lead(&mut self) {
        loop {
            // Other tasks that can run now may add their loads to this statement.
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
    /// Takes the waiting loads. If there are none, the next load starts a new task.
    fn take(&self) -> Waiting {
        let mut waiting = self.0.merging.lock();
        let taken = waiting.take().unwrap_or_default();
        if !taken.is_empty() {
            *waiting = Some(Waiting::new());
        }
        taken
    }

    /// Sends one statement, and gives each load its row.
    async fn send(&self, text: &'static str, mut loads: Vec<Load>) {
        // A waiter that is gone does not need the row.
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
            // A waiter may be gone by now; that is fine, here and below.
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
