//! Names of TypeScript: how they are spelled, and that no two are the same.

use std::collections::BTreeSet;

/// Types of the language and of the runtime that a schema must not hide.
const TAKEN: &[&str] = &[
    "AbortController",
    "AbortSignal",
    "Answer",
    "Array",
    "ArrayBuffer",
    "AsyncGenerator",
    "AsyncIterable",
    "Blob",
    "Bytes",
    "Call",
    "CallOptions",
    "Client",
    "ClientOptions",
    "Connection",
    "ConnectionError",
    "ConstructorParameters",
    "Date",
    "Error",
    "EventKind",
    "EventReader",
    "EventStream",
    "FormData",
    "Generator",
    "Headers",
    "Id",
    "JSON",
    "Live",
    "Math",
    "NoArgs",
    "NonNullable",
    "Number",
    "Object",
    "PageOf",
    "Pages",
    "Partial",
    "Pick",
    "Plan",
    "ProblemError",
    "Progress",
    "Promise",
    "PromiseLike",
    "Query",
    "ReadableStream",
    "ReadableStreamDefaultController",
    "Record",
    "RequestInit",
    "Response",
    "Result",
    "ReturnType",
    "Scalar",
    "Send",
    "StreamOptions",
    "String",
    "Symbol",
    "TextDecoder",
    "TextStorage",
    "Timer",
    "TokenStore",
    "TypeError",
    "URLSearchParams",
    "Uint8Array",
    "UploadOptions",
    "UploadRequest",
    "UploadTransport",
    "any",
    "bigint",
    "boolean",
    "globalThis",
    "never",
    "null",
    "number",
    "object",
    "string",
    "symbol",
    "undefined",
    "unknown",
    "void",
];

/// Names that are given once each.
pub(crate) struct Names {
    /// Those that mean something else here.
    taken: &'static [&'static str],
    given: BTreeSet<String>,
}

impl Names {
    /// Names of types.
    pub(crate) fn of_types() -> Self {
        Names { taken: TAKEN, given: BTreeSet::new() }
    }

    /// Names of operations. An object with a `then` is taken for a promise.
    pub(crate) fn of_operations() -> Self {
        Names { taken: &["then", "constructor", "__proto__"], given: BTreeSet::new() }
    }

    /// This name, or the first of `name2`, `name3`… that is free.
    pub(crate) fn give(&mut self, name: &str) -> String {
        let numbered = (2_u32..).map(|number| format!("{name}{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        let is_free = |name: &String| !self.given.contains(name) && !self.taken.contains(&name.as_str());
        let free = names.find(is_free).unwrap_or_default();
        self.given.insert(free.clone());
        free
    }
}

/// `list_users` and `List-Users` as `listUsers`.
pub(crate) fn camel(name: &str) -> String {
    let pascal = pascal(name);
    // The first word is in small letters: `ID` gives `id`, `ETag` gives `etag`, `listUsers` stays.
    let capitals = pascal.chars().take_while(char::is_ascii_uppercase).count();
    let lowered = if capitals > 1 && capitals < pascal.len() { capitals - 1 } else { capitals };
    let (head, tail) = pascal.split_at(lowered);
    format!("{}{tail}", head.to_ascii_lowercase())
}

/// `Listing_UserView` as `ListingUserView`.
pub(crate) fn pascal(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut pascal: String = words.map(capital).collect();
    if pascal.is_empty() || pascal.starts_with(|letter: char| letter.is_numeric()) {
        pascal.insert(0, '_');
    }
    pascal
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str())
}

/// The name of a property: quoted where it has to be.
pub(crate) fn key(name: &str) -> String {
    if is_identifier(name) && name != "__proto__" { name.to_owned() } else { literal(name) }
}

/// A property of a value.
pub(crate) fn access(value: &str, name: &str) -> String {
    if is_identifier(name) { format!("{value}.{name}") } else { format!("{value}[{}]", literal(name)) }
}

fn is_identifier(name: &str) -> bool {
    !name.starts_with(|letter: char| letter.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '$')
}

/// A string of TypeScript: one of JSON is one.
pub(crate) fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A comment for editors; nothing without a text. `indent` stands before each line.
pub(crate) fn comment(text: &str, indent: &str) -> String {
    let width = WIDTH - indent.len();
    let lines = joined(&text.trim().replace("*/", "*\\/"));
    let lines: Vec<String> = lines.iter().flat_map(|line| wrapped(line, width - 3)).collect();
    match lines.as_slice() {
        [] => String::new(),
        [line] if line.chars().count() + 7 <= width => format!("{indent}/** {line} */\n"),
        lines => {
            let lines: String =
                lines.iter().map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n").collect();
            format!("{indent}/**\n{lines}{indent} */\n")
        }
    }
}

/// The most letters of a line of a comment.
const WIDTH: usize = 118;

/// Paragraphs as one line each; lists, tables and code as they are.
fn joined(text: &str) -> Vec<String> {
    let (mut lines, mut is_open, mut is_code): (Vec<String>, _, _) = (Vec::new(), false, false);
    for line in text.lines().map(str::trim_end) {
        let is_fence = line.trim_start().starts_with("```");
        let is_own =
            line.is_empty() || line.starts_with(['-', '*', '|', '#', '@', ' ', '>']) || is_fence || is_code;
        match lines.last_mut() {
            Some(last) if is_open && !is_own => *last += &format!(" {line}"),
            _ => lines.push(line.to_owned()),
        }
        is_code ^= is_fence;
        is_open = !is_own;
    }
    lines
}

/// A line in pieces of at most so many letters, cut between words.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    if line.starts_with([' ', '|']) {
        return vec![line.to_owned()];
    }
    let mut pieces: Vec<String> = Vec::new();
    for word in line.split(' ') {
        match pieces.last_mut() {
            Some(last) if last.chars().count() + 1 + word.chars().count() <= width => {
                *last += &format!(" {word}")
            }
            _ => pieces.push(word.to_owned()),
        }
    }
    pieces
}
