//! Conditions on an entity's columns.

use std::marker::PhantomData;

use sha2::{Digest as _, Sha256};

use super::condition::{Test, TestedRow};
use super::order::Behind;
use crate::entity::{Column, Entity};
use crate::value::{ColumnType, Value};

/// A condition on a row.
pub struct Filter<E> {
    pub(super) test: Test,
    entity: PhantomData<fn() -> E>,
}

impl<E> Filter<E> {
    /// Whether the filter selects by a value, such as a foreign key.
    pub(super) fn is_by_value(&self) -> bool {
        self.test.is_by_value()
    }

    /// Whether the filter continues after a value of `column`, as the next page of a list does.
    pub(super) fn goes_on_behind(&self, column: &str) -> bool {
        self.test.holds(&|test| matches!(test, Test::Compare(on, "<" | ">", _) if *on == column))
    }
}

impl<E: Entity, T: ColumnType> Column<E, T> {
    /// The column equals `value`; `None` equals `None`, as in Rust.
    pub fn eq(self, value: T) -> Filter<E> {
        match value.to_value() {
            Value::Null => Filter::new(Test::IsNull(self.name())),
            value => Filter::new(Test::Compare(self.name(), "=", value)),
        }
    }

    /// The column differs from `value`. `None` differs from every value, as in Rust.
    pub fn ne(self, value: T) -> Filter<E> {
        match value.to_value() {
            Value::Null => Filter::new(Test::IsNotNull(self.name())),
            value => Filter::new(Test::Compare(self.name(), "IS DISTINCT FROM", value)),
        }
    }

    /// The column is less than `value`. NULL is neither less nor greater than anything.
    pub fn lt(self, value: T) -> Filter<E> {
        self.compare("<", &value)
    }

    /// The column is less than `value`, or equals it.
    pub fn le(self, value: T) -> Filter<E> {
        self.compare("<=", &value)
    }

    /// The column is greater than `value`.
    pub fn gt(self, value: T) -> Filter<E> {
        self.compare(">", &value)
    }

    /// The column is greater than `value`, or equals it.
    pub fn ge(self, value: T) -> Filter<E> {
        self.compare(">=", &value)
    }

    /// The column equals one of `values`; `None` among them equals `None`.
    pub fn any_of(self, values: impl IntoIterator<Item = T>) -> Filter<E> {
        let values = values.into_iter().map(|value| value.to_value());
        let (none, some): (Vec<_>, Vec<_>) = values.partition(|value| *value == Value::Null);
        let any = Filter::new(Test::AnyOf(self.name(), some));
        if none.is_empty() { any } else { any.or(Filter::new(Test::IsNull(self.name()))) }
    }

    fn compare(self, operator: &'static str, value: &T) -> Filter<E> {
        Filter::new(Test::Compare(self.name(), operator, value.to_value()))
    }
}

impl<E: Entity> Column<E, String> {
    /// The text begins with `prefix`, exactly. An index on the column serves it.
    pub fn starts_with(self, prefix: &str) -> Filter<E> {
        between(prefix, |operator, end| Test::Compare(self.name(), operator, end))
    }

    /// As [`starts_with`](Self::starts_with), but treats the letters A to Z and a to z as equal; É and é stay
    /// different. An index on `lower(column)` serves it, in the order of
    /// [`order_by_ignore_ascii_case`](crate::EntityQuery::order_by_ignore_ascii_case).
    pub fn starts_with_ignore_ascii_case(self, prefix: &str) -> Filter<E> {
        between(&prefix.to_ascii_lowercase(), |operator, end| Test::CompareLower(self.name(), operator, end))
    }
}

/// Texts from `prefix` to the last that begins with it. It is a range, because an index serves LIKE on one of the
/// databases only.
fn between<E>(prefix: &str, test: impl Fn(&'static str, Value) -> Test) -> Filter<E> {
    let from = test(">=", Value::Text(prefix.to_owned()));
    let Some(end) = after_all_with(prefix) else { return Filter::new(from) };
    Filter::new(Test::All(vec![from, test("<", Value::Text(end))]))
}

/// The smallest text that is greater than all that begin with `prefix`; `None` for an empty prefix.
fn after_all_with(prefix: &str) -> Option<String> {
    let mut letters: Vec<char> = prefix.chars().collect();
    while let Some(last) = letters.pop() {
        // The next letter in the order of UTF-8's bytes, which is that of the code points. Surrogates are skipped.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

impl<E: Entity, T: ColumnType> Column<E, Option<T>> {
    /// The column is NULL.
    pub fn is_null(self) -> Filter<E> {
        Filter::new(Test::IsNull(self.name()))
    }

    /// The column is not NULL.
    pub fn is_not_null(self) -> Filter<E> {
        Filter::new(Test::IsNotNull(self.name()))
    }
}

impl<E> Filter<E> {
    pub(super) fn new(test: Test) -> Self {
        Filter { test, entity: PhantomData }
    }

    /// Passes rows that pass this condition and `other`. A list takes its conditions one by one; this is for those that
    /// are given to [`or`](Self::or) or [`Association::any`](crate::Association::any).
    pub fn and(self, other: Filter<E>) -> Filter<E> {
        Filter::new(Test::All(vec![self.test, other.test]))
    }

    /// Passes rows that pass this condition or `other`. Conditions that must all hold are given one by one.
    pub fn or(self, other: Filter<E>) -> Filter<E> {
        Filter::new(Test::Either(Box::new(self.test), Box::new(other.test)))
    }

    /// The condition as SQL, for a page that continues after a row. Its values are added to `params`.
    pub(super) fn condition(
        &self,
        place: &TestedRow,
        behind: Option<&Behind>,
        params: &mut Vec<Value>,
    ) -> String {
        self.test.condition(place, behind, params)
    }
}

/// Distinguishes lists with different filters, without revealing the filters' values.
pub(crate) fn fingerprint<E>(filters: &[Filter<E>]) -> String {
    if filters.is_empty() {
        return String::new();
    }
    let mut digest = Sha256::new();
    for filter in filters {
        digest.update(format!("{:?};", filter.test));
    }
    digest.finalize()[..6].iter().fold(":".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
