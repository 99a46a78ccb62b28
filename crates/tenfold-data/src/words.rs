//! The words of a text, as they are indexed: without case and accents.

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use uuid::Uuid;

/// The first characters of a text, which are searched.
const SEARCHED: usize = 50_000;

/// The first characters of a word, which tell it from others.
const WORD: usize = 64;

/// A text without case and accents: `É` and `e` are the same, and so are `ﬁ` and `fi`. PostgreSQL has `tenfold_fold`
/// for this.
pub(crate) fn folded(text: &str) -> String {
    let plain = text.nfkd().filter(|c| !is_combining_mark(*c));
    // At the end of a word sigma has another form.
    plain.flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

/// The words of a folded text: runs of letters and digits of any script.
pub(crate) fn words(folded: &str) -> impl Iterator<Item = &str> {
    let words = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word.char_indices().nth(WORD).map_or(word, |(end, _)| &word[..end]))
}

/// What each word of an organization begins with. It is a word of each of its rows by itself.
pub(crate) fn salt(organization: Uuid) -> String {
    format!("o{}", organization.simple())
}

/// Adds the function `tenfold_words(organization, text, …)` to a connection. The triggers of search indexes call it;
/// PostgreSQL has a function of the same name.
pub(crate) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("tenfold_words", -1, flags, |context| indexed(context))
}

/// `o0192… o0192…write o0192…it`: what the index of SQLite gets. The organization's own word stands before each text,
/// so that no phrase reaches from one into the next.
fn indexed(context: &Context<'_>) -> rusqlite::Result<String> {
    let salt = salt(Uuid::from_slice(context.get_raw(0).as_blob()?).unwrap_or_default());
    let mut out = String::new();
    for argument in 1..context.len() {
        out.push_str(&salt);
        if let ValueRef::Text(text) = context.get_raw(argument) {
            let text: String = String::from_utf8_lossy(text).chars().take(SEARCHED).collect();
            for word in words(&folded(&text)) {
                out.extend([" ", &salt, word]);
            }
        }
        out.push(' ');
    }
    Ok(out)
}
