//! Tests the cache in the interleavings of its threads, and takes away each of its defences to see a stale read.
//!
//! loom runs each program repeatedly, see `scope/model.rs`. The words, the flights and the certificate are the real ones,
//! with loom's atomics and locks; a call of the map is one step. The database is a number.

mod bounds;
mod lists;
mod unique;

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use loom::sync::atomic::AtomicU64;
use loom::sync::{Condvar, Mutex};
use uuid::Uuid;

use super::defences::Defence;
use super::{
    CacheKey, CacheLook, CacheLookup, CacheSettings, CachedRows, Passenger, RowCache, RowOwner, WordCounts,
};
use crate::driver::CommitOutcome;
use crate::feed::write_set::{WriteSet, WrittenKeys};
use crate::ownership::OrgId;
use crate::value::Value;

const TABLE: &str = "notes_notes";
const NOW: Duration = Duration::from_secs(1);
const STALENESS: Duration = Duration::from_secs(2);
const EXPIRY: Duration = Duration::from_secs(100);
const PREEMPTIONS: usize = 2;

thread_local! {
    // loom runs all threads of a program on the thread that explores it.
    static OFF: Cell<Option<Defence>> = const { Cell::new(None) };
}

/// Whether the program that this thread explores has this defence.
pub(super) fn is_on(defence: Defence) -> bool {
    OFF.get() != Some(defence)
}

fn explore(program: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.max_branches = 20_000;
    builder.check(program);
}

/// Whether the program has a stale read in one of its interleavings.
fn has_stale_reads(
    without: Option<Defence>,
    program: impl Fn(&Arc<AtomicBool>) + Send + Sync + 'static,
) -> bool {
    let is_stale = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_stale);
    OFF.set(without);
    explore(move || program(&seen));
    OFF.set(None);
    is_stale.load(Ordering::SeqCst)
}

fn cache() -> Arc<RowCache> {
    let settings = CacheSettings { bytes: 1 << 20, expiry: EXPIRY, staleness: STALENESS, sample: 0 };
    let cache = RowCache::with(&settings, WordCounts { whole: 1, any: 1, rows: 1 }, 1);
    cache.certify(NOW);
    cache
}

fn key() -> CacheKey {
    key_of(1)
}

fn key_of(tenant: u128) -> CacheKey {
    let owner = RowOwner::Organization(OrgId(Uuid::from_u128(tenant)));
    CacheKey::of::<()>(TABLE, owner, CacheLookup::Key, &Value::Integer(7)).unwrap()
}

fn row(version: u64) -> CachedRows {
    (version > 0).then(|| Value::Integer(i64::try_from(version).unwrap())).into_iter().collect()
}

