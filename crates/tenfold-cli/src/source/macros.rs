//! The content of macros and attributes, where `syn` sees only tokens.

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Block, Expr, LitStr, Meta, Stmt, Token};

/// A string literal in the source.
#[derive(Debug, Clone)]
pub struct Literal {
    /// Its value, escapes resolved.
    pub value: String,
    /// Line of its first character, from 1.
    pub line: usize,
    /// Whether line breaks of the value are line breaks of the source: then lines within it can be counted.
    pub keeps_lines: bool,
}

/// One `sql!(…)`.
#[derive(Debug, Clone)]
pub struct SqlMacro {
    /// Every string literal between its brackets, in order.
    pub literals: Vec<Literal>,
    /// Line of the macro, from 1.
    pub line: usize,
}

/// How the tokens between a macro's brackets can be read.
pub enum MacroBody {
    /// Arguments, as of `vec!`, `format!`, `assert_eq!`.
    Expressions(Punctuated<Expr, Token![,]>),
    /// Statements, as of `select!`-like blocks.
    Statements(Vec<Stmt>),
    /// Not Rust.
    Tokens,
}

/// Parses the content of an unknown macro as Rust where that is possible.
pub fn inside(tokens: &TokenStream) -> MacroBody {
    if let Ok(expressions) = Punctuated::parse_terminated.parse2(tokens.clone()) {
        return MacroBody::Expressions(expressions);
    }
    match Block::parse_within.parse2(tokens.clone()) {
        Ok(statements) => MacroBody::Statements(statements),
        Err(_) => MacroBody::Tokens,
    }
}

/// Finds `sql!(…)` among tokens that are not Rust, such as the body of `macro_rules!`.
pub fn statements_among(tokens: &TokenStream, found: &mut Vec<SqlMacro>) {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut index = 0;
    while index < trees.len() {
        match &trees[index..] {
            [TokenTree::Ident(name), TokenTree::Punct(bang), TokenTree::Group(arguments), ..]
                if name == "sql" && bang.as_char() == '!' =>
            {
                found.push(sql_macro(arguments.stream(), name.span().start().line));
                index += 3;
            }
            [TokenTree::Group(group), ..] => {
                statements_among(&group.stream(), found);
                index += 1;
            }
            _ => index += 1,
        }
    }
}

/// The string literals between the brackets of `sql!`, at any depth.
pub fn sql_macro(tokens: TokenStream, line: usize) -> SqlMacro {
    let mut literals = Vec::new();
    collect_literals(tokens, &mut literals);
    SqlMacro { literals, line }
}

/// The literal in `#[attribute(key = "literal")]`.
pub fn named_literal(attribute: &Attribute, key: &str) -> Option<Literal> {
    let Meta::List(list) = &attribute.meta else { return None };
    let trees: Vec<TokenTree> = list.tokens.clone().into_iter().collect();
    trees.windows(3).find_map(|window| match window {
        [TokenTree::Ident(name), TokenTree::Punct(equals), TokenTree::Literal(value)]
            if name == key && equals.as_char() == '=' =>
        {
            string(value.clone())
        }
        _ => None,
    })
}

/// The word in `#[attribute(key = word)]`.
pub fn named_word(attribute: &Attribute, key: &str) -> Option<String> {
    let Meta::List(list) = &attribute.meta else { return None };
    let trees: Vec<TokenTree> = list.tokens.clone().into_iter().collect();
    trees.windows(3).find_map(|window| match window {
        [TokenTree::Ident(name), TokenTree::Punct(equals), TokenTree::Ident(word)]
            if name == key && equals.as_char() == '=' =>
        {
            Some(word.to_string())
        }
        _ => None,
    })
}

/// The first word and the literal behind it in `#[attribute(word, "literal", …)]`.
pub fn word_and_literal(attribute: &Attribute) -> Option<(String, Literal)> {
    let Meta::List(list) = &attribute.meta else { return None };
    let mut trees = list.tokens.clone().into_iter();
    match (trees.next(), trees.next(), trees.next()) {
        (Some(TokenTree::Ident(word)), Some(TokenTree::Punct(_)), Some(TokenTree::Literal(value))) => {
            Some((word.to_string(), string(value)?))
        }
        _ => None,
    }
}

/// The words in `key(word, word)`.
pub fn named_list(attribute: &Attribute, key: &str) -> Vec<String> {
    let Meta::List(list) = &attribute.meta else { return Vec::new() };
    let trees: Vec<TokenTree> = list.tokens.clone().into_iter().collect();
    let list = trees.windows(2).find_map(|window| match window {
        [TokenTree::Ident(name), TokenTree::Group(group)] if name == key => Some(group.stream()),
        _ => None,
    });
    let words = list.into_iter().flatten().filter_map(|tree| match tree {
        TokenTree::Ident(word) => Some(word.to_string()),
        _ => None,
    });
    words.collect()
}

/// A string literal with the lines it covers.
pub fn literal(text: &LitStr) -> Literal {
    let value = text.value();
    let (first, last) = (text.span().start().line, text.span().end().line);
    let breaks = value.bytes().filter(|byte| *byte == b'\n').count();
    Literal { keeps_lines: last - first == breaks, value, line: first }
}

fn collect_literals(tokens: TokenStream, literals: &mut Vec<Literal>) {
    for tree in tokens {
        match tree {
            TokenTree::Group(group) => collect_literals(group.stream(), literals),
            TokenTree::Literal(value) => literals.extend(string(value)),
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

fn string(value: proc_macro2::Literal) -> Option<Literal> {
    match syn::Lit::new(value) {
        syn::Lit::Str(text) => Some(literal(&text)),
        _ => None,
    }
}

/// Every word among the tokens, including nested ones.
pub fn words(tokens: &TokenStream, found: &mut Vec<String>) {
    for token in tokens.clone() {
        match token {
            TokenTree::Ident(word) => found.push(word.to_string()),
            TokenTree::Group(group) => words(&group.stream(), found),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}
