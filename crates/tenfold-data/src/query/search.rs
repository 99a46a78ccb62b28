//! Lists by the words of their texts.

use super::EntityQuery;
use super::condition::{Test, TextSearch};
use super::filter::Filter;
use crate::search::{Searched, WantedWords};

impl<E: Searched> Filter<E> {
    /// Passes rows whose texts hold the words of `text`, as a person types it: all words in any order, without regard to
    /// case and accents; `"words next to each other"`; `-words` that must not occur. The last word may be the beginning of
    /// one. Any text is legal: other signs separate words, and of a long text the first words count. A text without a
    /// word finds nothing.
    pub fn search(text: &str) -> Self {
        let table = E::table();
        let wanted = WantedWords::of(text);
        let search =
            TextSearch { entity: table.entity, table: table.name, key: table.key, texts: E::TEXTS, wanted };
        Filter::new(Test::Search(search))
    }
}

impl<E: Searched> EntityQuery<E> {
    /// Keeps only rows whose texts hold the words of `text`, see [`Filter::search`]. The order of the list stays as it is.
    pub fn search(self, text: &str) -> Self {
        self.filter(Filter::search(text))
    }
}
