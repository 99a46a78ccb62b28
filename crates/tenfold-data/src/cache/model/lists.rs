//! A row of a cached list changes while others read the list, in every order in which their threads can run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use loom::sync::atomic::AtomicU64;
use uuid::Uuid;

use super::{TABLE, cache, has_stale_reads, read_through, row, version};
use crate::cache::defences::Defence;
use crate::cache::{CacheKey, CacheLookup, ListReads, RowCache, RowOwner};
use crate::driver::CommitOutcome;
use crate::feed::write_set::{WriteSet, WrittenKeys};
use crate::ownership::OrgId;
use crate::value::Value;

/// A list whose rows have a version in all. Each commit changes one row of it.
struct ModelList {
    cache: Arc<RowCache>,
    committed: AtomicU64,
    acknowledged: AtomicU64,
    is_stale: Arc<AtomicBool>,
}

fn key() -> CacheKey {
    let owner = RowOwner::Organization(OrgId(Uuid::from_u128(1)));
    let lookup = CacheLookup::List(ListReads::of(&[]).unwrap());
    CacheKey::of::<()>(TABLE, owner, lookup, &Value::Text("notes_notes ORDER BY id".to_owned())).unwrap()
}

impl ModelList {
    fn new(is_stale: &Arc<AtomicBool>) -> Arc<Self> {
        let (committed, acknowledged) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(ModelList { cache: cache(), committed, acknowledged, is_stale: Arc::clone(is_stale) })
    }

    fn read(&self) {
        let least = self.acknowledged.load(Ordering::SeqCst);
        let rows = read_through(&self.cache, &key(), || row(self.committed.load(Ordering::SeqCst)));
        if version(&rows) < least {
            self.is_stale.store(true, Ordering::SeqCst);
        }
    }

    /// Changes the row that has this number.
    fn write(&self, version: u64, outcome: CommitOutcome) {
        let mut writes = WriteSet::default();
        let key = Value::Integer(i64::try_from(version).unwrap());
        writes.add(Some(OrgId(Uuid::from_u128(1))), TABLE, WrittenKeys::These(vec![key]));
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

/// A reader beside a commit that changes one row of the list.
fn changed_while_it_is_read(outcome: CommitOutcome) -> impl Fn(&Arc<AtomicBool>) + Send + Sync + 'static {
    move |is_stale| {
        let list = ModelList::new(is_stale);
        let reading = Arc::clone(&list);
        let reader = loom::thread::spawn(move || {
            reading.read();
            reading.read();
        });
        list.write(1, outcome);
        list.read();
        reader.join().unwrap();
        list.read();
    }
}

#[test]
fn no_list_is_stale() {
    for outcome in [CommitOutcome::Committed, CommitOutcome::RolledBack, CommitOutcome::Unknown] {
        assert!(!has_stale_reads(None, changed_while_it_is_read(outcome)), "{outcome:?}");
    }
}

#[test]
fn a_list_needs_its_defences() {
    for defence in [Defence::Lists, Defence::Lease, Defence::FlightStamp, Defence::Change] {
        let is_stale = has_stale_reads(Some(defence), changed_while_it_is_read(CommitOutcome::Committed));
        assert!(is_stale, "nothing is stale without {defence:?}");
    }
}
