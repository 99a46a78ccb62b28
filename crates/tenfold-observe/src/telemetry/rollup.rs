//! Figures per minute for a bounded number of names.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tenfold_data::Timestamp;

use super::histogram::Histogram;

/// How many minutes are kept.
pub const MINUTES: usize = 60;

/// How many names are counted separately; further ones are counted together.
pub const SERIES_LIMIT: usize = 1_000;

/// The figures of a period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// How often.
    pub count: u64,
    /// How often it failed.
    pub errors: u64,
    /// In how many requests or jobs it was repeated, or something was repeated in it: an N+1.
    pub repeats: u64,
    /// The total duration.
    pub total: Duration,
    /// The individual durations.
    pub durations: Histogram,
}

impl Summary {
    fn record(&mut self, elapsed: Duration, failed: bool) {
        self.count += 1;
        self.errors += u64::from(failed);
        self.total += elapsed;
        self.durations.record(elapsed);
    }

    /// Adds the figures of another period.
    pub fn merge(&mut self, other: &Summary) {
        self.count += other.count;
        self.errors += other.errors;
        self.repeats += other.repeats;
        self.total += other.total;
        self.durations.merge(&other.durations);
    }

    /// The share that failed, 0 to 1.
    pub fn error_share(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a share of counts")]
        let share = self.errors as f64 / (self.count.max(1)) as f64;
        share
    }
}

/// With fewer values than this, the 99th percentile is meaningless.
const ENOUGH: u64 = 100;

/// The minutes of one name.
#[derive(Debug, Default)]
pub(super) struct Minutes(Mutex<KeptWork>);

#[derive(Debug, Default)]
struct KeptWork {
    /// The newest last.
    minutes: VecDeque<(i64, Summary)>,
    /// The 99th percentile when it was last computed, and the number of values it was computed from.
    usual: Option<(Duration, u64)>,
    /// How many values came since.
    since: u64,
}

impl Minutes {
    /// Counts one value; returns the 99th percentile of those before it, if there were enough.
    pub(super) fn record(&self, now: Timestamp, elapsed: Duration, failed: bool) -> Option<Duration> {
        let minute = minute_of(now);
        let mut kept = self.lock();
        // If the clock was set back, the value counts into the newest minute.
        if kept.minutes.back().is_none_or(|(newest, _)| *newest < minute) {
            kept.minutes.push_back((minute, Summary::default()));
            while kept.minutes.front().is_some_and(|(oldest, _)| minute - oldest >= MINUTES as i64) {
                kept.minutes.pop_front();
            }
        }
        let usual = kept.usual;
        if let Some((_, summary)) = kept.minutes.back_mut() {
            summary.record(elapsed, failed);
        }
        kept.since += 1;
        // Recomputed now and then: merging an hour costs more than everything else here.
        if kept.since >= usual.map_or(ENOUGH, |(_, of)| of / 4).max(ENOUGH / 4) {
            kept.look_again();
        }
        usual.map(|(usual, _)| usual)
    }

    /// Counts a repetition of, or in, a value that was recorded just before.
    pub(super) fn repeated(&self) {
        if let Some((_, newest)) = self.lock().minutes.back_mut() {
            newest.repeats += 1;
        }
    }

    /// The last `span` minutes merged, including that of `now`.
    pub(super) fn sum(&self, now: Timestamp, span: usize) -> Summary {
        let first = minute_of(now) - span as i64 + 1;
        let mut sum = Summary::default();
        let kept = self.lock();
        kept.minutes
            .iter()
            .filter(|(minute, _)| *minute >= first)
            .for_each(|(_, summary)| sum.merge(summary));
        sum
    }

    /// The last `span` minutes separately, the oldest first; empty ones included.
    pub(super) fn each(&self, now: Timestamp, span: usize) -> Vec<Summary> {
        let first = minute_of(now) - span as i64 + 1;
        let mut each = vec![Summary::default(); span];
        for (minute, summary) in &self.lock().minutes {
            if let Some(slot) = usize::try_from(minute - first).ok().and_then(|index| each.get_mut(index)) {
                *slot = summary.clone();
            }
        }
        each
    }

    fn lock(&self) -> MutexGuard<'_, KeptWork> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeptWork {
    fn look_again(&mut self) {
        self.since = 0;
        let mut all = Summary::default();
        self.minutes.iter().for_each(|(_, summary)| all.merge(summary));
        let quantile = all.durations.quantile(0.99).filter(|_| all.count >= ENOUGH);
        self.usual = quantile.map(|quantile| (quantile, all.count));
    }
}

pub(super) fn minute_of(now: Timestamp) -> i64 {
    now.as_second().div_euclid(60)
}

/// The names of one kind with their minutes.
#[derive(Debug)]
pub(super) struct Rollups<K> {
    table: RwLock<SeriesTable<K>>,
    hasher: RandomState,
    /// The overflow series.
    other: Arc<Series<K>>,
}

/// Series by the hash of their key, so that a borrowed key finds them; the caller resolves hash collisions.
#[derive(Debug)]
struct SeriesTable<K> {
    series: HashMap<u64, Vec<Arc<Series<K>>>>,
    count: usize,
}

/// One name.
#[derive(Debug)]
pub(super) struct Series<K> {
    pub(super) key: K,
    pub(super) minutes: Minutes,
}

impl<K> Rollups<K> {
    /// Without series; names beyond the limit are counted as `other`.
    pub(super) fn new(other: K) -> Self {
        let other = Arc::new(Series { key: other, minutes: Minutes::default() });
        Rollups {
            table: RwLock::new(SeriesTable { series: HashMap::new(), count: 0 }),
            hasher: RandomState::new(),
            other,
        }
    }

    /// The series whose key has these parts, or a new one from `make`.
    pub(super) fn find(
        &self,
        parts: impl Hash,
        is_it: impl Fn(&K) -> bool,
        make: impl FnOnce() -> K,
    ) -> Arc<Series<K>> {
        let hash = self.hasher.hash_one(parts);
        if let Some(found) = self.table.read().unwrap_or_else(PoisonError::into_inner).find(hash, &is_it) {
            return found;
        }
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have added it meanwhile.
        if let Some(found) = table.find(hash, &is_it) {
            return found;
        }
        if table.count >= SERIES_LIMIT {
            return Arc::clone(&self.other);
        }
        let begun = Arc::new(Series { key: make(), minutes: Minutes::default() });
        table.series.entry(hash).or_default().push(Arc::clone(&begun));
        table.count += 1;
        begun
    }

    /// All series, including the overflow series once it is used.
    pub(super) fn all(&self) -> Vec<Arc<Series<K>>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let other = (table.count >= SERIES_LIMIT).then(|| Arc::clone(&self.other));
        table.series.values().flatten().cloned().chain(other).collect()
    }
}

impl<K> SeriesTable<K> {
    fn find(&self, hash: u64, is_it: impl Fn(&K) -> bool) -> Option<Arc<Series<K>>> {
        self.series.get(&hash)?.iter().find(|series| is_it(&series.key)).cloned()
    }
}
