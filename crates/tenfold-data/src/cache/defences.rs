//! What keeps a stale row out. The tests take each away, and must then see one.

/// One of the rules that the promise rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defence {
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
}

/// Always, but for the tests.
#[cfg(not(test))]
pub(super) fn is_on(_defence: Defence) -> bool {
    true
}

#[cfg(test)]
pub(super) fn is_on(defence: Defence) -> bool {
    super::model::is_on(defence)
}
