//! The names of the database's tables, and which of them a text of SQL names.
//!
//! An answer must be made again when one of the tables of its statements changes. A statement cannot read
//! a table that its text does not name, so the text is searched for names of tables, word by word. A word that only
//! looks like a table, a column of that name for example, makes the list longer, never shorter. A view stands for the
//! tables that its definition names.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

/// The tables by name, each with the tables it stands for; empty before the first
/// [`Database::migrate`](crate::Database::migrate).
#[derive(Default)]
pub(crate) struct KnownTables(RwLock<HashMap<String, BTreeSet<Arc<str>>>>);

impl KnownTables {
    /// Stores the names, after the migrations have run. `views` are `NAME DEFINITION`.
    pub(crate) fn learn(&self, tables: Vec<String>, views: &[String]) {
        let stands_for_itself = |name: String| (name.clone(), BTreeSet::from([Arc::from(name)]));
        let mut known: HashMap<_, _> = tables.into_iter().map(stands_for_itself).collect();
        // A view may stand on views that come later in the list.
        for _ in views {
            for (name, definition) in views.iter().filter_map(|view| view.split_once(' ')) {
                let on = named_in(&known, definition);
                known.insert(name.to_owned(), on);
            }
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Whether the text names no other tables than these. It is not known before the tables are.
    pub(crate) fn names_only(&self, text: &str, tables: impl Fn(&str) -> bool) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        !known.is_empty() && named_in(&known, text).iter().all(|name| tables(name))
    }

    /// Adds the tables that the text names.
    pub(crate) fn add_named(&self, text: &str, tables: &mut BTreeSet<Arc<str>>) {
        tables.extend(named_in(&self.0.read().unwrap_or_else(PoisonError::into_inner), text));
    }
}

fn named_in(known: &HashMap<String, BTreeSet<Arc<str>>>, text: &str) -> BTreeSet<Arc<str>> {
    let is_of_name = |character: char| character.is_alphanumeric() || character == '_';
    let words = text.split(|character| !is_of_name(character)).filter(|word| !word.is_empty());
    let found = words.filter_map(|word| known.get(word).or_else(|| known.get(&word.to_lowercase())));
    found.flatten().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<String> {
        let known = KnownTables::default();
        let tables = ["notes_notes", "notes_tags", "other"].map(str::to_owned).to_vec();
        let views =
            ["both SELECT * FROM tagged, other", "tagged SELECT * FROM \"notes_tags\""].map(str::to_owned);
        known.learn(tables, &views);
        let mut found = BTreeSet::new();
        known.add_named(text, &mut found);
        found.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn finds_tables_however_they_are_written() {
        assert_eq!(named("SELECT a FROM notes_notes AS n"), ["notes_notes"]);
        assert_eq!(named("SELECT a FROM public.\"notes_notes\",NOTES_TAGS t"), ["notes_notes", "notes_tags"]);
        assert_eq!(named("SELECT notes_notes_id FROM nowhere"), [""; 0]);
    }

    #[test]
    fn a_view_stands_for_its_tables() {
        assert_eq!(named("SELECT * FROM both"), ["notes_tags", "other"]);
    }
}
