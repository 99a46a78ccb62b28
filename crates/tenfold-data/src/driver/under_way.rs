//! How many statements a connection has under way.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts a statement as under way until dropped.
pub(crate) struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    /// Adds one to the statements `under_way`.
    pub(crate) fn count(under_way: &'a AtomicUsize) -> Self {
        under_way.fetch_add(1, Ordering::AcqRel);
        UnderWay(under_way)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