fn version(row: &CachedRows) -> u64 {
    match &**row {
        [] => 0,
        [Value::Integer(version)] => u64::try_from(*version).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn writes() -> WriteSet {
    let mut writes = WriteSet::default();
    writes.add(Some(OrgId(Uuid::from_u128(1))), TABLE, WrittenKeys::These(vec![Value::Integer(7)]));
    writes
}

/// One row of a database. Version 0 is that there is none.
struct ModelDatabase {
    cache: Arc<RowCache>,
    committed: AtomicU64,
    acknowledged: AtomicU64,
    /// The latest version that anybody has read.
    shown: AtomicU64,
    is_stale: Arc<AtomicBool>,
}

/// A read through the cache: the rows that it gives. `load` reads the database.
fn read_through(cache: &Arc<RowCache>, key: &CacheKey, load: impl Fn() -> CachedRows) -> CachedRows {
    loop {
        match cache.look(key, NOW) {
            CacheLook::Hit(rows) => return rows,
            CacheLook::Bypass | CacheLook::Sample(_) => return load(),
            CacheLook::Load(lease) => {
                let loaded = load();
                lease.fill(Arc::clone(&loaded), NOW);
                return loaded;
            }
            CacheLook::Wait(passenger) => {
                if let Some(rows) = wait(passenger) {
                    return rows;
                }
            }
        }
    }
}

impl ModelDatabase {
    fn new(is_stale: &Arc<AtomicBool>) -> Arc<Self> {
        Arc::new(ModelDatabase {
            cache: cache(),
            committed: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            shown: AtomicU64::new(0),
            is_stale: Arc::clone(is_stale),
        })
    }

    /// A read through the cache. It must show what was acknowledged before it began, and what was shown before.
    fn read(&self) {
        let least = self.acknowledged.load(Ordering::SeqCst).max(self.shown.load(Ordering::SeqCst));
        let rows = read_through(&self.cache, &key(), || row(self.committed.load(Ordering::SeqCst)));
        self.show(version(&rows), least);
    }

    /// A read past the cache, such as a list.
    fn read_directly(&self) {
        self.show(self.committed.load(Ordering::SeqCst), 0);
    }

    fn show(&self, version: u64, least: u64) {
        if version < least {
            self.is_stale.store(true, Ordering::SeqCst);
        }
        self.shown.fetch_max(version, Ordering::SeqCst);
    }

    fn write(&self, version: u64, outcome: CommitOutcome) {
        let writes = writes();
        self.cache.fence(&writes);
        if outcome != CommitOutcome::RolledBack {
            self.committed.store(version, Ordering::SeqCst);
        }
        self.cache.settle(&writes, outcome);
        if outcome == CommitOutcome::Committed {
            self.acknowledged.fetch_max(version, Ordering::SeqCst);
        }
    }
}

/// Blocks a thread of the model until it is woken.
struct Parked {
    is_woken: Mutex<bool>,
    wake: Condvar,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        *self.is_woken.lock().unwrap() = true;
        self.wake.notify_one();
    }
}

fn wait(passenger: Passenger) -> Option<CachedRows> {
    let parked = Arc::new(Parked { is_woken: Mutex::new(false), wake: Condvar::new() });
    let waker = Waker::from(Arc::clone(&parked));
    let mut landing = pin!(passenger.landed());
    loop {
        if let Poll::Ready(row) = landing.as_mut().poll(&mut Context::from_waker(&waker)) {
            return row;
        }
        let mut is_woken = parked.is_woken.lock().unwrap();
        while !*is_woken {
            is_woken = parked.wake.wait(is_woken).unwrap();
        }
        *is_woken = false;
    }
}

/// A reader and a writer, whose COMMIT ends in this way. Nothing is in the cache before.
fn cold(outcome: CommitOutcome) -> impl Fn(&Arc<AtomicBool>) + Send + Sync + 'static {
    move |is_stale| {
        let database = ModelDatabase::new(is_stale);
        let reading = Arc::clone(&database);
        let reader = loom::thread::spawn(move || {
            reading.read();
            reading.read();
        });
        database.write(1, outcome);
        database.read();
        reader.join().unwrap();
        database.read();
        assert_eq!(database.cache.figures(NOW).loading, 0, "each load has ended");
    }
}

/// The row is in the cache, and a list may show it as the COMMIT under way has left it.
fn warm(outcome: CommitOutcome) -> impl Fn(&Arc<AtomicBool>) + Send + Sync + 'static {
    move |is_stale| {
        let database = ModelDatabase::new(is_stale);
        database.read();
        let reading = Arc::clone(&database);
        let reader = loom::thread::spawn(move || {
            reading.read_directly();
            reading.read();
        });
        database.write(1, outcome);
        reader.join().unwrap();
        database.read();
    }
}

#[test]
fn no_read_is_stale_however_the_commit_ends() {
    for outcome in [CommitOutcome::Committed, CommitOutcome::RolledBack, CommitOutcome::Unknown] {
        assert!(!has_stale_reads(None, cold(outcome)), "{outcome:?}");
        assert!(!has_stale_reads(None, warm(outcome)), "{outcome:?}");
    }
}

#[test]
fn each_defence_is_needed() {
    for defence in [Defence::Lease, Defence::FlightStamp, Defence::Change] {
        let is_stale = has_stale_reads(Some(defence), cold(CommitOutcome::Committed));
        assert!(is_stale, "nothing is stale without {defence:?}");
    }
    assert!(has_stale_reads(Some(Defence::Fence), warm(CommitOutcome::Committed)));
}

/// A process that is told of a change by the feed, while it loads.
fn told_while_it_reads(is_stale: &Arc<AtomicBool>) {
    let database = ModelDatabase::new(is_stale);
    let reading = Arc::clone(&database);
    let reader = loom::thread::spawn(move || {
        reading.read();
        reading.read();
    });
    database.committed.store(1, Ordering::SeqCst);
    database.cache.change(&writes());
    database.acknowledged.store(1, Ordering::SeqCst);
    database.read();
    reader.join().unwrap();
}

