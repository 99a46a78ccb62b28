//! Names that people choose: of projects, modules and what is in them.

use crate::project_error::ProjectError;

/// What a module cannot be called: the modules and tables that are there, and crates that every module uses.
const TAKEN: [&str; 14] = [
    "app",
    "auth",
    "billing",
    "console",
    "core",
    "data",
    "files",
    "jobs",
    "notifications",
    "serde",
    "std",
    "tenfold",
    "test",
    "utoipa",
];

/// Words that Rust keeps for itself and that could be meant as a name.
const KEYWORDS: [&str; 38] = [
    "as", "async", "await", "box", "break", "const", "continue", "crate", "do", "dyn", "else", "enum",
    "extern", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "pub", "ref", "return", "static", "struct", "super", "trait", "try", "type",
    "use",
];

/// The longest name: tables are called by two of them, and PostgreSQL cuts at 63 bytes.
const LONGEST: usize = 24;

/// A project: `acme`, `acme-crm`.
pub fn project(name: &str) -> Result<(), ProjectError> {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if begins && name.len() <= 50 && name.split('-').all(is_word) {
        return Ok(());
    }
    Err(ProjectError::Name {
        what: "a project",
        given: name.to_owned(),
        allowed: "lower-case letters, digits and single hyphens, a letter first, at most 50 characters, such as acme-crm",
    })
}

/// A module: `notes`, `price_lists`.
pub fn module(name: &str) -> Result<(), ProjectError> {
    snake("a module", name)?;
    if TAKEN.contains(&name) { Err(taken(name)) } else { Ok(()) }
}

/// A name in `snake_case` that can be a file, a table's part and a Rust module.
pub fn snake(what: &'static str, name: &str) -> Result<(), ProjectError> {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if begins && name.len() <= LONGEST && name.split('_').all(is_word) && !KEYWORDS.contains(&name) {
        return Ok(());
    }
    Err(ProjectError::Name {
        what,
        given: name.to_owned(),
        allowed: "lower-case letters, digits and single underscores, a letter first, at most 24 characters, and no word of Rust's, such as price_lists",
    })
}

/// The error for a name that something else has.
pub fn taken(name: &str) -> ProjectError {
    ProjectError::Taken { name: name.to_owned() }
}

/// `price_lists` as `PriceLists`.
pub fn pascal(snake: &str) -> String {
    let mut name = String::new();
    for word in snake.split('_') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

/// What one of several is called: the last word in the singular, by the usual endings. `--entity` says otherwise.
pub fn singular(plural: &str) -> String {
    const ENDINGS: [(&str, &str); 8] = [
        ("ies", "y"),
        ("sses", "ss"),
        ("shes", "sh"),
        ("ches", "ch"),
        ("xes", "x"),
        ("zes", "z"),
        ("ss", "ss"),
        ("s", ""),
    ];
    for (ending, one) in ENDINGS {
        if let Some(stem) = plural.strip_suffix(ending).filter(|stem| stem.len() > 1) {
            return format!("{stem}{one}");
        }
    }
    plural.to_owned()
}

/// `acme-crm` or `price_lists` as words: `Acme crm`.
pub fn title(name: &str) -> String {
    let words = name.replace(['-', '_'], " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::{module, pascal, project, singular, title};

    #[test]
    fn names_are_refused_that_are_none() {
        for name in ["acme", "acme-crm", "a1"] {
            project(name).unwrap();
        }
        for name in ["", "Acme", "-a", "a-", "a--b", "1a", "a_b", "ä", "a/b", "../a", "a b", &"a".repeat(51)]
        {
            assert!(project(name).unwrap_err().to_string().contains("such as acme-crm"), "{name}");
        }
        for name in ["notes", "price_lists"] {
            module(name).unwrap();
        }
        for name in ["", "Notes", "a-b", "_a", "a__b", "match", "auth", "tenfold", &"a".repeat(25)] {
            module(name).unwrap_err();
        }
    }

    #[test]
    fn a_name_is_changed_into_its_other_forms() {
        for (many, one) in [
            ("notes", "note"),
            ("companies", "company"),
            ("boxes", "box"),
            ("classes", "class"),
            ("branches", "branch"),
            ("staff", "staff"),
            ("invoices", "invoice"),
            ("ties", "tie"),
        ] {
            assert_eq!(singular(many), one);
        }
        assert_eq!((&*pascal("price_lists"), &*title("acme-crm")), ("PriceLists", "Acme crm"));
    }
}
