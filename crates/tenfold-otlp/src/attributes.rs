//! Attributes, and what all three signals have around their records.

use crate::message::OtlpMessage;

/// The value of an attribute.
pub(crate) enum AttributeValue<'v> {
    Text(&'v str),
    Flag(bool),
    Whole(i64),
    Real(f64),
}

impl AttributeValue<'_> {
    /// Writes an `AnyValue`.
    pub(crate) fn write(&self, message: &mut OtlpMessage) {
        match self {
            AttributeValue::Text(text) => message.text(1, text),
            AttributeValue::Flag(flag) => message.number(2, u64::from(*flag)),
            AttributeValue::Whole(number) => message.number(3, number.cast_unsigned()),
            AttributeValue::Real(number) => message.double(4, *number),
        }
    }
}

impl<'v> From<&'v str> for AttributeValue<'v> {
    fn from(text: &'v str) -> Self {
        AttributeValue::Text(text)
    }
}

impl From<i64> for AttributeValue<'_> {
    fn from(number: i64) -> Self {
        AttributeValue::Whole(number)
    }
}

/// Writes a `KeyValue` into `field`.
pub(crate) fn attribute<'v>(
    message: &mut OtlpMessage,
    field: u32,
    key: &str,
    value: impl Into<AttributeValue<'v>>,
) {
    message.message(field, |pair| {
        pair.text(1, key);
        pair.message(2, |any| value.into().write(any));
    });
}

/// The process that all records come from: `service.name` and the like.
pub(crate) type OtlpResource = Vec<(String, String)>;

/// Writes a request of any signal: its resource, its scope, and the records by `build`, which writes each into field 2.
pub(crate) fn request(resource: &OtlpResource, build: impl FnOnce(&mut OtlpMessage)) -> Vec<u8> {
    let mut message = OtlpMessage::default();
    message.message(1, |of_resource| {
        of_resource.message(1, |message| {
            for (key, value) in resource {
                attribute(message, 1, key, &**value);
            }
        });
        of_resource.message(2, |of_scope| {
            of_scope.message(1, |scope| {
                scope.text(1, "tenfold");
                scope.text(2, env!("CARGO_PKG_VERSION"));
            });
            build(of_scope);
        });
    });
    message.into_bytes()
}