#[test]
fn what_the_feed_has_told_is_never_read_as_before() {
    // What another process has committed is shown at once by a direct read, and later by the cache: at most Δ.
    assert!(!has_stale_reads(None, told_while_it_reads));
    assert!(has_stale_reads(Some(Defence::Lease), told_while_it_reads));
    assert!(has_stale_reads(Some(Defence::FlightStamp), told_while_it_reads));
}

/// Loads a row if it is not there; returns whether it was.
fn hit(cache: &Arc<RowCache>, key: &CacheKey, now: Duration) -> bool {
    match cache.look(key, now) {
        CacheLook::Hit(_) => true,
        CacheLook::Load(lease) => {
            lease.fill(row(1), now);
            false
        }
        CacheLook::Wait(_) => panic!("nobody loads it"),
        CacheLook::Bypass | CacheLook::Sample(_) => false,
    }
}

#[test]
fn rows_are_served_until_the_certificate_is_too_old() {
    fn look() -> [bool; 3] {
        let cache = cache();
        assert!(!hit(&cache, &key(), NOW));
        let late = NOW + STALENESS + Duration::from_micros(1);
        [hit(&cache, &key(), NOW), hit(&cache, &key(), NOW + STALENESS), hit(&cache, &key(), late)]
    }
    explore(|| assert_eq!(look(), [true, true, false]));
    OFF.set(Some(Defence::Certificate));
    explore(|| assert_eq!(look(), [true, true, true], "the defence is what it says"));
    OFF.set(None);
}

#[test]
fn nothing_is_kept_before_the_first_certificate() {
    explore(|| {
        let settings = CacheSettings { bytes: 1 << 20, expiry: EXPIRY, staleness: STALENESS, sample: 0 };
        let cache = RowCache::with(&settings, WordCounts { whole: 1, any: 1, rows: 1 }, 1);
        assert!(!hit(&cache, &key(), NOW));
        cache.certify(NOW);
        assert!(!hit(&cache, &key(), NOW));
        assert_eq!((cache.figures(NOW).uncertified, cache.figures(NOW).loads), (1, 1));
    });
}

#[test]
fn a_rolled_back_commit_drops_nothing() {
    explore(|| {
        let cache = cache();
        hit(&cache, &key(), NOW);
        cache.fence(&writes());
        assert!(!hit(&cache, &key(), NOW), "its outcome is not known yet");
        cache.settle(&writes(), CommitOutcome::RolledBack);
        assert!(hit(&cache, &key(), NOW));
        cache.fence(&writes());
        cache.settle(&writes(), CommitOutcome::Unknown);
        assert!(!hit(&cache, &key(), NOW));
    });
}

#[test]
fn keys_of_one_word_are_told_apart() {
    explore(|| {
        // All keys have the same hash here, and the same word.
        let cache = cache();
        hit(&cache, &key_of(1), NOW);
        assert!(!hit(&cache, &key_of(2), NOW));
        assert!(hit(&cache, &key_of(1), NOW) && hit(&cache, &key_of(2), NOW));
    });
}

#[test]
fn a_dropped_load_is_made_by_another() {
    explore(|| {
        let cache = cache();
        let CacheLook::Load(first) = cache.look(&key(), NOW) else { panic!("it loads") };
        let CacheLook::Wait(second) = cache.look(&key(), NOW) else { panic!("it waits") };
        drop(first);
        assert!(wait(second).is_none());
        let CacheLook::Load(third) = cache.look(&key(), NOW) else { panic!("it loads") };
        let CacheLook::Wait(fourth) = cache.look(&key(), NOW) else { panic!("it waits") };
        third.fill(row(3), NOW);
        assert_eq!(wait(fourth).map(|row| version(&row)), Some(3));
        assert_eq!(cache.figures(NOW).shared, 2);
    });
}

#[test]
fn a_fill_after_a_change_is_refused() {
    explore(|| {
        let cache = cache();
        let CacheLook::Load(lease) = cache.look(&key(), NOW) else { panic!("it loads") };
        cache.change(&writes());
        lease.fill(row(1), NOW);
        let figures = cache.figures(NOW);
        assert_eq!((figures.refused, figures.rows), (1, 0));
    });
}
