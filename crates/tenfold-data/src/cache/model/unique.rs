//! Look-ups by a unique value, which moves from one row to another, in the interleavings of their threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use loom::sync::atomic::AtomicU64;
use uuid::Uuid;

use super::{TABLE, cache, has_stale_reads, read_through};
use crate::cache::defences::Defence;
use crate::cache::{CacheKey, CacheLookup, CachedRows, RowCache, RowOwner, UniqueLookup};
use crate::driver::CommitOutcome;
use crate::feed::write_set::{WriteSet, WrittenKeys};
use crate::ownership::OrgId;
use crate::value::Value;

/// A value that row 1 has at first, and then row 2; a row has its key and its version.
struct UniqueValue {
    cache: Arc<RowCache>,
    committed: AtomicU64,
    acknowledged: AtomicU64,
    is_stale: Arc<AtomicBool>,
}

fn key() -> CacheKey {
    let owner = RowOwner::Organization(OrgId(Uuid::from_u128(1)));
    let lookup = CacheLookup::Unique(UniqueLookup { by: 0, key_at: 0, width: 2 });
    CacheKey::of::<()>(TABLE, owner, lookup, &Value::Text("name".to_owned())).unwrap()
}

/// Version 0 is that no row has the value.
fn row(version: u64) -> CachedRows {
    let version = i64::try_from(version).unwrap();
    let columns = [Value::Integer(version), Value::Integer(version)];
    if version == 0 { Vec::new().into() } else { columns.into() }
}

fn version(rows: &CachedRows) -> u64 {
    match &**rows {
        [_, Value::Integer(version)] => u64::try_from(*version).unwrap(),
        _ => 0,
    }
}

impl UniqueValue {
    fn new(is_stale: &Arc<AtomicBool>, committed: u64) -> Arc<Self> {
        let (committed, acknowledged) = (AtomicU64::new(committed), AtomicU64::new(committed));
        Arc::new(UniqueValue { cache: cache(), committed, acknowledged, is_stale: Arc::clone(is_stale) })
    }

    fn read(&self) {
        let least = self.acknowledged.load(Ordering::SeqCst);
        let rows = read_through(&self.cache, &key(), || row(self.committed.load(Ordering::SeqCst)));
        if version(&rows) < least {
            self.is_stale.store(true, Ordering::SeqCst);
        }
    }

    /// The row that has this number takes the value, from the one before it.
    fn take(&self, version: u64, outcome: CommitOutcome) {
        let mut writes = WriteSet::default();
        let keys = [version - 1, version].map(|key| Value::Integer(i64::try_from(key).unwrap()));
        writes.add(Some(OrgId(Uuid::from_u128(1))), TABLE, WrittenKeys::These(keys.to_vec()));
        self.cache.fence(&writes);
        if outcome == CommitOutcome::Committed {
            self.committed.store(version, Ordering::SeqCst);
        }
        self.cache.settle(&writes, outcome);
        if outcome == CommitOutcome::Committed {
            self.acknowledged.fetch_max(version, Ordering::SeqCst);
        }
    }
}

/// A reader beside a row that takes the value, which another row has or none.
fn taken_while_it_is_read(
    before: u64,
    outcome: CommitOutcome,
) -> impl Fn(&Arc<AtomicBool>) + Send + Sync + 'static {
    move |is_stale| {
        let value = UniqueValue::new(is_stale, before);
        let reading = Arc::clone(&value);
        let reader = loom::thread::spawn(move || {
            reading.read();
            reading.read();
        });
        value.take(before + 1, outcome);
        value.read();
        reader.join().unwrap();
        value.read();
    }
}

#[test]
fn no_unique_look_up_is_stale() {
    for outcome in [CommitOutcome::Committed, CommitOutcome::RolledBack] {
        for before in [0, 1] {
            assert!(!has_stale_reads(None, taken_while_it_is_read(before, outcome)), "{before} {outcome:?}");
        }
    }
}

#[test]
fn a_unique_look_up_needs_its_defences() {
    for defence in [Defence::Lease, Defence::FlightStamp, Defence::Change, Defence::FoundFirst] {
        let is_stale = has_stale_reads(Some(defence), taken_while_it_is_read(1, CommitOutcome::Committed));
        assert!(is_stale, "nothing is stale without {defence:?}");
    }
}
