//! The cache of rows: what a process has read by key, and the lists that say so, until a commit changes it.
//!
//! The idea is that of leases in memcached (Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013), with the words of
//! `buckets.rs` in place of tokens. A row is kept together with the values that its words had before it was loaded, and is
//! served only while they are the same. So nothing that was read too early can be served, whenever it is stored.
//!
//! COMMITs of this process raise a fence on what they change before they are sent (`feed/hub.rs`). What others have
//! changed is read by the feed, which certifies up to which time that was done. Reads in a transaction bypass the cache.

mod buckets;
mod counts;
mod defences;
mod flights;
mod key;
mod loads;
#[cfg(test)]
mod model;
mod platform;
mod row;
mod sample;

use std::hash::{BuildHasher as _, Hash as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use quick_cache::sync::{Cache as BoundedMap, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use self::buckets::{Buckets, RowStamp, RowWords, WordCounts};
use self::counts::CacheCounts;
pub use self::counts::CacheFigures;
pub(crate) use self::defences::{Defence, is_on};
pub(crate) use self::flights::Passenger;
use self::flights::{Boarded, Flights, Pilot};
pub(crate) use self::key::{
    CacheKey, CacheLookup, ListReads, MOST_BESIDE, RowOwner, StatementReads, UniqueLookup,
};
pub(crate) use self::loads::{Codec, load};
use self::platform::AtomicU64;
use self::row::{CachedEntry, weight_of};
pub(crate) use self::row::{CachedRows, as_stored};
use self::sample::HitSample;
use crate::driver::CommitOutcome;
use crate::feed::write_set::WriteSet;

/// The bounds of the cache.
#[derive(Clone, Debug)]
pub struct CacheSettings {
    /// How many bytes it may hold, about; 0 for no cache.
    pub bytes: u64,
    /// A row is loaded again after this time, give or take a tenth, although nobody said that it has changed.
    pub expiry: Duration,
    /// For how long rows are served after this process has last read what others have changed.
    pub staleness: Duration,
    /// One of so many rows and lists that are asked for alone and come from memory is read again from the database and compared; 0 for
    /// none. The related rows of a list are left out: each of a thousand would take its chance to cost the list a statement.
    pub sample: u64,
}

/// How many bytes an entry takes, for the number of entries that the map expects. By that it chooses how many evicted keys it
/// remembers, to tell a key that comes back from a scan. It makes no room for them beforehand.
const USUAL_ENTRY: u64 = 400;
/// The least number that it expects.
const FEW_ROWS: u64 = 1_000;
const FLIGHT_SHARDS: usize = 64;
/// A larger entry is not kept: it would push out many others.
const LARGEST: u64 = 256 << 10;
/// The same for a list: some 2,000 rows of short columns. In a small cache it is a sixteenth of that.
const LARGEST_LIST: u64 = 512 << 10;
const LISTS_OF_A_CACHE: u64 = 16;
/// So many of the largest lists have room in a shard of the map, at the least.
const LISTS_OF_A_SHARD: u64 = 4;
/// The map's own default for each processor.
const SHARDS_OF_A_PROCESSOR: usize = 4;
/// They take 1 MiB. Whole tables change seldom.
const COUNTS: WordCounts = WordCounts { whole: 4096, any: 1 << 16, rows: 1 << 16 };
/// No certificate yet.
const NEVER: u64 = 0;

/// The rows that a process keeps.
pub(crate) struct RowCache {
    buckets: Buckets,
    flights: Arc<Flights>,
    map: BoundedMap<CacheKey, CachedEntry, ByWeight>,
    settings: CacheSettings,
    counts: CacheCounts,
    /// One more than the microsecond at which the latest look at what others have changed began.
    certified: AtomicU64,
}

/// Where a row comes from.
pub(crate) enum CacheLook {
    Hit(CachedRows),
    /// From the database, to be kept: [`FillLease::fill`].
    Load(FillLease),
    /// From another's load.
    Wait(Passenger),
    /// From the database, not to be kept.
    Bypass,
    /// From the database, to be compared with what is kept.
    Sample(HitSample),
}

/// The right to keep what is loaded now, if nothing changes it meanwhile.
pub(crate) struct FillLease {
    cache: Arc<RowCache>,
    pilot: Pilot,
    words: RowWords,
    stamp: RowStamp,
}

#[derive(Clone)]
struct ByWeight;

impl Weighter<CacheKey, CachedEntry> for ByWeight {
    fn weight(&self, _key: &CacheKey, entry: &CachedEntry) -> u64 {
        entry.weight
    }
}

impl RowCache {
    /// `None` if the settings want no cache.
    pub(crate) fn new(settings: &CacheSettings) -> Option<Arc<Self>> {
        (settings.bytes > 0).then(|| RowCache::with(settings, COUNTS, FLIGHT_SHARDS))
    }

    fn with(settings: &CacheSettings, counts: WordCounts, shards: usize) -> Arc<Self> {
        Arc::new(RowCache {
            buckets: Buckets::new(counts),
            flights: Flights::new(shards),
            map: map_of(settings.bytes),
            settings: settings.clone(),
            counts: CacheCounts::default(),
            certified: AtomicU64::new(NEVER),
        })
    }

    /// The greatest weight of an entry that is kept.
    fn largest(&self, key: &CacheKey) -> u64 {
        if key.is_ordered() { largest_list(self.settings.bytes) } else { LARGEST }
    }

    /// Looks for a row. `now` is [`Clock::since_boot`](crate::Clock::since_boot), as all times here.
    pub(crate) fn look(self: &Arc<Self>, key: &CacheKey, now: Duration) -> CacheLook {
        self.look_and_sample(key, now, 0)
    }

    /// The same for a row that is asked for alone. A share of these is read again.
    pub(crate) fn look_alone(self: &Arc<Self>, key: &CacheKey, now: Duration) -> CacheLook {
        self.look_and_sample(key, now, self.settings.sample)
    }

    fn look_and_sample(self: &Arc<Self>, key: &CacheKey, now: Duration, one_of: u64) -> CacheLook {
        if !self.is_certified(now) {
            CacheCounts::add(&self.counts.uncertified);
            return CacheLook::Bypass;
        }
        let words = self.buckets.words_of(key);
        if let Some(entry) = self.map.get(key)
            && self.buckets.stamp(entry.words.as_deref().copied().unwrap_or(words)) == Some(entry.stamp)
        {
            if now < entry.expires {
                CacheCounts::add(&self.counts.hits);
                if one_of == 0 || !self.counts.note_alone().is_multiple_of(one_of) {
                    return CacheLook::Hit(entry.rows);
                }
                let words = entry.words.as_deref().copied().unwrap_or(words);
                return CacheLook::Sample(HitSample::of(self, key, words, entry));
            }
            CacheCounts::add(&self.counts.expired);
        }
        let Some(stamp) = self.buckets.stamp(words) else {
            CacheCounts::add(&self.counts.fenced);
            return CacheLook::Bypass;
        };
        match self.flights.board(key, stamp) {
            Boarded::Pilot(pilot) => {
                CacheCounts::add(&self.counts.loads);
                CacheLook::Load(FillLease { cache: Arc::clone(self), pilot, words, stamp })
            }
            Boarded::Passenger(passenger) => {
                CacheCounts::add(&self.counts.shared);
                CacheLook::Wait(passenger)
            }
        }
    }

    /// A COMMIT of this process is about to be sent.
    pub(crate) fn fence(&self, writes: &WriteSet) {
        self.buckets.fence(writes);
    }

    /// It has ended, and nobody is told yet.
    pub(crate) fn settle(&self, writes: &WriteSet, outcome: CommitOutcome) {
        match outcome {
            CommitOutcome::RolledBack => self.buckets.settle_unchanged(writes),
            CommitOutcome::Committed | CommitOutcome::Unknown => self.buckets.settle_changed(writes),
        }
    }

    /// Another process has changed this.
    pub(crate) fn change(&self, writes: &WriteSet) {
        self.buckets.change(writes);
    }

    /// Anything may have changed.
    pub(crate) fn change_everything(&self) {
        self.buckets.change_everything();
    }

    /// All that others had committed by then has been said by [`RowCache::change`].
    pub(crate) fn certify(&self, then: Duration) {
        self.certified.store(micros(then) + 1, Ordering::Release);
    }

    /// For how long it has not been known what others have changed; `None` if it never was.
    fn certificate_age(&self, now: Duration) -> Option<Duration> {
        let certified = self.certified.load(Ordering::Acquire).checked_sub(1)?;
        Some(now.saturating_sub(Duration::from_micros(certified)))
    }

    pub(crate) fn figures(&self, now: Duration) -> CacheFigures {
        CacheFigures {
            loading: self.flights.count() as u64,
            rows: self.map.len() as u64,
            bytes: self.map.weight(),
            max_bytes: self.settings.bytes,
            certificate_age: self.certificate_age(now),
            ..self.counts.figures()
        }
    }

    pub(crate) fn staleness(&self) -> Duration {
        self.settings.staleness
    }

    /// A statement that loads has taken so long.
    fn note_load(&self, took: Duration) {
        self.counts.note_load(micros(took));
    }

    /// Forgets all rows.
    pub(crate) fn clear(&self) {
        self.buckets.change_everything();
        self.map.clear();
    }

    fn is_certified(&self, now: Duration) -> bool {
        let is_young = |age| age <= self.settings.staleness;
        self.certificate_age(now).is_some_and(is_young) || !is_on(Defence::Certificate)
    }

    /// When a row expires that is loaded now. Rows that were loaded together do not expire together.
    fn expires(&self, key: &CacheKey, now: Duration) -> Duration {
        let mut hash = DefaultHashBuilder::default().build_hasher();
        (key, micros(now)).hash(&mut hash);
        let tenth = self.settings.expiry / 10;
        let jitter = tenth * u32::try_from(std::hash::Hasher::finish(&hash) >> 54).unwrap_or(0) / 512;
        now + self.settings.expiry - tenth + jitter
    }
}

impl FillLease {
    /// Keeps what was loaded, unless it may have changed since the lease was taken. Those who wait get it in either case:
    /// they had asked before the change.
    pub(crate) fn fill(self, rows: CachedRows, now: Duration) {
        let FillLease { cache, pilot, words, mut stamp } = self;
        let found = || {
            let words = cache.buckets.words_of_found(pilot.key(), &rows)?;
            Some((Some(Arc::new(words)), cache.buckets.stamp(words)?))
        };
        // Before the table's words are read again: if these are the same, no row of the table had changed by then.
        let before = found();
        let current = cache.buckets.stamp(words);
        let found = if is_on(Defence::FoundFirst) { before } else { found() };
        if !is_on(Defence::Lease) {
            stamp = current.unwrap_or(stamp);
        }
        let weight = weight_of(pilot.key(), &rows);
        if weight > cache.largest(pilot.key()) {
            CacheCounts::add(&cache.counts.large);
        } else if current == Some(stamp) {
            let expires = cache.expires(pilot.key(), now);
            let (words, stamp) = found.unwrap_or((None, stamp));
            let entry = CachedEntry { rows: Arc::clone(&rows), stamp, words, expires, weight };
            cache.map.insert(pilot.key().clone(), entry);
        } else {
            CacheCounts::add(&cache.counts.refused);
        }
        // Last, so that the next request finds the row.
        pilot.land(rows);
    }
}

/// A map for so many bytes. Each of its shards has a part of them, and evicts what is larger at once. So there are fewer shards than the
/// map makes by itself where they would have no room for lists.
fn map_of(bytes: u64) -> BoundedMap<CacheKey, CachedEntry, ByWeight> {
    let expected = usize::try_from((bytes / USUAL_ENTRY).max(FEW_ROWS)).unwrap_or(usize::MAX);
    let most = usize::try_from(bytes / (LISTS_OF_A_SHARD * largest_list(bytes))).unwrap_or(usize::MAX).max(1);
    let usual = std::thread::available_parallelism().map_or(1, usize::from) * SHARDS_OF_A_PROCESSOR;
    let options = OptionsBuilder::new()
        .estimated_items_capacity(expected)
        .weight_capacity(bytes)
        .shards(usual.min(most))
        .build()
        .expect("both capacities are set");
    BoundedMap::with_options(options, ByWeight, DefaultHashBuilder::default(), DefaultLifecycle::default())
}

fn largest_list(bytes: u64) -> u64 {
    LARGEST_LIST.min(bytes / LISTS_OF_A_CACHE).max(1)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX - 1)
}
