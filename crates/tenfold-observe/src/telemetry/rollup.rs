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

/// What happened in a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// How often.
    pub count: u64,
    /// How often it failed.
    pub errors: u64,
    /// In how many requests or jobs it repeated, or something repeated in it: an N+1.
    pub repeats: u64,
    /// How long it took in sum.
    pub total: Duration,
    /// How long it took, one by one.
    pub durations: Histogram,
}

impl Summary {
    fn record(&mut self, elapsed: Duration, failed: bool) {
        self.count += 1;
        self.errors += u64::from(failed);
        self.total += elapsed;
        self.durations.record(elapsed);
    }

    /// Adds another.
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

/// With fewer than this, a hundredth is meaningless.
const ENOUGH: u64 = 100;

/// The minutes of one thing.
#[derive(Debug, Default)]
pub(super) struct Minutes(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The newest last.
    minutes: VecDeque<(i64, Summary)>,
    /// What 99 of 100 did not exceed when it was last looked at, and of how many.
    usual: Option<(Duration, u64)>,
    /// How many came since.
    since: u64,
}

impl Minutes {
    /// Counts one, and says what 99 of 100 before it did not exceed, if there were enough to tell.
    pub(super) fn record(&self, now: Timestamp, elapsed: Duration, failed: bool) -> Option<Duration> {
        let minute = minute_of(now);
        let mut kept = self.lock();
        // A clock that was set back counts into the newest minute.
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
        // Now and then is enough: adding up an hour costs more than all else here.
        if kept.since >= usual.map_or(ENOUGH, |(_, of)| of / 4).max(ENOUGH / 4) {
            kept.look_again();
        }
        usual.map(|(usual, _)| usual)
    }

    /// Counts a repetition of, or in, one that was recorded just before.
    pub(super) fn repeated(&self) {
        if let Some((_, newest)) = self.lock().minutes.back_mut() {
            newest.repeats += 1;
        }
    }

    /// The last `span` minutes in one, that of `now` included.
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

    /// The last `span` minutes one by one, the oldest first; empty ones included.
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

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn look_again(&mut self) {
        self.since = 0;
        let mut all = Summary::default();
        self.minutes.iter().for_each(|(_, summary)| all.merge(summary));
        let quantile = all.durations.quantile(0.99).filter(|_| all.count >= ENOUGH);
        self.usual = quantile.map(|quantile| (quantile, all.count));
    }
}

fn minute_of(now: Timestamp) -> i64 {
    now.as_second().div_euclid(60)
}

/// Things of one sort with their minutes.
#[derive(Debug)]
pub(super) struct Rollups<K> {
    table: RwLock<Table<K>>,
    hasher: RandomState,
    /// What found no room in the table.
    other: Arc<Series<K>>,
}

/// Series by the hash of their key, so that a borrowed key finds them; the caller decides among equal hashes.
#[derive(Debug)]
struct Table<K> {
    series: HashMap<u64, Vec<Arc<Series<K>>>>,
    count: usize,
}

/// One thing.
#[derive(Debug)]
pub(super) struct Series<K> {
    pub(super) key: K,
    pub(super) minutes: Minutes,
}

impl<K> Rollups<K> {
    /// None yet; what finds no room is counted as `other`.
    pub(super) fn new(other: K) -> Self {
        let other = Arc::new(Series { key: other, minutes: Minutes::default() });
        Rollups {
            table: RwLock::new(Table { series: HashMap::new(), count: 0 }),
            hasher: RandomState::new(),
            other,
        }
    }

    /// The series whose key has these parts, or the one that `make` begins.
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
        // Another thread may have begun it meanwhile.
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

    /// All of them; the one for what found no room, too, once it is needed.
    pub(super) fn all(&self) -> Vec<Arc<Series<K>>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let other = (table.count >= SERIES_LIMIT).then(|| Arc::clone(&self.other));
        table.series.values().flatten().cloned().chain(other).collect()
    }
}

impl<K> Table<K> {
    fn find(&self, hash: u64, is_it: impl Fn(&K) -> bool) -> Option<Arc<Series<K>>> {
        self.series.get(&hash)?.iter().find(|series| is_it(&series.key)).cloned()
    }
}
