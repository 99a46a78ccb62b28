//! Loads by key that are merged into one: of an entity's rows (`load.rs`) and of another module's answers.
//!
//! A key is asked for once in a request: what was found, or found missing, is remembered until a transaction of
//! the request has ended.

use std::any::Any;
use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::Hash;
use std::sync::Arc;
use std::task::Waker;

use futures_util::future::BoxFuture;

use super::answer::Answer;
use super::{Batch, BatchKey, Scope};
use crate::error::DataError;
use crate::statement::CallSite;

/// How the values of many keys are got at once.
pub trait KeyedLoad: Sized + Send + 'static {
    /// What is asked for.
    type Key: Clone + Eq + Hash + Ord + Send + Sync + 'static;
    /// What is found; a clone goes to everybody who asked.
    type Value: Clone + Send + Sync + 'static;
    /// What may go wrong, for all of them.
    type Error: From<DataError> + Clone + Send + 'static;

    /// Gets the values of `keys`, which are sorted and differ; a missing key may be left out.
    fn load(
        self,
        scope: Arc<Scope>,
        keys: Vec<Self::Key>,
    ) -> BoxFuture<'static, Result<Found<Self>, Self::Error>>;
}

/// What was found for each key; `None` where it was found missing.
pub type Found<L> = HashMap<<L as KeyedLoad>::Key, Option<<L as KeyedLoad>::Value>>;

/// What comes of a batch.
type Outcome<L> = Result<Found<L>, <L as KeyedLoad>::Error>;

/// Asks for `keys` at once, so that requests that are made before the first `await` share a batch, which `new`
/// makes if none waits. `peers` are keys that will likely be asked for next: they come along.
///
/// # Errors
/// [`DataError::OutsideScope`] when nobody drives the scope.
pub fn request<L: KeyedLoad>(
    scope: &Scope,
    batch: BatchKey,
    site: CallSite,
    keys: Vec<L::Key>,
    peers: impl IntoIterator<Item = L::Key>,
    new: impl FnOnce() -> L,
) -> Result<Request<L>, DataError> {
    let known = scope.recall::<L>(&batch, &keys);
    let missing: Vec<_> = keys.iter().filter(|key| !known.contains_key(key)).cloned().collect();
    if missing.is_empty() {
        return Ok(Request { keys, known, waiting: None });
    }
    let mut waiting = None;
    let new = || KeyedBatch { key: batch, load: Some(new()), keys: Vec::new(), answer: Arc::default() };
    scope.submit(batch, site, new, |batch| {
        batch.keys.extend(missing);
        batch.keys.extend(peers);
        waiting = Some(Arc::clone(&batch.answer));
    })?;
    Ok(Request { keys, known, waiting })
}

/// A wait for some keys; for those that are remembered it is over at once.
pub struct Request<L: KeyedLoad> {
    keys: Vec<L::Key>,
    known: Found<L>,
    waiting: Option<Arc<Answer<Outcome<L>>>>,
}

impl<L: KeyedLoad> Request<L> {
    /// The values, each in its key's place.
    ///
    /// # Errors
    /// The error of the whole batch.
    pub async fn values(self) -> Result<Vec<Option<L::Value>>, L::Error> {
        let Request { keys, known, waiting } = self;
        let none = Found::<L>::new();
        let pick = |found: &Found<L>| {
            let value = |key: &L::Key| known.get(key).or_else(|| found.get(key)).cloned().flatten();
            keys.iter().map(value).collect()
        };
        match waiting {
            Some(answer) => {
                let picked = |outcome: &Outcome<L>| outcome.as_ref().map(pick).map_err(Clone::clone);
                poll_fn(|cx| answer.poll(cx, picked)).await
            }
            None => Ok(pick(&none)),
        }
    }
}

struct KeyedBatch<L: KeyedLoad> {
    key: BatchKey,
    load: Option<L>,
    keys: Vec<L::Key>,
    answer: Arc<Answer<Outcome<L>>>,
}

impl<L: KeyedLoad> Batch for KeyedBatch<L> {
    fn run(mut self: Box<Self>, scope: Arc<Scope>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Some(load) = self.load.take() else { return };
            let generation = scope.state().generation;
            // Sorted keys are read in the order of the index, and a key asked twice is sent once.
            let mut keys = std::mem::take(&mut self.keys);
            keys.sort_unstable();
            keys.dedup();
            let found = load.load(Arc::clone(&scope), keys).await;
            if let Ok(found) = &found {
                scope.remember::<L>(&self.key, generation, found);
            }
            self.answer.set(found);
        })
    }

    fn holds_waker(&self, waker: &Waker) -> usize {
        self.answer.holds_waker(waker)
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

impl Scope {
    /// What is remembered of `keys`. A transaction may have changed it, so one reads for itself.
    fn recall<L: KeyedLoad>(&self, batch: &BatchKey, keys: &[L::Key]) -> Found<L> {
        let state = self.state();
        let remembered = state.remembered.get(&(batch.what, batch.tenant)).filter(|_| batch.connection == 0);
        let Some(found) = remembered.and_then(|found| found.downcast_ref::<Found<L>>()) else {
            return Found::<L>::new();
        };
        keys.iter().filter_map(|key| Some((key.clone(), found.get(key)?.clone()))).collect()
    }

    /// Remembers what was found, unless something was written since `generation`.
    fn remember<L: KeyedLoad>(&self, batch: &BatchKey, generation: u64, found: &Found<L>) {
        let mut state = self.state();
        if batch.connection != 0 || state.generation != generation {
            return;
        }
        let place = state.remembered.entry((batch.what, batch.tenant));
        let remembered = place.or_insert_with(|| Box::new(Found::<L>::new()));
        if let Some(remembered) = remembered.downcast_mut::<Found<L>>() {
            if remembered.len() + found.len() > self.database.request_cache() {
                // A long job must not keep all that it ever loaded; what is asked for again is loaded again.
                remembered.clear();
            }
            remembered.extend(found.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
    }
}
