//! The rows that a list returns.

use std::ops::Deref;

use crate::page::Listing;

/// The rows of one query, in order. They are peers: a loop over them that touches a relation costs one statement,
/// however many rows there are.
pub struct Rows<E> {
    pub(super) rows: Vec<E>,
    pub(super) next_cursor: Option<String>,
    pub(super) total: Option<i64>,
}

impl<E> Rows<E> {
    /// A client's page with `items` made from these rows, and the cursor of the next page.
    pub fn listing<T>(&self, items: Vec<T>) -> Listing<T> {
        Listing { items, next_cursor: self.next_cursor.clone(), total: self.total }
    }

    /// Keeps the rows that `keep` accepts. The others are no longer peers, and nothing is loaded for them.
    pub fn filter(mut self, keep: impl FnMut(&E) -> bool) -> Self {
        self.rows.retain(keep);
        self
    }

    /// Keeps the first `count` rows. The others are no longer peers, and nothing is loaded for them.
    pub fn take(mut self, count: usize) -> Self {
        self.rows.truncate(count);
        self
    }
}

impl<E> Deref for Rows<E> {
    type Target = [E];
    fn deref(&self) -> &[E] {
        &self.rows
    }
}

impl<E> IntoIterator for Rows<E> {
    type Item = E;
    type IntoIter = std::vec::IntoIter<E>;
    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

impl<'a, E> IntoIterator for &'a Rows<E> {
    type Item = &'a E;
    type IntoIter = std::slice::Iter<'a, E>;
    fn into_iter(self) -> Self::IntoIter {
        self.rows.iter()
    }
}
