//! How far a process has read what the others tell.

/// A point in the order of commits, see `texts.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// As the database gave it.
    pub text: String,
    /// Transactions from this number on are new.
    pub next: u64,
    /// Of those below, the ones that were open, as an array of PostgreSQL.
    pub open: String,
    /// The lowest number that may still be told.
    pub needs: u64,
}

impl Position {
    /// Reads `xmin:xmax:xip,…` of PostgreSQL, or the number of SQLite's last row.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.to_owned();
        let Some((oldest, rest)) = text.split_once(':') else {
            let next = text.parse::<u64>().ok()? + 1;
            return Some(Position { text, next, open: String::new(), needs: next });
        };
        let (next, open) = rest.split_once(':')?;
        let (next, needs, open) = (next.parse().ok()?, oldest.parse().ok()?, format!("{{{open}}}"));
        Some(Position { text, next, open, needs })
    }

    /// Whether something that is new after this position was deleted, if nothing below `floor` is kept.
    pub(super) fn is_behind(&self, floor: u64) -> bool {
        floor > self.needs
    }

    /// Whether this lies before another: the database was replaced by an older copy.
    pub(super) fn is_before(&self, other: &Position) -> bool {
        self.next < other.next
    }
}
