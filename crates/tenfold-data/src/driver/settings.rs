//! The bounds of each database.

use std::time::Duration;

/// The bounds of an SQLite database.
#[derive(Clone, Debug)]
pub struct SqliteSettings {
    /// Threads for reads that are not bounded by a key or a page.
    pub reader_threads: usize,
    /// Transactions that may wait for the writer; one more is refused.
    pub max_waiting_writes: usize,
    /// A COMMIT that takes longer than this of late is left to a thread of its own; a shorter one holds a thread of the
    /// runtime until the disk has answered, which spares a single writer the way there and back.
    pub commit_inline_limit: Duration,
    /// Page cache of each connection, in bytes.
    pub cache_bytes: u64,
    /// How much of the file is read through memory mapping, in bytes.
    pub mmap_bytes: u64,
}

/// The bounds of a PostgreSQL database.
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
    /// After this long the server ends a statement.
    pub statement_timeout: Duration,
    /// After this long the server ends a transaction that does nothing.
    pub idle_in_transaction_timeout: Duration,
    /// The address whose role owns the tables and migrates; without, that of the application does.
    pub migrate_url: Option<String>,
    /// How long a migration waits for a table's lock before it lets those behind it go first, and tries again.
    pub migrate_lock_timeout: Duration,
    /// What stands between the application and the server.
    pub pooler: Pooler,
}

/// What stands between the application and PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing, or something that gives each client a connection of its own.
    None,
    /// A pooler in transaction mode, such as pgbouncer: nothing is kept on a connection, so no statement is prepared
    /// by name, each one has a transaction, and loads by key do not share connections.
    Transaction,
}
