//! How long an answer may be: an agent reads all of it, and its context is small.

use serde_json::{Value, json};

/// The most bytes of the rows of an answer, as JSON: some 5,000 tokens.
const MOST_BYTES: usize = 16 * 1024;
/// The longest text of one field in a list, in characters.
pub(super) const TEXT: usize = 300;
/// The longest text of one field in an answer about one thing.
pub(super) const LONG_TEXT: usize = 2_000;

/// Adds `rows` to an answer under this name: the first `most` of them, as far as they have room. If some are left out, the answer says how
/// many, and how to see them.
pub(super) fn add_rows(
    answer: &mut Value,
    name: &str,
    rows: impl IntoIterator<Item = Value>,
    most: usize,
    hint: &str,
) {
    let (mut shown, mut bytes, mut left_out) = (Vec::new(), 0, 0_u64);
    for row in rows {
        let length = row.to_string().len();
        // The first row is shown whatever its length, which its own bounds limit.
        let has_room = shown.is_empty() || bytes + length <= MOST_BYTES;
        if left_out > 0 || shown.len() >= most || !has_room {
            left_out += 1;
            continue;
        }
        bytes += length;
        shown.push(row);
    }
    answer[name] = Value::Array(shown);
    if left_out > 0 {
        answer[format!("{name}_left_out")] = json!({"count": left_out, "hint": hint});
    }
}

/// The text, cut after so many characters, with a note of how many are missing.
pub(super) fn cut(text: &str, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else { return text.to_owned() };
    format!("{}… ({} characters more)", &text[..end], text[end..].chars().count())
}

/// A value whose JSON is too long, as the beginning of its text.
pub(super) fn cut_json(value: &Value, most: usize) -> Value {
    let text = value.to_string();
    if text.len() <= most { value.clone() } else { json!(cut(&text, most)) }
}
