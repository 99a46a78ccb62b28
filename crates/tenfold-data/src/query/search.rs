//! Lists by the words of their texts.

use uuid::Uuid;

use super::filter::{Filter, Place, Test};
use super::{Query, Target};
use crate::error::DataError;
use crate::search::{Searched, Wanted, mark};
use crate::statement::Dialect;
use crate::value::Value;

/// Whether a row's texts hold the words of a text.
#[derive(Debug)]
pub(super) struct Search {
    entity: &'static str,
    table: &'static str,
    key: &'static str,
    texts: &'static [&'static str],
    wanted: Wanted,
}

impl<E: Searched> Filter<E> {
    /// Passes rows whose texts hold the words of `text`, as a person types it: all words in any order, without regard to
    /// case and accents; `"words next to each other"`; `-words` that must not occur. The last word may be the beginning of
    /// one. Any text is legal: other signs separate words, and of a long text the first words count. A text without a
    /// word finds nothing.
    pub fn search(text: &str) -> Self {
        let table = E::table();
        let wanted = Wanted::of(text);
        let search =
            Search { entity: table.entity, table: table.name, key: table.key, texts: E::TEXTS, wanted };
        Filter::new(Test::Search(search))
    }
}

impl<E: Searched> Query<E> {
    /// Keeps only rows whose texts hold the words of `text`, see [`Filter::search`]. The order of the list stays as it is.
    pub fn search(self, text: &str) -> Self {
        self.filter(Filter::search(text))
    }
}

impl Search {
    /// Refuses a table without an index.
    pub(super) fn check(&self, target: &Target) -> Result<(), DataError> {
        let mark = mark(self.table, self.texts);
        target.scope.database().searched().check(&mark, self.entity, target.asker.site)
    }

    /// `id IN (…)`: the rows of the organization that the index finds.
    pub(super) fn condition(&self, place: &Place, params: &mut Vec<Value>) -> String {
        if self.wanted.is_empty() {
            return "1 = 0".to_owned();
        }
        let organization = match params.first() {
            Some(Value::Uuid(organization)) => *organization,
            // A searched entity has an organization, and so has every list that looks at one.
            _ => Uuid::nil(),
        };
        let (key, index) = (place.column(self.key), format!("{}_search", self.table));
        params.push(Value::Text(match place.dialect {
            Dialect::Sqlite => self.wanted.fts5(organization),
            Dialect::Postgres => self.wanted.tsquery(organization),
        }));
        let number = params.len();
        match place.dialect {
            Dialect::Sqlite => format!(
                "{key} IN (SELECT r.id FROM {index} AS s CROSS JOIN {index}_rows AS r ON r.place = s.rowid \
                 WHERE s.words MATCH ${number} AND r.owner = $1)"
            ),
            Dialect::Postgres => format!("{key} IN (SELECT {index}_found($1, ${number}))"),
        }
    }
}
