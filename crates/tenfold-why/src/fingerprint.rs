//! Errors that differ only in numbers, ids and quoted values are the same error.

/// How long a fingerprint is at most, in characters.
const LONGEST: usize = 120;

/// The text of an error without what differs from one occurrence to the next: words with a digit become `#`, and
/// quoted values `"…"`.
pub fn fingerprint(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut out = String::with_capacity(line.len().min(LONGEST));
    for (index, piece) in line.split(['"', '`']).enumerate() {
        // Odd pieces are inside quotes.
        if index % 2 == 1 {
            out.push_str("\"…\"");
            continue;
        }
        for word in piece.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_')) {
            let end = word.trim_end_matches(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'));
            let rest = &word[end.len()..];
            out.push_str(if end.contains(|c: char| c.is_ascii_digit()) { "#" } else { end });
            out.push_str(rest);
        }
    }
    out.chars().take(LONGEST).collect()
}
