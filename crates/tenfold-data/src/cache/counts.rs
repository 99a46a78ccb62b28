//! What the cache has done so far.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters. They are std's in the model too: nothing depends on them. They lie on cache lines of their own, because each look
/// writes one of them, and reads what lies beside them.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct CacheCounts {
    pub hits: AtomicU64,
    pub loads: AtomicU64,
    pub shared: AtomicU64,
    pub refused: AtomicU64,
    pub fenced: AtomicU64,
    pub uncertified: AtomicU64,
    pub expired: AtomicU64,
    pub large: AtomicU64,
    pub alone: AtomicU64,
    pub samples: AtomicU64,
    pub stale: AtomicU64,
    pub statements: AtomicU64,
    pub load_micros: AtomicU64,
}

/// What the cache of a database holds, and what it has done since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheFigures {
    /// Rows, keys without a row, and lists, that were answered from memory. A list counts once.
    pub hits: u64,
    /// Rows that were loaded to be kept.
    pub loads: u64,
    /// Rows that another's load answered.
    pub shared: u64,
    /// Loads whose row was not kept, because it may have changed meanwhile.
    pub refused: u64,
    /// Reads past the cache, because a COMMIT under way may change the row.
    pub fenced: u64,
    /// Reads past the cache, because this process did not know lately what others have changed.
    pub uncertified: u64,
    /// Rows that were loaded again only because of their age.
    pub expired: u64,
    /// Loads whose rows were not kept, because they are too large: 256 KiB, and 512 KiB for a list.
    pub large: u64,
    /// Rows from memory that were read again from the database ([`CacheSettings::sample`](crate::CacheSettings::sample)) and could be
    /// compared: no commit of this process came between.
    pub samples: u64,
    /// Of these, the ones that differed. Another process may have changed them within `staleness`.
    pub stale: u64,
    /// How many statements have loaded rows: one loads all that are missing of a page.
    pub load_statements: u64,
    /// How long these took, all together.
    pub load_time: Duration,
    /// Loads under way.
    pub loading: u64,
    /// How many rows it holds, stale ones included.
    pub rows: u64,
    /// How many bytes these take, about.
    pub bytes: u64,
    /// How many bytes they may take; 0 without a cache.
    pub max_bytes: u64,
    /// How long ago the latest look at what other processes have changed began; `None` without one.
    pub certificate_age: Option<Duration>,
}

impl CacheFigures {
    /// How many rows were asked for.
    pub fn reads(&self) -> u64 {
        self.hits + self.loads + self.shared + self.fenced + self.uncertified
    }

    /// Which part of the samples was equal to the database; `None` without one.
    pub fn coherence(&self) -> Option<f64> {
        (self.samples > 0).then(|| 1.0 - self.stale as f64 / self.samples as f64)
    }

    /// Which part of the rows was answered from memory; 0 if none was asked for.
    pub fn hit_ratio(&self) -> f64 {
        self.hits as f64 / self.reads().max(1) as f64
    }
}

impl CacheCounts {
    pub(super) fn note_load(&self, micros: u64) {
        CacheCounts::add(&self.statements);
        self.load_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Counts a hit of a row that was asked for alone, and gives how many there were.
    pub(super) fn note_alone(&self) -> u64 {
        self.alone.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn figures(&self) -> CacheFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheFigures {
            hits: read(&self.hits),
            loads: read(&self.loads),
            shared: read(&self.shared),
            refused: read(&self.refused),
            fenced: read(&self.fenced),
            uncertified: read(&self.uncertified),
            expired: read(&self.expired),
            large: read(&self.large),
            samples: read(&self.samples),
            stale: read(&self.stale),
            load_statements: read(&self.statements),
            load_time: Duration::from_micros(read(&self.load_micros)),
            ..CacheFigures::default()
        }
    }
}
