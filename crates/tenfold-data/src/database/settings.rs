//! The bounds of a database.

use std::time::Duration;

use crate::cache::CacheSettings;
use crate::driver::{Pooler, PostgresSettings, SqliteSettings};

/// How the processes of an application tell each other what changed.
#[derive(Clone, Debug)]
pub struct FeedSettings {
    /// How often a process reads what the others have told.
    pub poll: Duration,
    /// For how long it is kept. A process that has not read for longer takes it that everything has changed.
    pub retention: Duration,
    /// How long to wait for the other processes where they must know something before it is answered.
    pub wait: Duration,
}

/// The bounds of a database; the defaults are those of `defaults.toml`.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// The most rows that a list without a page or limit may give.
    pub max_rows: usize,
    /// How many entities load a relation together; a longer list is cut into several cohorts.
    pub cohort_size: usize,
    /// How many rows of one entity, loaded by key, a request remembers.
    pub request_cache: usize,
    /// So many reads, writes or calls at one line of a piece of work, with other parameters each, are an N+1.
    pub n_plus_one_threshold: u32,
    /// How long a transaction may stay open, from when it has begun; then it is rolled back.
    pub transaction_limit: Duration,
    /// How processes tell each other what changed.
    pub feed: FeedSettings,
    /// What a process keeps of the rows that it has read.
    pub cache: CacheSettings,
    /// For SQLite.
    pub sqlite: SqliteSettings,
    /// For PostgreSQL.
    pub postgres: PostgresSettings,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        DatabaseSettings {
            max_rows: 10_000,
            cohort_size: 10_000,
            request_cache: 10_000,
            n_plus_one_threshold: 5,
            transaction_limit: Duration::from_secs(3),
            feed: FeedSettings {
                poll: Duration::from_millis(100),
                retention: Duration::from_secs(60),
                wait: Duration::from_secs(2),
            },
            cache: CacheSettings {
                bytes: 64 << 20,
                expiry: Duration::from_secs(300),
                staleness: Duration::from_secs(2),
                sample: 1_000,
            },
            sqlite: SqliteSettings {
                reader_threads: 4,
                max_waiting_writes: 10_000,
                commit_inline_limit: Duration::from_millis(1),
                cache_bytes: 8 << 20,
                mmap_bytes: 128 << 20,
            },
            postgres: PostgresSettings {
                pool_size: 16,
                lanes: 2,
                acquire_timeout: Duration::from_secs(5),
                connect_timeout: Duration::from_secs(5),
                statement_timeout: Duration::from_secs(20),
                idle_in_transaction_timeout: Duration::from_secs(30),
                migrate_url: None,
                migrate_lock_timeout: Duration::from_secs(5),
                pooler: Pooler::None,
            },
        }
    }
}
