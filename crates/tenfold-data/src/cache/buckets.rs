//! What says whether a row may have changed since it was read: words that count changes.
//!
//! A word counts the changes of all rows that hash to it, and the COMMITs under way that may change one of them. A row
//! depends on four words: its own, its table's for its organization, its table's, and one for everything. The rows of a
//! relation or a list depend on other words of the table, which count each change of it, because any may come to be one of them.
//! The values of the words before a load are the load's [`RowStamp`]. What was loaded is true as long as they are the same.
//! Rows that share a word by chance invalidate each other; they are then loaded again, and no value is ever wrong.

use std::hash::{BuildHasher as _, Hash};
use std::sync::atomic::Ordering;

use foldhash::fast::RandomState;

use super::defences::{Defence, is_on};
use super::key::{CacheKey, CacheLookup, CachedKey, MOST_BESIDE};
use super::platform::AtomicU64;
use crate::feed::write_set::{WriteSet, WrittenKeys, WrittenTable};
use crate::ownership::OrgId;
use crate::value::Value;

/// The low bits count the COMMITs under way, more than there can be. The others count the changes: 2^36 of one word are more
/// than can happen before a row expires, so an old value does not come back while a row has it.
const CHANGE: u64 = 1 << 28;
const WRITERS: u64 = CHANGE - 1;

/// On how many words a row depends at most, beside that of everything.
const WORDS: usize = 9;

/// The values of the words that a row depends on. The first is that of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct RowStamp([u64; 1 + WORDS]);

/// Which words a row depends on, beside that of everything.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RowWords {
    words: [usize; WORDS],
    count: usize,
}

impl RowWords {
    fn add<const N: usize>(&mut self, more: [usize; N]) {
        self.words[self.count..self.count + N].copy_from_slice(&more);
        self.count += N;
    }
}

/// What a word of a table counts. Each commit changes a word of the second kind, so they are apart from those of the first, on
/// which all rows depend that are looked up by key.
#[derive(Clone, Copy, Hash)]
enum TableWord {
    /// Changes that may be of any of its rows.
    Whole,
    /// Each change.
    Any,
}

/// How many words there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct WordCounts {
    /// For changes of whole tables, and of an organization's part of them.
    pub whole: usize,
    /// For each change of a table, and of an organization's part of it.
    pub any: usize,
    /// For rows.
    pub rows: usize,
}

/// The words.
pub(super) struct Buckets {
    everything: Alone,
    words: Box<[AtomicU64]>,
    counts: WordCounts,
    hasher: RandomState,
}

/// A word on a cache line of its own, because each look reads it.
#[repr(align(128))]
struct Alone(AtomicU64);

impl Buckets {
    pub(super) fn new(counts: WordCounts) -> Self {
        let all = counts.whole + counts.any + counts.rows;
        Buckets {
            everything: Alone(AtomicU64::new(0)),
            words: (0..all).map(|_| AtomicU64::new(0)).collect(),
            counts,
            hasher: RandomState::default(),
        }
    }

    pub(super) fn words_of(&self, key: &CacheKey) -> RowWords {
        let mut words = RowWords::default();
        let both = |what, table: &str| [None, key.tenant()].map(|tenant| self.table(what, tenant, table));
        match key.lookup() {
            // Any row may come to be the one that a unique value finds.
            CacheLookup::Relation(..) | CacheLookup::Unique(..) => {
                words.add(both(TableWord::Any, key.table()));
            }
            CacheLookup::List(reads) => {
                let what = if is_on(Defence::Lists) { TableWord::Any } else { TableWord::Whole };
                words.add(both(what, key.table()));
                reads.beside().for_each(|table| words.add(both(what, table)));
            }
            CacheLookup::Key | CacheLookup::Statement(..) => {
                words.add(both(TableWord::Whole, key.table()));
                words.add([self.row(key.table(), key.key())]);
            }
        }
        if let CacheLookup::Statement(reads) = key.lookup() {
            reads.beside.iter().take(MOST_BESIDE).for_each(|table| words.add(both(TableWord::Any, table)));
            if let (Some(table), Some(tenant)) = (reads.organization, key.tenant()) {
                let row = self.row(table, &CachedKey::Uuid(tenant.0));
                words.add([self.table(TableWord::Whole, None, table), row]);
            }
        }
        words
    }

