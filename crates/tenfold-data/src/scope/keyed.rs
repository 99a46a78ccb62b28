//! Loads by key that are merged into one: of an entity's rows (`load.rs`) and of another module's answers.
//!
//! A request asks for each key once. The result, found or missing, is remembered until a transaction of the request
//! ends.

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

/// How to load the values of many keys at once.
pub trait KeyedLoad: Sized + Send + 'static {
    /// What a value is loaded by.
    type Key: Clone + Eq + Hash + Ord + Send + Sync + 'static;
    /// What is found. Every waiter gets a clone.
    type Value: Clone + Send + Sync + 'static;
    /// The error of a load, for all its keys.
    type Error: From<DataError> + Clone + Send + 'static;

    /// Loads the values of `keys`, which are sorted and distinct. A missing key may be left out of the result.
    fn load(
        self,
        scope: Arc<Scope>,
        keys: Vec<Self::Key>,
    ) -> BoxFuture<'static, Result<Found<Self>, Self::Error>>;
}

/// The value found for each key; `None` if the key is missing in the database.
pub type Found<L> = HashMap<<L as KeyedLoad>::Key, Option<<L as KeyedLoad>::Value>>;

/// The result of a batch.
type BatchResult<L> = Result<Found<L>, <L as KeyedLoad>::Error>;

/// Requests `keys` at once, so that requests made before the first `await` share a batch. `new` makes the batch if none
/// is waiting. `peers` are keys that will likely be requested next; they are loaded along.
///
/// # Errors
/// [`DataError::OutsideScope`] when the scope is not driven.
pub fn request<L: KeyedLoad>(
    scope: &Scope,
    batch: BatchKey,
    site: CallSite,
    keys: Vec<L::Key>,
    peers: impl IntoIterator<Item = L::Key>,
    new: impl FnOnce() -> L,
) -> Result<KeyedRequest<L>, DataError> {
    let known = scope.recall::<L>(&batch, &keys);
    let missing: Vec<_> = keys.iter().filter(|key| !known.contains_key(key)).cloned().collect();
    if missing.is_empty() {
        return Ok(KeyedRequest { keys, known, waiting: None });
    }
    let mut waiting = None;
    let new = || KeyedBatch { key: batch, load: Some(new()), keys: Vec::new(), answer: Arc::default() };
    scope.submit(batch, site, new, |batch| {
        batch.keys.extend(missing);
        batch.keys.extend(peers);
        waiting = Some(Arc::clone(&batch.answer));
    })?;
    Ok(KeyedRequest { keys, known, waiting })
}

/// A wait for some keys. It ends at once if all of them are remembered.
pub struct KeyedRequest<L: KeyedLoad> {
    keys: Vec<L::Key>,
    known: Found<L>,
    waiting: Option<Arc<Answer<BatchResult<L>>>>,
}

impl<L: KeyedLoad> KeyedRequest<L> {
    /// The values, in the order of their keys.
    ///
    /// # Errors
    /// The error of the whole batch.
    pub async fn values(self) -> Result<Vec<Option<L::Value>>, L::Error> {
        let KeyedRequest { keys, known, waiting } = self;
        let none = Found::<L>::new();
        let pick = |found: &Found<L>| {
            let value = |key: &L::Key| known.get(key).or_else(|| found.get(key)).cloned().flatten();
            keys.iter().map(value).collect()
        };
        match waiting {
            Some(answer) => {
                let picked = |outcome: &BatchResult<L>| outcome.as_ref().map(pick).map_err(Clone::clone);
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
    answer: Arc<Answer<BatchResult<L>>>,
}

impl<L: KeyedLoad> Batch for KeyedBatch<L> {
    fn run(mut self: Box<Self>, scope: Arc<Scope>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Some(load) = self.load.take() else { return };
            let generation = scope.state().generation;
            // Sorted keys are read in index order, and a key requested twice is sent once.
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
        // Answered batches ignore this. A batch dropped unanswered must not leave its waiters hanging.
        self.answer.set(Err(DataError::Abandoned.into()));
    }
}

impl Scope {
    /// What is remembered of `keys`. Inside a transaction it is nothing, since the transaction may have changed the
    /// rows; so a transaction reads for itself.
    fn recall<L: KeyedLoad>(&self, batch: &BatchKey, keys: &[L::Key]) -> Found<L> {
        let state = self.state();
        let remembered = state.remembered.get(&(batch.what, batch.tenant)).filter(|_| batch.connection == 0);
        let Some(found) = remembered.and_then(|found| found.downcast_ref::<Found<L>>()) else {
            return Found::<L>::new();
        };
        keys.iter().filter_map(|key| Some((key.clone(), found.get(key)?.clone()))).collect()
    }

    /// Remembers what was found, unless a transaction ended since `generation`.
    fn remember<L: KeyedLoad>(&self, batch: &BatchKey, generation: u64, found: &Found<L>) {
        let mut state = self.state();
        if batch.connection != 0 || state.generation != generation {
            return;
        }
        let place = state.remembered.entry((batch.what, batch.tenant));
        let remembered = place.or_insert_with(|| Box::new(Found::<L>::new()));
        if let Some(remembered) = remembered.downcast_mut::<Found<L>>() {
            if remembered.len() + found.len() > self.database.request_cache() {
                // A long job must not keep all rows it ever loaded. Rows that it needs again are loaded again.
                remembered.clear();
            }
            remembered.extend(found.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
    }
}
