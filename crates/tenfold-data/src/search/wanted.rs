//! What a person types into a search field. Every text is legal, and how much of it counts is bounded.

use uuid::Uuid;

use crate::words::{folded, salt, words};

/// The most characters of a text that are read, and the most words that are looked for.
const CHARACTERS: usize = 500;
const WORDS: usize = 16;

/// The words that a text asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct WantedWords {
    all: Vec<Phrase>,
    none: Vec<Phrase>,
}

/// Words next to each other; often just one.
#[derive(Debug, PartialEq, Eq)]
struct Phrase {
    words: Vec<String>,
    /// Whether the last word is only the beginning of one.
    is_begun: bool,
}

impl WantedWords {
    /// Reads a text: words that must all occur, `"words next to each other"`, and `-words` that must not. The last word
    /// is a beginning if the text ends with it, because a person may still be typing. A word with signs inside, such as
    /// an address, is the words between them next to each other.
    pub(crate) fn of(text: &str) -> Self {
        let text: String = text.chars().take(CHARACTERS).collect();
        let (mut wanted, mut left) = (WantedWords::default(), WORDS);
        let mut rest = text.trim_start();
        while !rest.is_empty() && left > 0 {
            let (is_refused, part) = match rest.strip_prefix('-') {
                Some(part) if !part.starts_with(char::is_whitespace) => (true, part),
                _ => (false, rest),
            };
            let (part, is_quoted, behind) = next(part);
            let words: Vec<String> = words(&folded(part)).take(left).map(str::to_owned).collect();
            left -= words.len();
            let is_last = behind.is_empty() && part.ends_with(char::is_alphanumeric);
            if !words.is_empty() {
                let is_begun = is_last && !is_quoted && !is_refused;
                let list = if is_refused { &mut wanted.none } else { &mut wanted.all };
                list.push(Phrase { words, is_begun });
            }
            rest = behind.trim_start();
        }
        wanted
    }

    /// Whether it asks for nothing at all. Nothing is found by it.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.none.is_empty()
    }

    /// For FTS5: `("o1a" + "o1b" AND "o1c" *) NOT ("o1d")`. Words hold letters and digits only, and are quoted.
    pub(crate) fn fts5(&self, organization: Uuid) -> String {
        let salt = salt(organization);
        let phrase = |phrase: &Phrase| {
            let words: Vec<_> = phrase.words.iter().map(|word| format!("\"{salt}{word}\"")).collect();
            words.join(" + ") + if phrase.is_begun { " *" } else { "" }
        };
        let all =
            if self.all.is_empty() { format!("\"{salt}\"") } else { joined(&self.all, phrase, " AND ") };
        match self.none.is_empty() {
            true => all,
            false => format!("({all}) NOT ({})", joined(&self.none, phrase, " OR ")),
        }
    }

    /// For `to_tsquery`: `'o1a' <-> 'o1b' & 'o1c':* & !('o1d')`.
    pub(crate) fn tsquery(&self, organization: Uuid) -> String {
        let salt = salt(organization);
        let phrase = |phrase: &Phrase| {
            let words: Vec<_> = phrase.words.iter().map(|word| format!("'{salt}{word}'")).collect();
            format!("({}{})", words.join(" <-> "), if phrase.is_begun { ":*" } else { "" })
        };
        let all = if self.all.is_empty() { format!("'{salt}'") } else { joined(&self.all, phrase, " & ") };
        match self.none.is_empty() {
            true => all,
            false => format!("{all} & !({})", joined(&self.none, phrase, " | ")),
        }
    }
}

fn joined(phrases: &[Phrase], text: impl Fn(&Phrase) -> String, by: &str) -> String {
    phrases.iter().map(text).collect::<Vec<_>>().join(by)
}

/// The next part of a text, whether it is in quotes, and what is behind it. A quote that does not end goes on to the end.
fn next(text: &str) -> (&str, bool, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        let (part, behind) = quoted.split_once('"').unwrap_or((quoted, ""));
        return (part, true, behind);
    }
    let end = text.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(text.len());
    let (part, behind) = text.split_at(end);
    (part, false, behind)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{CHARACTERS, WORDS, WantedWords};

    fn shown(text: &str) -> String {
        let wanted = WantedWords::of(text);
        if wanted.is_empty() {
            return String::new();
        }
        wanted.fts5(Uuid::nil()).replace(&format!("o{}", Uuid::nil().simple()), "o")
    }

    #[test]
    fn every_text_is_read() {
        for (text, query) in [
            ("write it", r#""owrite" AND "oit" *"#),
            ("write it ", r#""owrite" AND "oit""#),
            ("Écrire", r#""oecrire" *"#),
            (r#""write it" up"#, r#""owrite" + "oit" AND "oup" *"#),
            (r#""write it"#, r#""owrite" + "oit""#),
            ("up -down", r#"("oup") NOT ("odown")"#),
            (r#"-down -"not this""#, r#"("o") NOT ("odown" OR "onot" + "othis")"#),
            ("ada@example.org", r#""oada" + "oexample" + "oorg" *"#),
            ("a - b", r#""oa" AND "ob" *"#),
            ("foo*", r#""ofoo""#),
            ("NEAR(a b) OR {x}: ^c", r#""onear" + "oa" AND "ob" AND "oor" AND "ox" AND "oc" *"#),
            ("日本", "\"o日本\" *"),
            ("", ""),
            (" \t\n", ""),
            ("\"\" - -- ''!?:*()&|<->", ""),
            ("\u{0}a\u{0}", "\"oa\""),
        ] {
            assert_eq!(shown(text), query, "{text:?}");
        }
    }

    #[test]
    fn what_is_looked_for_is_bounded() {
        let many = WantedWords::of(&"a ".repeat(10_000));
        assert_eq!(many.all.len(), WORDS);
        let phrase = WantedWords::of(&format!("\"{}\"", "a ".repeat(10_000)));
        assert_eq!(phrase.all[0].words.len(), WORDS);
        let long = WantedWords::of(&"x".repeat(1_000_000));
        assert!(long.all[0].words[0].len() < CHARACTERS);
        assert!(WantedWords::of(&"\"".repeat(10_000)).is_empty());
    }

    #[test]
    fn no_text_leaves_its_quotes() {
        for text in ["'", "\"", "\\", "a'b", "a\\b", "a\"b", "';--", ")", ":*", "!a", "a:b"] {
            let wanted = WantedWords::of(text);
            if wanted.is_empty() {
                continue;
            }
            let query = wanted.tsquery(Uuid::nil());
            let inside = query.split('\'').skip(1).step_by(2);
            assert!(inside.into_iter().all(|word| word.chars().all(char::is_alphanumeric)), "{query}");
            assert_eq!(query.matches('\'').count() % 2, 0);
        }
    }
}
