//! Loads by key that are merged into one: of an entity's rows (`load.rs`) and of another module's answers.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;

use super::{Batch, BatchKey, Scope};
use crate::error::DataError;
use crate::statement::CallSite;

/// How the values of many keys are got at once.
pub trait KeyedLoad: Send + 'static {
    /// What is asked for.
    type Key: Clone + Eq + Hash + Ord + Send + Sync + 'static;
    /// What is found; a clone goes to everybody who asked.
    type Value: Clone + Send + 'static;
    /// What may go wrong, for all of them.
    type Error: From<DataError> + Clone + Send + 'static;

    /// Gets the values of `keys`, which are sorted and differ; a missing key may be left out.
    fn load(
        self,
        scope: Arc<Scope>,
        keys: Vec<Self::Key>,
    ) -> BoxFuture<'static, Result<Found<Self>, Self::Error>>;
}

type Found<L> = HashMap<<L as KeyedLoad>::Key, Option<<L as KeyedLoad>::Value>>;

/// Adds `keys` to the batch that `key` names, made by `new` if none waits, and gives the wait for them.
///
/// # Errors
/// [`DataError::OutsideScope`] when nobody drives the scope.
pub fn submit<L: KeyedLoad>(
    scope: &Scope,
    key: BatchKey,
    site: CallSite,
    keys: &[L::Key],
    new: impl FnOnce() -> L,
) -> Result<Wait<L>, DataError> {
    let mut answer = None;
    let new = || KeyedBatch { load: Some(new()), keys: Vec::new(), answer: Arc::new(Answer::<L>::default()) };
    scope.submit(key, site, new, |batch| {
        batch.keys.extend_from_slice(keys);
        answer = Some(Arc::clone(&batch.answer));
    })?;
    Ok(Wait(answer.expect("submit adds to the batch before it returns")))
}

/// Waits for a batch.
pub struct Wait<L: KeyedLoad>(Arc<Answer<L>>);

impl<L: KeyedLoad> Wait<L> {
    /// The values of `keys`, each in its key's place.
    ///
    /// # Errors
    /// The error of the whole batch.
    pub async fn values(self, keys: &[L::Key]) -> Result<Vec<Option<L::Value>>, L::Error> {
        let pick = |found: &Found<L>| keys.iter().map(|key| found.get(key).cloned().flatten()).collect();
        Picked { answer: &self.0, pick }.await
    }
}

struct Picked<'a, L: KeyedLoad, F> {
    answer: &'a Answer<L>,
    pick: F,
}

impl<L: KeyedLoad, T, F: Fn(&Found<L>) -> T + Unpin> Future for Picked<'_, L, F> {
    type Output = Result<T, L::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.answer.lock();
        match &state.found {
            None => {
                state.wakers.push(cx.waker().clone());
                Poll::Pending
            }
            Some(Err(error)) => Poll::Ready(Err(error.clone())),
            Some(Ok(found)) => Poll::Ready(Ok((self.pick)(found))),
        }
    }
}

/// What a batch found, for all who wait for it.
struct Answer<L: KeyedLoad>(Mutex<AnswerState<L>>);

struct AnswerState<L: KeyedLoad> {
    found: Option<Result<Found<L>, L::Error>>,
    wakers: Vec<Waker>,
}

impl<L: KeyedLoad> Default for Answer<L> {
    fn default() -> Self {
        Answer(Mutex::new(AnswerState { found: None, wakers: Vec::new() }))
    }
}

impl<L: KeyedLoad> Answer<L> {
    fn lock(&self) -> MutexGuard<'_, AnswerState<L>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first answer counts.
    fn set(&self, found: Result<Found<L>, L::Error>) {
        let wakers = {
            let mut state = self.lock();
            if state.found.is_some() {
                return;
            }
            state.found = Some(found);
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

struct KeyedBatch<L: KeyedLoad> {
    load: Option<L>,
    keys: Vec<L::Key>,
    answer: Arc<Answer<L>>,
}

impl<L: KeyedLoad> Batch for KeyedBatch<L> {
    fn run(mut self: Box<Self>, scope: Arc<Scope>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Some(load) = self.load.take() else { return };
            // Sorted keys are read in the order of the index, and a key asked twice is sent once.
            let mut keys = std::mem::take(&mut self.keys);
            keys.sort_unstable();
            keys.dedup();
            let found = load.load(scope, keys).await;
            self.answer.set(found);
        })
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

impl<L: KeyedLoad> Drop for KeyedBatch<L> {
    fn drop(&mut self) {
        // Answered batches ignore this; one that was dropped unanswered must not leave anybody waiting.
        self.answer.set(Err(DataError::Abandoned.into()));
    }
}
