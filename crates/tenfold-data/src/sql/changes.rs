//! What an author's text changes, as its author says.

use crate::feed::write_set::WrittenKeys;
use crate::ownership::OrgId;
use crate::query::Target;
use crate::scope::Asker;
use crate::value::Value;

/// Whether the count that a database reports for a text has all rows that the text changes. PostgreSQL counts the rows of the
/// outer statement only, and none for CALL and DO.
pub(super) fn counts_all(text: &str) -> bool {
    let text = text.trim_start().to_ascii_lowercase();
    ["insert", "update", "delete"].iter().any(|verb| text.starts_with(verb)) && !text.contains("with")
}

/// Words of statements that delete rows: SQLite deletes those that it replaces.
const DELETING: [&str; 4] = ["delete", "replace", "truncate", "merge"];

/// Whether a text may delete rows. One that only stores or changes rows reaches no others by foreign keys: what
/// `ON UPDATE CASCADE` changes is not known to the feed. A text that calls a function may do anything, unless it stores or
/// changes rows itself.
fn may_delete(text: &str) -> bool {
    let mut words = text
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase);
    let begins = words.next();
    let mut writes = matches!(begins.as_deref(), Some("insert" | "update"));
    for word in words {
        if DELETING.contains(&&*word) {
            return true;
        }
        writes |= begins.as_deref() == Some("with") && matches!(&*word, "insert" | "update");
    }
    !writes
}

/// Notes what a text has changed, with what its deletions reach.
fn note(target: &Target, asker: &Asker, text: &str, table: &'static str, keys: WrittenKeys) {
    if may_delete(text) {
        target.scope.note_deletions(asker, table, keys);
    } else {
        target.scope.note_write(asker, table, keys);
    }
}

/// The tables that an author's text changes, as its author says.
pub(super) struct SaidChanges(pub Vec<(&'static str, WrittenKeys)>);

impl SaidChanges {
    pub(super) fn note(self, target: &Target, text: &str) {
        for (table, keys) in self.0 {
            note(target, &target.asker, text, table, keys);
        }
    }
}

/// What a text returns of the rows that it changes: their keys in the first column.
#[derive(Clone, Copy)]
pub(super) struct ReturnedKeys {
    pub table: &'static str,
    /// Whether the second column is the row's organization.
    by_organization: bool,
}

impl ReturnedKeys {
    pub(super) fn of(table: &'static str) -> Self {
        ReturnedKeys { table, by_organization: false }
    }

    pub(super) fn by_organization(table: &'static str) -> Self {
        ReturnedKeys { table, by_organization: true }
    }

    /// Notes the rows that were returned.
    pub(super) fn note(self, target: &Target, text: &str, rows: impl Iterator<Item = Vec<Value>>) {
        let mut changed: Vec<(Option<OrgId>, Vec<Value>)> = Vec::new();
        for row in rows {
            let mut columns = row.into_iter();
            let Some(key) = columns.next() else { continue };
            let organization = match columns.next() {
                Some(Value::Uuid(id)) if self.by_organization => Some(OrgId(id)),
                _ => target.asker.tenant,
            };
            match changed.iter_mut().find(|(known, _)| *known == organization) {
                Some((_, keys)) => keys.push(key),
                None => changed.push((organization, vec![key])),
            }
        }
        for (tenant, keys) in changed {
            let asker = Asker { tenant, ..target.asker.clone() };
            note(target, &asker, text, self.table, WrittenKeys::These(keys));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::may_delete;

    #[test]
    fn a_text_that_stores_or_changes_deletes_nothing() {
        for text in [
            "UPDATE t SET deleted = 1",
            "  insert INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = 1",
            "WITH k AS (SELECT 1) UPDATE t SET a = 1 FROM k",
        ] {
            assert!(!may_delete(text), "{text}");
        }
        for text in [
            "DELETE FROM t",
            "INSERT OR REPLACE INTO t (a) VALUES ($1)",
            "WITH gone AS (DELETE FROM t RETURNING a) INSERT INTO u SELECT a FROM gone",
            "WITH k AS (SELECT remove_all()) SELECT 1",
            "SELECT remove_all()",
        ] {
            assert!(may_delete(text), "{text}");
        }
    }
}
