//! Names that people choose: of projects, modules and what is in them.

use crate::project_error::ProjectError;

/// What a module cannot be called: the modules and crates that are there, what they list under `/v1`, and the files of a
/// module.
const TAKEN: &[&str] = &[
    "app",
    "auth",
    "billing",
    "console",
    "core",
    "data",
    "demo",
    "entities",
    "files",
    "jobs",
    "lib",
    "mail",
    "main",
    "notifications",
    "permissions",
    "routes",
    "serde",
    "std",
    "tenfold",
    "test",
    "tests",
    "users",
    "utoipa",
];

/// Words that Rust keeps for itself, in any edition.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "union", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// Words of SQL that cannot be a column without quotes on one of the databases.
const SQL: &[&str] = &[
    "add",
    "all",
    "alter",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "asc",
    "asymmetric",
    "authorization",
    "autoincrement",
    "between",
    "binary",
    "both",
    "by",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "commit",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "delete",
    "desc",
    "distinct",
    "drop",
    "end",
    "escape",
    "except",
    "exists",
    "fetch",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "index",
    "initially",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "rowid",
    "select",
    "session_user",
    "set",
    "similar",
    "some",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "transaction",
    "unique",
    "update",
    "user",
    "using",
    "values",
    "variadic",
    "verbose",
    "when",
    "window",
    "with",
];

/// What the derive of an entity calls its functions: a field of this name would hide one.
const VERBS: &[&str] = &[
    "find",
    "find_many",
    "get",
    "insert_many",
    "key",
    "link",
    "query",
    "read",
    "upsert",
    "values",
    "version",
];

/// What a module's files import: an entity of this name would hide one.
const IMPORTED: &[&str] = &[
    "App",
    "CallError",
    "Context",
    "Count",
    "Created",
    "DataError",
    "Duration",
    "Entity",
    "Enqueue",
    "Event",
    "GivenUp",
    "IfMatch",
    "Int",
    "Job",
    "JobContext",
    "Json",
    "Listing",
    "Many",
    "Module",
    "NoContent",
    "OnConflict",
    "One",
    "Option",
    "OrgId",
    "Page",
    "Path",
    "Permission",
    "Problem",
    "Query",
    "Ref",
    "Require",
    "Result",
    "Role",
    "Routes",
    "Some",
    "String",
    "SystemContext",
    "Tagged",
    "Text",
    "Timestamp",
    "TryLater",
    "Tx",
    "Use",
    "User",
    "Value",
    "Vec",
    "Versioned",
    "Wiring",
];

/// What Cargo keeps for itself among the names of programs.
const PROGRAMS: &[&str] = &["build", "deps", "examples", "incremental"];

/// The longest name: tables are called by two of them, and PostgreSQL cuts at 63 bytes.
const LONGEST: usize = 24;

/// Whether a name is words of lower-case letters and digits, with one separator between two, a letter first.
fn is_of_words(name: &str, separator: char, longest: usize) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    begins && name.len() <= longest && name.split(separator).all(is_word)
}

/// A project: `acme`, `acme-crm`.
pub fn project(name: &str) -> Result<(), ProjectError> {
    if PROGRAMS.contains(&name) {
        return Err(taken(name));
    }
    if is_of_words(name, '-', 50) {
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

/// A field of an entity, which is a column of its table as well.
pub fn field(name: &str) -> Result<(), ProjectError> {
    snake("a field", name)?;
    if SQL.contains(&name) || VERBS.contains(&name) { Err(taken(name)) } else { Ok(()) }
}

/// What one of several is called: as given, or the plural without its ending.
pub fn singular_of(plural: &str, given: Option<&str>) -> Result<String, ProjectError> {
    let one = given.map_or_else(|| singular(plural), str::to_owned);
    snake("an entity", &one)?;
    if one == plural {
        return Err(ProjectError::Refused(format!(
            "{plural} and one of it are called the same: choose another name, or give that of one with --entity"
        )));
    }
    if IMPORTED.contains(&&*pascal(&one)) || ["id", "org_id"].contains(&&*one) {
        return Err(taken(&one));
    }
    Ok(one)
}

/// A name in `snake_case` that can be a file, a table's part and a Rust module.
pub fn snake(what: &'static str, name: &str) -> Result<(), ProjectError> {
    if is_of_words(name, '_', LONGEST) && !KEYWORDS.contains(&name) {
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
    const IRREGULAR: [(&str, &str); 4] =
        [("analyses", "analysis"), ("caches", "cache"), ("movies", "movie"), ("statuses", "status")];
    for (many, one) in IRREGULAR {
        if let Some(rest) = plural.strip_suffix(many).filter(|rest| rest.is_empty() || rest.ends_with('_')) {
            return format!("{rest}{one}");
        }
    }
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
    use super::{field, module, pascal, project, singular, singular_of, title};

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
    fn words_that_mean_something_else_are_refused() {
        for name in ["order", "user", "end", "from", "where", "self", "true", "get", "query", "version"] {
            field(name).unwrap_err();
        }
        for name in ["permissions", "routes", "entities", "users"] {
            module(name).unwrap_err();
        }
        for name in ["pages", "listings", "problems", "contexts", "staff"] {
            singular_of(name, None).unwrap_err();
        }
        project("build").unwrap_err();
        field("title").unwrap();
        assert_eq!(singular_of("staff", Some("employee")).unwrap(), "employee");
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
            ("order_statuses", "order_status"),
            ("ties", "tie"),
        ] {
            assert_eq!(singular(many), one);
        }
        assert_eq!((&*pascal("price_lists"), &*title("acme-crm")), ("PriceLists", "Acme crm"));
    }
}
