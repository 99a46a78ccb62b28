//! The tables whose rows a delete changes without naming them: those that refer to the deleted rows by a foreign key with
//! `ON DELETE CASCADE`, `SET NULL` or `SET DEFAULT`.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The tables that a delete in a table reaches; none before the first
/// [`Database::migrate`](crate::Database::migrate).
#[derive(Default)]
pub(crate) struct Cascades(RwLock<HashMap<String, Arc<[String]>>>);

/// A foreign key that does something when the row is deleted that it refers to.
pub(crate) struct Cascade {
    /// The table that is referred to.
    pub from: String,
    /// The table whose rows change.
    pub to: String,
    /// Whether its rows are deleted as well, and not only changed.
    pub deletes: bool,
}

impl Cascade {
    /// Reads `ACTION/REFERRED/REFERRING`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let [action, from, to] = text.splitn(3, '/').collect::<Vec<_>>().try_into().ok()?;
        Some(Cascade { from: str::to_owned(from), to: str::to_owned(to), deletes: action == "CASCADE" })
    }
}

impl Cascades {
    /// Stores what the foreign keys do, after the migrations have run.
    pub(crate) fn learn(&self, keys: &[Cascade]) {
        let reached = keys.iter().map(|key| (key.from.clone(), reach(&key.from, keys).into()));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = reached.collect();
    }

    /// The tables whose rows a delete in this table changes beside those that it names. The table itself is one of them if
    /// its rows refer to each other, directly or through other tables.
    pub(crate) fn reach(&self, table: &str) -> Option<Arc<[String]>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(table).cloned()
    }
}

/// Follows the keys. Where rows are only changed, nothing follows.
fn reach(table: &str, keys: &[Cascade]) -> Vec<String> {
    let (mut reached, mut deleted) = (Vec::new(), vec![table]);
    let mut next = 0;
    while let Some(from) = deleted.get(next).copied() {
        next += 1;
        for key in keys.iter().filter(|key| key.from == from) {
            if !reached.contains(&key.to) {
                reached.push(key.to.clone());
            }
            if key.deletes && !deleted.contains(&&*key.to) {
                deleted.push(&key.to);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(keys: &[&str], from: &str) -> Vec<String> {
        let cascades = Cascades::default();
        cascades.learn(&keys.iter().filter_map(|key| Cascade::read(key)).collect::<Vec<_>>());
        cascades.reach(from).map(|tables| tables.to_vec()).unwrap_or_default()
    }

    #[test]
    fn a_delete_reaches_its_own_table_in_a_circle() {
        assert_eq!(reached(&["CASCADE/a/b", "CASCADE/b/a"], "a"), ["b", "a"]);
        assert_eq!(reached(&["CASCADE/a/b", "SET/b/a"], "a"), ["b", "a"]);
        assert_eq!(reached(&["SET/a/a"], "a"), ["a"]);
        assert_eq!(
            reached(&["SET/a/b", "CASCADE/b/a"], "a"),
            ["b"],
            "rows that are only changed reach nothing"
        );
    }
}
