//! What keeps a stale row out. The tests take each away, and must then see one.
//!
//! `model.rs` does so in the interleavings of threads, and `bench -- coherence` with processes on PostgreSQL. The latter needs the
//! feature `defence-switches`, which no application enables: without it a defence is always on.

#[cfg(all(feature = "defence-switches", not(test)))]
use std::sync::OnceLock;

/// One of the rules that the promise rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defence {
    /// The words are read before the load, not after it.
    Lease,
    /// A request that comes after a change does not join a load from before it.
    FlightStamp,
    /// While a COMMIT is under way the rows that it may change are read from the database.
    Fence,
    /// A COMMIT that has ended counts as a change.
    Change,
    /// Rows are served only if this process has lately read what others have changed.
    Certificate,
    /// The words of a row that a unique value has found are read before those of the table are compared.
    FoundFirst,
    /// A list depends on each change of its tables.
    Lists,
    /// A delete changes what its foreign keys reach.
    Cascades,
    /// What is new to a process includes the transactions that were open when it last looked.
    Cursor,
}

/// Always, but for the tests.
#[cfg(all(not(test), not(feature = "defence-switches")))]
pub(crate) fn is_on(_defence: Defence) -> bool {
    true
}

#[cfg(test)]
pub(crate) fn is_on(defence: Defence) -> bool {
    super::model::is_on(defence)
}

/// All but the one that `TENFOLD_WITHOUT_DEFENCE` names, as it is written above.
#[cfg(all(feature = "defence-switches", not(test)))]
pub(crate) fn is_on(defence: Defence) -> bool {
    static OFF: OnceLock<Option<String>> = OnceLock::new();
    let off = OFF.get_or_init(|| std::env::var("TENFOLD_WITHOUT_DEFENCE").ok());
    off.as_ref().is_none_or(|off| *off != format!("{defence:?}"))
}
