//! Loads that ask the cache first.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{CacheKey, CacheLook, CachedRows, FillLease, HitSample, Passenger, RowCache};
use crate::clock::Clock;
use crate::error::DataError;
use crate::row::ReadError;
use crate::value::Value;

/// How long another's load is waited for. Then one of those who wait begins again: the request that loads may be busy with
/// something else.
const PATIENCE: Duration = Duration::from_secs(1);

/// How what was found for a key is kept, and made of it again.
pub(crate) struct Codec<R, C> {
    pub read: R,
    pub columns: C,
}

/// What is found for each of `lookups`, which are `None` where the cache cannot be asked. What it does not have is loaded
/// by `fetch`, which is given the places that are missing, and gives what it found in that order.
pub(crate) async fn load<T, R, C, F>(
    cache: &Arc<RowCache>,
    clock: &Clock,
    lookups: Vec<Option<CacheKey>>,
    codec: Codec<R, C>,
    fetch: impl Fn(Vec<usize>) -> F,
) -> Result<Vec<T>, DataError>
where
    R: Fn(&[Value]) -> Result<T, ReadError>,
    C: Fn(&T) -> CachedRows,
    F: Future<Output = Result<Vec<T>, DataError>>,
{
    let mut found: Vec<Option<T>> = lookups.iter().map(|_| None).collect();
    let mut missing: Vec<usize> = (0..lookups.len()).collect();
    loop {
        let now = clock.since_boot();
        let mut looked = Looked::default();
        for place in std::mem::take(&mut missing) {
            let look = |key: &CacheKey| match lookups.len() {
                1 => cache.look_alone(key, now),
                _ => cache.look(key, now),
            };
            match lookups[place].as_ref().map(look) {
                Some(CacheLook::Hit(rows)) => match (codec.read)(&rows) {
                    Ok(read) => found[place] = Some(read),
                    Err(_) => looked.add(place, LoadedFor::Asker),
                },
                Some(CacheLook::Load(lease)) => looked.add(place, LoadedFor::Cache(lease)),
                Some(CacheLook::Sample(sample)) => looked.add(place, LoadedFor::Sample(sample)),
                Some(CacheLook::Wait(passenger)) => looked.waits.push((place, passenger)),
                Some(CacheLook::Bypass) | None => looked.add(place, LoadedFor::Asker),
            }
        }
        if !looked.to_load.is_empty() {
            let loaded = match fetch(looked.to_load.clone()).await {
                Ok(loaded) => loaded,
                // What is certified is served although the database cannot be asked.
                Err(error) => looked.in_memory(&codec.read).ok_or(error)?,
            };
            let (began, now) = (now, clock.since_boot());
            cache.note_load(now.saturating_sub(began));
            for ((place, purpose), value) in looked.to_load.into_iter().zip(looked.purposes).zip(loaded) {
                match purpose {
                    LoadedFor::Asker => {}
                    LoadedFor::Cache(lease) => lease.fill((codec.columns)(&value), now),
                    LoadedFor::Sample(sample) => sample.compare(&(codec.columns)(&value)),
                }
                found[place] = Some(value);
            }
        }
        let until = Instant::now() + PATIENCE;
        for (place, passenger) in looked.waits {
            match timeout_at(until, passenger.landed()).await {
                Ok(landed) => match landed.map(|rows| (codec.read)(&rows)) {
                    Some(Ok(read)) => found[place] = Some(read),
                    Some(Err(_)) | None => missing.push(place),
                },
                Err(_) => {
                    passenger.overtake();
                    missing.push(place);
                }
            }
        }
        if missing.is_empty() {
            return Ok(found.into_iter().flatten().collect());
        }
    }
}

/// What is done with what is loaded, beside giving it to the request.
enum LoadedFor {
    Asker,
    Cache(FillLease),
    Sample(HitSample),
}

/// What is to be done for what the cache has not answered.
#[derive(Default)]
struct Looked {
    to_load: Vec<usize>,
    purposes: Vec<LoadedFor>,
    waits: Vec<(usize, Passenger)>,
}

impl Looked {
    fn add(&mut self, place: usize, purpose: LoadedFor) {
        self.to_load.push(place);
        self.purposes.push(purpose);
    }

    /// What is to be loaded, if all of it is in memory.
    fn in_memory<T>(&self, read: impl Fn(&[Value]) -> Result<T, ReadError>) -> Option<Vec<T>> {
        let of_sample = |purpose: &LoadedFor| match purpose {
            LoadedFor::Sample(sample) => read(sample.rows()).ok(),
            LoadedFor::Asker | LoadedFor::Cache(_) => None,
        };
        self.purposes.iter().map(of_sample).collect()
    }
}
