//! Syntax that sqlparser does not support yet, removed from the tokens beforehand.

use sqlparser::tokenizer::{Token, TokenWithSpan};

/// `tokens` without the predicate in `ON CONFLICT (…) WHERE … DO`, which selects a partial index for an
/// upsert. An index's predicate contains no query, so no table is lost.
pub fn without_conflict_predicates(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut kept: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut state = UpsertState::Outside;
    for token in tokens {
        state = state.after(&token.token);
        if state != UpsertState::Predicate {
            kept.push(token);
        }
    }
    kept
}

/// The position of a token in an upsert.
#[derive(Clone, Copy, PartialEq, Eq)]
enum UpsertState {
    Outside,
    /// After `CONFLICT`, with the number of open brackets.
    Columns(usize),
    /// From `WHERE` on, until `DO`.
    Predicate,
}

impl UpsertState {
    fn after(self, token: &Token) -> Self {
        let is = |keyword: &str| match token {
            Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword),
            _ => false,
        };
        match (self, token) {
            (Self::Outside, _) if is("CONFLICT") => Self::Columns(0),
            (Self::Columns(0), _) if is("WHERE") => Self::Predicate,
            (Self::Columns(_) | Self::Predicate, _) if is("DO") => Self::Outside,
            (_, Token::SemiColon) => Self::Outside,
            (Self::Columns(open), Token::LParen) => Self::Columns(open + 1),
            (Self::Columns(open), Token::RParen) => Self::Columns(open.saturating_sub(1)),
            (state, _) => state,
        }
    }
}
