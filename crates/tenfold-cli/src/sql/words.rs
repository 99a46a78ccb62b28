//! Tables from the words of a text: definitions, which the syntax tree keeps in many forms, and everything
//! in a migration that no parser accepts.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::table_name::{Naming, TableName};

/// The tables that definitions name: after `TABLE`, `VIEW`, `REFERENCES`, `INHERITS (`, `COPY`, and after the
/// `ON` of an index, a trigger, a policy.
pub fn defined(tokens: &[TokenWithSpan]) -> Vec<TableName> {
    SqlTokens::new(tokens).collect(WordScan::Definitions)
}

/// [`defined`] and the names after `FROM`, `JOIN`, `INTO` and `UPDATE`, without common table expressions.
pub fn all(tokens: &[TokenWithSpan]) -> Vec<TableName> {
    let words = SqlTokens::new(tokens);
    let common = words.common_tables();
    let mut found = words.collect(WordScan::Everything);
    found.retain(|table| table.schema.is_some() || !common.contains(&table.name));
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WordScan {
    Definitions,
    Everything,
}

/// The tokens without spaces and comments.
struct SqlTokens<'a> {
    tokens: Vec<&'a TokenWithSpan>,
}

impl<'a> SqlTokens<'a> {
    fn new(tokens: &'a [TokenWithSpan]) -> Self {
        let is_code = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_) | Token::EOF);
        Self { tokens: tokens.iter().filter(is_code).collect() }
    }

    fn collect(&self, scan: WordScan) -> Vec<TableName> {
        let mut found = Vec::new();
        let mut start = 0;
        let mut on_is_taken = false;
        for at in 0..self.tokens.len() {
            if self.tokens[at].token == Token::SemiColon {
                start = at + 1;
                on_is_taken = false;
            }
            match self.keyword(at).as_str() {
                "REFERENCES" => found.extend(self.name_at(at + 1, Naming::References)),
                "TABLE" | "VIEW" => found.extend(self.name_at(at + 1, Naming::Uses)),
                "INHERITS" => found.extend(self.name_at(at + 2, Naming::Uses)),
                "COPY" if at == start => found.extend(self.name_at(at + 1, Naming::Uses)),
                "ON" if !on_is_taken && self.defines_on(start) => {
                    on_is_taken = true;
                    found.extend(self.name_at(at + 1, Naming::Uses));
                }
                "FROM" if scan == WordScan::Everything && !self.is_preceded(at, &["DISTINCT"]) => {
                    self.list_after(at, &mut found);
                }
                "JOIN" | "INTO" if scan == WordScan::Everything => {
                    found.extend(self.name_at(at + 1, Naming::Uses));
                }
                "UPDATE" if scan == WordScan::Everything && self.is_write(at) => {
                    found.extend(self.name_at(at + 1, Naming::Uses));
                }
                _ => {}
            }
        }
        found
    }

    /// The word at `at` in upper case; empty for anything else, including a quoted name.
    fn keyword(&self, at: usize) -> String {
        match self.tokens.get(at).map(|token| &token.token) {
            Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_ascii_uppercase(),
            _ => String::new(),
        }
    }

    fn is_preceded(&self, at: usize, words: &[&str]) -> bool {
        at > 0 && words.contains(&self.keyword(at - 1).as_str())
    }

    /// `UPDATE x SET`, but not `ON UPDATE`, `FOR UPDATE`, `DO UPDATE SET` or `AFTER UPDATE OF`.
    fn is_write(&self, at: usize) -> bool {
        !self.is_preceded(at, &["ON", "FOR", "DO", "AFTER", "BEFORE", "OF", "OR", "KEY", "INSTEAD"])
    }

    /// Whether the statement that begins at `start` names a table after its first `ON`.
    fn defines_on(&self, start: usize) -> bool {
        matches!(self.keyword(start).as_str(), "CREATE" | "DROP" | "ALTER")
            && (start + 1..start + 6)
                .map(|at| self.keyword(at))
                .take_while(|word| !word.is_empty() && word != "TABLE")
                .any(|word| matches!(word.as_str(), "INDEX" | "TRIGGER" | "POLICY" | "RULE" | "STATISTICS"))
    }

    /// `FROM a, b AS c`: every name of the list that is not a query or a function.
    fn list_after(&self, from: usize, found: &mut Vec<TableName>) {
        let mut at = from + 1;
        loop {
            let next = self.after_name(at);
            if next == at || self.is(next, &Token::LParen) {
                return;
            }
            found.extend(self.name_at(at, Naming::Uses));
            let alias = next + usize::from(self.keyword(next) == "AS");
            let comma = if self.is(alias, &Token::Comma) { alias } else { alias + 1 };
            if !self.is(comma, &Token::Comma) {
                return;
            }
            at = comma + 1;
        }
    }

    fn is(&self, at: usize, token: &Token) -> bool {
        self.tokens.get(at).is_some_and(|found| found.token == *token)
    }

    /// The first token after words such as `IF NOT EXISTS` and `ONLY`.
    fn skip_modifiers(&self, mut at: usize) -> usize {
        while matches!(
            self.keyword(at).as_str(),
            "IF" | "NOT" | "EXISTS" | "ONLY" | "LATERAL" | "CONCURRENTLY"
        ) {
            at += 1;
        }
        at
    }

    /// The position after the dotted name at `at`, or `at` when there is none.
    fn after_name(&self, at: usize) -> usize {
        let mut end = self.skip_modifiers(at);
        if !self.is_word(end) {
            return at;
        }
        end += 1;
        while self.is(end, &Token::Period) && self.is_word(end + 1) {
            end += 2;
        }
        end
    }

    fn is_word(&self, at: usize) -> bool {
        matches!(self.tokens.get(at).map(|token| &token.token), Some(Token::Word(_)))
    }

    fn name_at(&self, at: usize, naming: Naming) -> Option<TableName> {
        // `RETURNS TABLE (…)`, `GRANT REFERENCES ON`, `DROP VIEW` of a list: only a name is a table.
        const NO_NAMES: [&str; 5] = ["ON", "SET", "SELECT", "TO", "VALUES"];
        let (first, end) = (self.skip_modifiers(at), self.after_name(at));
        if end == at || NO_NAMES.contains(&self.keyword(first).as_str()) {
            return None;
        }
        let mut parts = (first..end).rev().step_by(2).filter_map(|at| self.word(at));
        let (name, line) = parts.next()?;
        Some(TableName { line, schema: parts.next().map(|(schema, _)| schema), name, naming })
    }

    /// The word at `at` in lower case, and its line.
    fn word(&self, at: usize) -> Option<(String, usize)> {
        let token = self.tokens.get(at)?;
        let Token::Word(word) = &token.token else { return None };
        Some((word.value.to_lowercase(), usize::try_from(token.span.start.line).unwrap_or(1).max(1)))
    }

    /// Every `x` in `x AS (` and `x AS MATERIALIZED (`.
    fn common_tables(&self) -> Vec<String> {
        let is_open = |at: usize| {
            let skipped = (at..at + 2)
                .take_while(|at| matches!(self.keyword(*at).as_str(), "NOT" | "MATERIALIZED"))
                .count();
            self.is(at + skipped, &Token::LParen)
        };
        (0..self.tokens.len())
            .filter(|at| self.keyword(at + 1) == "AS" && is_open(at + 2))
            .filter_map(|at| self.word(at).map(|(name, _)| name))
            .collect()
    }
}
