//! Log lines as log records.

use std::time::Duration;

use tenfold_observe::logs::{ExportedLine, FieldValue};

use crate::attributes::{AttributeValue, OtlpResource, attribute, request};
use crate::message::OtlpMessage;
use crate::spans::nanos;

/// An `ExportLogsServiceRequest`.
pub(crate) fn encode(resource: &OtlpResource, lines: &[ExportedLine]) -> Vec<u8> {
    request(resource, |records| {
        for line in lines {
            records.message(2, |record| write(record, line));
        }
    })
}

fn write(record: &mut OtlpMessage, line: &ExportedLine) {
    let at = nanos(line.at, Duration::ZERO);
    record.fixed(1, at);
    // The lowest number of each level's range.
    let severity = match line.level.as_str() {
        "ERROR" => 17,
        "WARN" => 13,
        "INFO" => 9,
        "DEBUG" => 5,
        _ => 1,
    };
    record.number(2, severity);
    record.text(3, line.level.as_str());
    record.message(5, |body| body.text(1, &line.message));
    attribute(record, 6, "code.namespace", &*line.target);
    for (name, value) in &line.fields {
        field(record, name, value);
    }
    if let Some((trace, span)) = line.place {
        record.bytes(9, &trace.to_bytes());
        record.bytes(10, &span.to_bytes());
    }
    record.fixed(11, at);
}

fn field(record: &mut OtlpMessage, name: &str, value: &FieldValue) {
    // What has no place in 64 bits is a text.
    let (mut number, mut text) = (None, String::new());
    match value {
        FieldValue::Signed(value) => number = i64::try_from(*value).ok(),
        FieldValue::Unsigned(value) => number = i64::try_from(*value).ok(),
        _ => {}
    }
    let value = match value {
        FieldValue::Bool(flag) => AttributeValue::Flag(*flag),
        FieldValue::Float(number) => AttributeValue::Real(*number),
        FieldValue::Text(text) => AttributeValue::Text(text),
        FieldValue::Signed(value) => whole(number, value, &mut text),
        FieldValue::Unsigned(value) => whole(number, value, &mut text),
    };
    attribute(record, 6, name, value);
}

fn whole<'t>(number: Option<i64>, value: &impl ToString, text: &'t mut String) -> AttributeValue<'t> {
    match number {
        Some(number) => AttributeValue::Whole(number),
        None => {
            *text = value.to_string();
            AttributeValue::Text(text)
        }
    }
}
