//! The owned fields of an event or a span.

use std::error::Error;
use std::fmt::{self, Write};

use tracing::Event;
use tracing::field::{Field, Visit};

/// The maximum length of a text in bytes; a longer one is cut and ends with an ellipsis. A line has at
/// most 32 fields (a limit of `tracing`), so lines are bounded too.
const TEXT_BYTES: usize = 16 << 10;

/// A field's value. Numbers and booleans keep their type.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// True or false.
    Bool(bool),
    /// A number that may be negative.
    Signed(i128),
    /// A number that may not.
    Unsigned(u128),
    /// A number with a fraction.
    Float(f64),
    /// Anything else, cut at 16 KiB.
    Text(String),
}

/// Named values in the order of their first recording; a later value of the same name replaces the earlier one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LogFields(Vec<(&'static str, FieldValue)>);

/// A text that takes no more than [`TEXT_BYTES`].
struct Bounded(String);

/// An error followed by its sources, since a log line is where they are read.
struct WithSources<'a>(&'a (dyn Error + 'static));

/// The maximum length of an event's text in bytes where it is shown among others.
const SHORT_BYTES: usize = 500;

/// An event as one text: its message, and its other fields as `name=value`.
pub(crate) fn message_of(event: &Event<'_>) -> String {
    let mut fields = LogFields::default();
    event.record(&mut fields);
    let mut text = fields.take("message", |text| Some(text.to_owned())).unwrap_or_default();
    for (name, value) in fields.iter() {
        let value = match value {
            FieldValue::Bool(value) => value.to_string(),
            FieldValue::Signed(value) => value.to_string(),
            FieldValue::Unsigned(value) => value.to_string(),
            FieldValue::Float(value) => value.to_string(),
            FieldValue::Text(value) => value.clone(),
        };
        // Writing to a `String` never fails.
        let _ = write!(text, " {name}={value}");
    }
    text.truncate(text.floor_char_boundary(SHORT_BYTES));
    text
}

impl LogFields {
    /// Adds or replaces a value.
    pub(super) fn set(&mut self, name: &'static str, value: FieldValue) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Removes and returns the text of that name, if `read` can parse it.
    pub(super) fn take<T>(&mut self, name: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let place = self.0.iter().position(|(known, _)| *known == name)?;
        let FieldValue::Text(text) = &self.0[place].1 else { return None };
        let read = read(text)?;
        self.0.remove(place);
        Some(read)
    }

    /// Takes over all values of `newer`.
    pub(super) fn merge(&mut self, newer: Self) {
        for (name, value) in newer.0 {
            self.set(name, value);
        }
    }

    /// The values with their names; a raw identifier (`r#type`) without its mark.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &FieldValue)> {
        self.0.iter().map(|(name, value)| (name.strip_prefix("r#").unwrap_or(name), value))
    }

    fn set_text(&mut self, field: &Field, text: fmt::Arguments<'_>) {
        let mut bounded = Bounded(String::new());
        if bounded.write_fmt(text).is_err() {
            bounded.0.push('…');
        }
        self.set(field.name(), FieldValue::Text(bounded.0));
    }
}

impl Visit for LogFields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), FieldValue::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), FieldValue::Signed(value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), FieldValue::Unsigned(value.into()));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.set(field.name(), FieldValue::Signed(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.set(field.name(), FieldValue::Unsigned(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), FieldValue::Float(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set_text(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set_text(field, format_args!("{}", WithSources(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set_text(field, format_args!("{value:?}"));
    }
}

impl fmt::Display for WithSources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl Write for Bounded {
    /// Writes what fits and then fails, so that a huge value stops being formatted.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = text.floor_char_boundary(TEXT_BYTES - self.0.len().min(TEXT_BYTES));
        self.0.push_str(&text[..fits]);
        if fits == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}
