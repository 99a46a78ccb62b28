//! The order of a list.

use std::borrow::Cow;

use crate::value::Value;

/// A column in lowercase, for A to Z only. SQLite lowers no other letters, and neither does PostgreSQL in the collation
/// "C" that migrations give to text.
pub(super) fn lower(column: &str) -> String {
    format!("lower({column})")
}

/// The direction of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SortDirection {
    Ascending,
    Descending,
}

impl SortDirection {
    pub(super) fn turned(self) -> Self {
        match self {
            SortDirection::Ascending => SortDirection::Descending,
            SortDirection::Descending => SortDirection::Ascending,
        }
    }
}

/// One column of an order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct SortColumn {
    pub(super) column: &'static str,
    pub(super) case: LetterCase,
    pub(super) direction: SortDirection,
}

/// Whether an order distinguishes uppercase and lowercase letters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LetterCase {
    Told,
    Ignored,
}

impl SortColumn {
    pub(super) fn by(column: &'static str, direction: SortDirection) -> Self {
        SortColumn { column, case: LetterCase::Told, direction }
    }

    /// The expression that is compared, as SQL.
    pub(super) fn expression(&self) -> Cow<'static, str> {
        match self.case {
            LetterCase::Told => Cow::Borrowed(self.column),
            LetterCase::Ignored => Cow::Owned(lower(self.column)),
        }
    }

    pub(super) fn text(&self) -> String {
        match self.direction {
            SortDirection::Ascending => self.expression().into_owned(),
            SortDirection::Descending => format!("{} DESC", self.expression()),
        }
    }

    /// The value that a row with `value` in the column is sorted by.
    pub(super) fn value(&self, value: &Value) -> Value {
        match (self.case, value) {
            (LetterCase::Ignored, Value::Text(text)) => Value::Text(text.to_ascii_lowercase()),
            _ => value.clone(),
        }
    }
}

/// The position that a page continues after: the first column of the list's order, and the row's text in it.
pub(super) struct Behind {
    pub(super) order: SortColumn,
    pub(super) text: String,
}

impl Behind {
    /// A bound to use instead of the author's, if the page begins beyond the author's bound. SQLite uses only one bound
    /// of the index, and would walk from the author's bound to the page.
    pub(super) fn nearer(
        &self,
        case: LetterCase,
        (column, operator, value): Comparison<'_>,
    ) -> Option<(&'static str, Value)> {
        let Value::Text(bound) = value else { return None };
        if (column, case) != (self.order.column, self.order.case) {
            return None;
        }
        let nearer = match (self.order.direction, operator) {
            (SortDirection::Ascending, ">=") if *bound < self.text => ">=",
            (SortDirection::Descending, "<") if *bound > self.text => "<=",
            _ => return None,
        };
        Some((nearer, Value::Text(self.text.clone())))
    }
}

/// A comparison: column, operator, value.
pub(super) type Comparison<'a> = (&'a str, &'a str, &'a Value);

#[cfg(test)]
mod tests {
    use super::{Behind, LetterCase, SortColumn, SortDirection};
    use crate::value::Value;

    #[test]
    fn a_page_begins_at_the_nearer_bound() {
        let nearer = |direction, text: &str, operator, bound: &str| {
            let behind = Behind { order: SortColumn::by("name", direction), text: text.to_owned() };
            let bound = Value::Text(bound.to_owned());
            let nearer = behind.nearer(LetterCase::Told, ("name", operator, &bound));
            assert_eq!(behind.nearer(LetterCase::Ignored, ("name", operator, &bound)), None);
            assert_eq!(behind.nearer(LetterCase::Told, ("other", operator, &bound)), None);
            nearer.map(|(operator, value)| format!("{operator} {value:?}"))
        };
        let (up, down) = (SortDirection::Ascending, SortDirection::Descending);
        assert_eq!(nearer(up, "adam", ">=", "ad").as_deref(), Some(">= Text(\"adam\")"));
        assert_eq!(nearer(up, "adam", "<", "ae"), None);
        assert_eq!(nearer(down, "adam", "<", "ae").as_deref(), Some("<= Text(\"adam\")"));
        assert_eq!(nearer(down, "adam", ">=", "ad"), None);
        // A forged cursor does not widen the author's filter.
        assert_eq!(nearer(up, "aa", ">=", "ad"), None);
        assert_eq!(nearer(down, "zz", "<", "ae"), None);
    }
}