    /// The words of the row that a look-up by a unique key has found. While it has the value, no other row can: so only a change
    /// of this row, or one of the whole table, makes another answer.
    pub(super) fn words_of_found(&self, key: &CacheKey, rows: &[Value]) -> Option<RowWords> {
        let found = key.found(rows)?;
        let mut words = RowWords::default();
        words.add([None, key.tenant()].map(|tenant| self.table(TableWord::Whole, tenant, key.table())));
        words.add([self.row(key.table(), &found)]);
        Some(words)
    }

    /// The values of these words; `None` while a COMMIT may change one of the rows.
    pub(super) fn stamp(&self, words: RowWords) -> Option<RowStamp> {
        let (mut stamp, mut is_quiet) = (RowStamp::default(), true);
        let read = words.words[..words.count].iter().map(|word| &self.words[*word]);
        for (kept, word) in stamp.0.iter_mut().zip([&self.everything.0].into_iter().chain(read)) {
            let value = word.load(Ordering::Acquire);
            is_quiet &= value & WRITERS == 0;
            *kept = value & !WRITERS;
        }
        (is_quiet || !is_on(Defence::Fence)).then_some(stamp)
    }

    /// A COMMIT that may change these rows is about to be sent.
    pub(super) fn fence(&self, writes: &WriteSet) {
        self.each_written(writes, |word| {
            // In one order with everything that the COMMIT does.
            word.fetch_add(1, Ordering::SeqCst);
        });
    }

    /// The COMMIT has ended, and has changed nothing.
    pub(super) fn settle_unchanged(&self, writes: &WriteSet) {
        self.each_written(writes, |word| {
            word.fetch_sub(1, Ordering::SeqCst);
        });
    }

    /// The COMMIT has ended, and may have changed the rows.
    pub(super) fn settle_changed(&self, writes: &WriteSet) {
        let change = if is_on(Defence::Change) { CHANGE } else { 0 };
        self.each_written(writes, |word| {
            word.fetch_add(change.wrapping_sub(1), Ordering::SeqCst);
        });
    }

    /// These rows have changed.
    pub(super) fn change(&self, writes: &WriteSet) {
        self.each_written(writes, |word| {
            word.fetch_add(CHANGE, Ordering::SeqCst);
        });
    }

    /// Anything may have changed.
    pub(super) fn change_everything(&self) {
        self.everything.0.fetch_add(CHANGE, Ordering::SeqCst);
    }

    /// Calls `each` with the words of what was written. The same for the same set, however often. The word that counts each change of
    /// a table comes first: a reader that finds it unchanged knows that the rows were unchanged as well before it looked.
    fn each_written(&self, writes: &WriteSet, each: impl Fn(&AtomicU64)) {
        for WrittenTable { tenant, table, keys } in &writes.tables {
            let of_table = |what| &self.words[self.table(what, *tenant, table)];
            each(of_table(TableWord::Any));
            match keys {
                WrittenKeys::Any => each(of_table(TableWord::Whole)),
                WrittenKeys::These(keys) => {
                    for key in keys {
                        // A row with a key of another kind is not cached by it.
                        let row = CachedKey::of(key).map(|key| &self.words[self.row(table, &key)]);
                        each(row.unwrap_or_else(|| of_table(TableWord::Whole)));
                    }
                }
            }
        }
    }

    /// Without an organization: of all of them.
    fn table(&self, what: TableWord, tenant: Option<OrgId>, table: &str) -> usize {
        let place = |among| self.place(&(what, tenant, table), among);
        match what {
            TableWord::Whole => place(self.counts.whole),
            TableWord::Any => self.counts.whole + place(self.counts.any),
        }
    }

    /// Without the organization, which is not always known of what was written.
    fn row(&self, table: &str, key: &CachedKey) -> usize {
        self.counts.whole + self.counts.any + self.place(&(table, key), self.counts.rows)
    }

    fn place(&self, of: &impl Hash, among: usize) -> usize {
        let hash = usize::try_from(self.hasher.hash_one(of) >> 32).unwrap_or_default();
        hash % among
    }
}
