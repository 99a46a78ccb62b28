//! The settings of each database.

use std::time::Duration;

/// The settings of an SQLite database.
#[derive(Clone, Debug)]
pub struct SqliteSettings {
    /// Threads for reads that are not bounded by a key or a page.
    pub reader_threads: usize,
    /// How many transactions may wait for the writer. Further ones are refused.
    pub max_waiting_writes: usize,
    /// When COMMITs have lately taken longer than this, a separate thread does them. A shorter COMMIT blocks a thread
    /// of the runtime until the disk has answered, which saves a single writer the switch to another thread and back.
    pub commit_inline_limit: Duration,
    /// Page cache of each connection, in bytes.
    pub cache_bytes: u64,
    /// How much of the file is read through memory mapping, in bytes.
    pub mmap_bytes: u64,
}

/// The settings of a PostgreSQL database.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// Connections for lists, author's SQL and transactions.
    pub pool_size: usize,
    /// Shared connections for loads by one key, and as many for loads by several.
    pub lanes: usize,
    /// How long a request may wait for a connection.
    pub acquire_timeout: Duration,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// The server ends a statement after this time.
    pub statement_timeout: Duration,
    /// The server ends an idle transaction after this time.
    pub idle_in_transaction_timeout: Duration,
    /// The address whose role owns the tables and migrates. If unset, the application's address is used.
    pub migrate_url: Option<String>,
    /// How long a migration waits for a table's lock before it lets the statements behind it go first, and retries.
    pub migrate_lock_timeout: Duration,
    /// What stands between the application and the server.
    pub pooler: Pooler,
}

/// What stands between the application and PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing, or a proxy that gives each client a connection of its own.
    None,
    /// A pooler in transaction mode, such as pgbouncer. Nothing is kept on a connection, so no statement is prepared by
    /// name, each one runs in a transaction, and loads by key do not share connections.
    Transaction,
}
