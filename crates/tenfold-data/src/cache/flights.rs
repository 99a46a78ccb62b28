//! Loads under way, so that one load answers all requests for the same row meanwhile.
//!
//! A flight is found by the key and the words before its load. So a request that comes after a change begins another one.
//!
//! The load is made by the request that asked first, on its account and until its deadline. If that request is dropped or
//! fails, the others are told, and one of them begins again. One of them also does so if the load takes long.

use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::BuildHasher as _;
use std::sync::{Arc, PoisonError};
use std::task::{Poll, Waker};

use foldhash::fast::RandomState;

use super::buckets::RowStamp;
use super::defences::{Defence, is_on};
use super::key::CacheKey;
use super::platform::{Mutex, MutexGuard};
use super::row::CachedRows;

/// The loads under way.
pub(super) struct Flights {
    shards: Box<[Mutex<FlightShard>]>,
    hasher: RandomState,
}

type FlightShard = HashMap<(CacheKey, RowStamp), Arc<Flying>>;

/// One load. Others wait for it.
#[derive(Default)]
struct Flying(Mutex<FlyingState>);

#[derive(Default)]
struct FlyingState {
    end: Option<FlightEnd>,
    waiting: Vec<Waker>,
}

#[derive(Clone)]
enum FlightEnd {
    Landed(CachedRows),
    /// Nobody loads it any more.
    Dropped,
}

/// How to come by a row that is not there.
pub(super) enum Boarded {
    /// Nobody loads it, so the asker does.
    Pilot(Pilot),
    Passenger(Passenger),
}

/// Has to load the row. Dropping it without [`Pilot::land`] leaves that to another.
pub(super) struct Pilot {
    flights: Arc<Flights>,
    place: Box<(CacheKey, RowStamp)>,
    flight: Arc<Flying>,
    has_ended: bool,
}

/// Waits for another's load.
pub(crate) struct Passenger {
    flights: Arc<Flights>,
    place: Box<(CacheKey, RowStamp)>,
    flight: Arc<Flying>,
}

impl Flights {
    pub(super) fn new(shards: usize) -> Arc<Self> {
        let shards = (0..shards).map(|_| Mutex::new(HashMap::new())).collect();
        Arc::new(Flights { shards, hasher: RandomState::default() })
    }

    pub(super) fn board(self: &Arc<Self>, key: &CacheKey, stamp: RowStamp) -> Boarded {
        let stamp = if is_on(Defence::FlightStamp) { stamp } else { RowStamp::default() };
        let place = Box::new((key.clone(), stamp));
        let mut shard = self.shard(&place.0);
        if let Some(flight) = shard.get(&*place) {
            let (flights, flight) = (Arc::clone(self), Arc::clone(flight));
            drop(shard);
            return Boarded::Passenger(Passenger { flights, place, flight });
        }
        let flight = Arc::new(Flying::default());
        shard.insert(place.as_ref().clone(), Arc::clone(&flight));
        Boarded::Pilot(Pilot { flights: Arc::clone(self), place, flight, has_ended: false })
    }

    /// How many loads are under way.
    pub(super) fn count(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Another may be under way in this place by now.
    fn remove(&self, place: &(CacheKey, RowStamp), flight: &Arc<Flying>) {
        let mut shard = self.shard(&place.0);
        if shard.get(place).is_some_and(|known| Arc::ptr_eq(known, flight)) {
            shard.remove(place);
        }
    }

    fn shard(&self, key: &CacheKey) -> MutexGuard<'_, FlightShard> {
        let hash = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or_default();
        lock(&self.shards[hash % self.shards.len()])
    }
}

impl Pilot {
    pub(super) fn key(&self) -> &CacheKey {
        &self.place.0
    }

    /// The rows were loaded.
    pub(super) fn land(mut self, rows: CachedRows) {
        self.end(FlightEnd::Landed(rows));
    }

    fn end(&mut self, end: FlightEnd) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        self.flights.remove(&self.place, &self.flight);
        let waiting = {
            let mut state = lock(&self.flight.0);
            state.end = Some(end);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        self.end(FlightEnd::Dropped);
    }
}

impl Passenger {
    /// The rows, once they are loaded; `None` if nobody loads them any more.
    pub(crate) async fn landed(&self) -> Option<CachedRows> {
        let mut place = None;
        poll_fn(|cx| {
            let mut state = lock(&self.flight.0);
            match &state.end {
                Some(FlightEnd::Landed(rows)) => Poll::Ready(Some(rows.clone())),
                Some(FlightEnd::Dropped) => Poll::Ready(None),
                None => {
                    // A task that is polled again has one waker here.
                    match place.and_then(|place: usize| state.waiting.get_mut(place)) {
                        Some(known) => known.clone_from(cx.waker()),
                        None => {
                            place = Some(state.waiting.len());
                            state.waiting.push(cx.waker().clone());
                        }
                    }
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Stops waiting: the next request for the row begins another load.
    pub(crate) fn overtake(self) {
        self.flights.remove(&self.place, &self.flight);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
