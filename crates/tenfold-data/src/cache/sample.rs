//! Rows from memory that are read again from the database, to see whether they are the same.
//!
//! If this process commits a change of the row meanwhile, nothing is compared. So a difference means that another process changed
//! the row within `staleness`, that a program changed it without telling, or that there is a bug.

use std::sync::Arc;

use super::buckets::{RowStamp, RowWords};
use super::counts::CacheCounts;
use super::key::CacheKey;
use super::row::{CachedEntry, CachedRows};
use super::{CacheSettings, RowCache};
use crate::value::Value;

/// A row from memory that is read again.
pub(crate) struct HitSample {
    cache: Arc<RowCache>,
    key: CacheKey,
    words: RowWords,
    stamp: RowStamp,
    rows: CachedRows,
}

impl HitSample {
    pub(super) fn of(cache: &Arc<RowCache>, key: &CacheKey, words: RowWords, entry: CachedEntry) -> Self {
        HitSample { cache: Arc::clone(cache), key: key.clone(), words, stamp: entry.stamp, rows: entry.rows }
    }

    /// What is kept, if the database cannot be asked.
    pub(super) fn rows(&self) -> &[Value] {
        &self.rows
    }

    /// Compares it with what the database has. A row that differs is not served again.
    pub(super) fn compare(self, stored: &CachedRows) {
        let HitSample { cache, key, words, stamp, rows } = self;
        if cache.buckets.stamp(words) != Some(stamp) {
            return;
        }
        CacheCounts::add(&cache.counts.samples);
        if !(rows == *stored || (!key.is_ordered() && is_same(&rows, stored))) {
            CacheCounts::add(&cache.counts.stale);
            cache.map.remove(&key);
            let CacheSettings { staleness, .. } = cache.settings;
            tracing::debug!(?staleness, "a row from memory is not the one in the database");
        }
    }
}

/// Whether these are the same rows, in any order: but for lists none is promised where there are several.
fn is_same(one: &CachedRows, other: &CachedRows) -> bool {
    let sorted = |rows: &CachedRows| {
        let mut values: Vec<String> = rows.iter().map(|value| format!("{value:?}")).collect();
        values.sort_unstable();
        values
    };
    one.len() == other.len() && sorted(one) == sorted(other)
}
