//! A migration's statements as words: enough to see what PostgreSQL will lock.

mod definition;

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};

pub use self::definition::Change;

/// The beginning of a comment that says why a statement may lock.
const TOLERATED: &str = "tenfold: locks, because";

/// The beginning of a comment that says why a table with `org_id` has no entity.
const NO_ENTITY: &str = "tenfold: no entity, because";

/// A statement, or one action of ALTER TABLE.
#[derive(Debug, Default)]
pub struct MigrationStatement {
    /// The line of its first word.
    pub line: usize,
    /// The table of the statement, in lower case; empty when there is none.
    pub table: String,
    /// The reason in a comment that says why it may lock.
    pub tolerated: Option<String>,
    /// Whether a comment says why a table that it creates has no entity.
    pub says_no_entity: bool,
    /// Words in upper case; anything else as it is.
    words: Vec<String>,
}

/// The statements of a text; another rule reports a text that cannot even be split into words.
pub fn statements(text: &str) -> Vec<MigrationStatement> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize_with_location().unwrap_or_default();
    let mut all = vec![MigrationStatement::default()];
    for token in &tokens {
        if token.token == Token::SemiColon {
            all.push(MigrationStatement::default());
        } else if let Some(statement) = all.last_mut() {
            statement.take(token);
        }
    }
    all.retain(|statement| !statement.words.is_empty());
    for statement in &mut all {
        statement.table = statement.find_table().unwrap_or_default();
    }
    all
}

impl MigrationStatement {
    fn take(&mut self, token: &TokenWithSpan) {
        match &token.token {
            Token::Whitespace(Whitespace::SingleLineComment { comment, .. }) => {
                if let Some(reason) = comment.trim().strip_prefix(TOLERATED) {
                    self.tolerated = Some(reason.trim().to_owned());
                }
                let reason = comment.trim().strip_prefix(NO_ENTITY);
                self.says_no_entity |= reason.is_some_and(|reason| !reason.trim().is_empty());
            }
            Token::Whitespace(_) | Token::EOF => {}
            other => {
                if self.words.is_empty() {
                    self.line = usize::try_from(token.span.start.line).unwrap_or(1).max(1);
                }
                self.words.push(match other {
                    Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_uppercase(),
                    Token::Word(word) => format!("\"{}\"", word.value),
                    other => other.to_string(),
                });
            }
        }
    }

    /// Whether it begins with these words.
    pub fn begins(&self, words: &[&str]) -> bool {
        self.words.iter().map(String::as_str).take(words.len()).eq(words.iter().copied())
    }

    /// Whether it contains these words, one after the other.
    pub fn has(&self, words: &[&str]) -> bool {
        self.words
            .windows(words.len())
            .any(|window| window.iter().map(String::as_str).eq(words.iter().copied()))
    }

    /// Whether it creates an index.
    pub fn is_index(&self) -> bool {
        self.begins(&["CREATE", "INDEX"]) || self.begins(&["CREATE", "UNIQUE", "INDEX"])
    }

    /// Whether a default calls a function that does not return the same value for all rows; `now()` does.
    pub fn has_volatile_default(&self) -> bool {
        let Some(at) = self.words.iter().position(|word| word == "DEFAULT") else { return false };
        let is_name = |word: &String| word.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let calls = self.words[at..].windows(2).filter(|pair| is_name(&pair[0]) && pair[1] == "(");
        calls.into_iter().any(|call| !["NOW", "TRANSACTION_TIMESTAMP", "CHECK"].contains(&call[0].as_str()))
    }

    /// The actions of ALTER TABLE, which commas separate.
    pub fn actions(&self) -> Vec<MigrationStatement> {
        let skipped = ["ALTER", "TABLE", "IF", "EXISTS", "ONLY"];
        let name = self.words.iter().position(|word| !skipped.contains(&word.as_str())).unwrap_or(0);
        let mut rest = &self.words[(name + 1).min(self.words.len())..];
        while rest.first().is_some_and(|word| word == "." || word == "*") {
            rest = &rest[if rest[0] == "." { 2 } else { 1 }.min(rest.len())..];
        }
        let mut actions = vec![MigrationStatement::default()];
        let mut depth = 0_usize;
        for word in rest {
            match word.as_str() {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                "," if depth == 0 => {
                    actions.push(MigrationStatement::default());
                    continue;
                }
                _ => {}
            }
            if let Some(action) = actions.last_mut() {
                action.words.push(word.clone());
            }
        }
        actions
    }

    /// The name after `TABLE`, or after the `ON` of an index.
    fn find_table(&self) -> Option<String> {
        let verb = match self.words.first()?.as_str() {
            "CREATE" | "ALTER" | "DROP" if self.words.iter().take(4).any(|word| word == "TABLE") => "TABLE",
            "CREATE" if self.is_index() => "ON",
            "TRUNCATE" | "LOCK" | "CLUSTER" | "REINDEX" | "VACUUM" => &self.words[0],
            _ => return None,
        };
        const SKIPPED: [&str; 6] = ["IF", "NOT", "EXISTS", "ONLY", "TABLE", "FULL"];
        let behind = self.words.iter().skip_while(|word| *word != verb).skip(1);
        let mut name: Vec<_> = behind.skip_while(|word| SKIPPED.contains(&word.as_str())).collect();
        while name.get(1).is_some_and(|dot| *dot == ".") {
            name.drain(..2);
        }
        Some(name.first()?.trim_matches('"').to_lowercase())
    }
}
