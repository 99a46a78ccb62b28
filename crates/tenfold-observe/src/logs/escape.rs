//! Keeps a text from leaving its line or steering the terminal (log injection, CWE-117).

use std::fmt::Write;

/// Adds `text` to a JSON string, without the quotes around it.
pub(super) fn json(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Every invisible character lies in the basic plane: four digits are enough.
            _ if is_invisible(character) => put(out, format_args!("\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        }
    }
}

/// Adds `text` to a line for a person: invisible characters become Rust escapes.
pub(super) fn plain(out: &mut String, text: &str) {
    for character in text.chars() {
        if is_invisible(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
}

/// Adds a field's text to a line for a person: quoted where it would not read as one word.
pub(super) fn word(out: &mut String, text: &str) {
    let breaks = |c: char| c.is_whitespace() || is_invisible(c) || matches!(c, '"' | '=' | '\\');
    if !text.is_empty() && !text.contains(breaks) {
        return out.push_str(text);
    }
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            _ if is_invisible(character) => out.extend(character.escape_default()),
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// Adds formatted text; writing to a `String` never fails.
pub(super) fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// Control characters (C1 too: U+009B begins an escape sequence), line and paragraph separators, and
/// bidirectional marks, which make a line read differently from its content (CVE-2021-42574).
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
