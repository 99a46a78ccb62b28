//! Parts of a file: `Range` with one range of bytes (RFC 9110, section 14).

/// The part of a file that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteRange {
    /// All of it.
    Whole,
    /// From the first to the last byte, both counted from 0 and included.
    Part { first: u64, last: u64 },
    /// Nothing: the range begins after the end.
    Beyond,
}

/// What a `Range` header requests of a file of `size` bytes. Several ranges, other units and malformed values are
/// ignored, as the RFC allows.
pub(crate) fn span(range: &str, size: u64) -> ByteRange {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'))
    else {
        return ByteRange::Whole;
    };
    let number = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number too long to parse is larger than any file.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (first, last) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last),
        (Some(first), None) if last.is_empty() => (first, u64::MAX),
        (None, Some(0)) if first.is_empty() => return ByteRange::Beyond,
        (None, Some(length)) if first.is_empty() => (size.saturating_sub(length), u64::MAX),
        _ => return ByteRange::Whole,
    };
    if first >= size { ByteRange::Beyond } else { ByteRange::Part { first, last: last.min(size - 1) } }
}
