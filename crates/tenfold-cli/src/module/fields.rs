//! The fields of a new entity: `title:text stars:int`.

use std::str::FromStr;

use crate::names;
use crate::project_error::ProjectError;

/// The columns that every new entity has.
const OWN: [&str; 5] = ["id", "org_id", "created_at", "processed_at", "version"];

/// The fields, at least one.
#[derive(Clone, Debug)]
pub struct Fields(Vec<NewField>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct NewField {
    name: String,
    kind: &'static FieldKind,
}

/// How a kind of field is written, in each place where it stands.
#[derive(Debug, PartialEq, Eq)]
struct FieldKind {
    name: &'static str,
    /// In Rust, and in a migration.
    rust: &'static str,
    sql: &'static str,
    /// In a request, and how its value and its optional value are taken from there.
    body: &'static str,
    taken: &'static str,
    mapped: &'static str,
    /// Behind a field that is shown.
    cloned: &'static str,
    /// Two values as JSON, and one in Rust that may use `number`.
    example: &'static str,
    other: &'static str,
    demo: &'static str,
}

const KINDS: [FieldKind; 4] = [
    FieldKind {
        name: "text",
        rust: "String",
        sql: "text",
        body: "Text<1, 200>",
        taken: ".into_inner()",
        mapped: ".map(Text::into_inner)",
        cloned: ".clone()",
        example: "\"First\"",
        other: "\"Second\"",
        demo: "format!(\"Number {number}\")",
    },
    FieldKind {
        name: "int",
        rust: "i64",
        sql: "bigint",
        body: "Int<0, 1_000_000_000>",
        taken: ".get()",
        mapped: ".map(Int::get)",
        cloned: "",
        example: "1",
        other: "2",
        demo: "number",
    },
    FieldKind {
        name: "bool",
        rust: "bool",
        sql: "boolean",
        body: "bool",
        taken: "",
        mapped: "",
        cloned: "",
        example: "false",
        other: "true",
        demo: "number % 2 == 0",
    },
    FieldKind {
        name: "time",
        rust: "Timestamp",
        sql: "timestamptz",
        body: "Timestamp",
        taken: "",
        mapped: "",
        cloned: "",
        example: "\"2026-01-01T12:00:00Z\"",
        other: "\"2026-07-01T12:00:00Z\"",
        demo: "tx.now()",
    },
];

impl Default for Fields {
    fn default() -> Self {
        Fields(vec![NewField { name: "title".to_owned(), kind: &KINDS[0] }])
    }
}

impl FromStr for NewField {
    type Err = ProjectError;

    fn from_str(text: &str) -> Result<Self, ProjectError> {
        let (name, kind) = text.split_once(':').unwrap_or((text, "text"));
        names::field(name)?;
        if OWN.contains(&name) {
            return Err(names::taken(name));
        }
        let allowed = || KINDS.map(|kind| kind.name).join(", ");
        let kind = KINDS.iter().find(|one| one.name == kind).ok_or_else(|| ProjectError::Unknown {
            question: "the kind of a field",
            given: kind.to_owned(),
            allowed: allowed(),
        })?;
        Ok(NewField { name: name.to_owned(), kind })
    }
}

impl Fields {
    /// Reads `name:kind` for each; without any, a `title`.
    pub fn parse(texts: &[String]) -> Result<Self, ProjectError> {
        if texts.is_empty() {
            return Ok(Fields::default());
        }
        let mut fields: Vec<NewField> = Vec::new();
        for text in texts {
            let field: NewField = text.parse()?;
            if fields.iter().any(|earlier| earlier.name == field.name) {
                return Err(names::taken(&field.name));
            }
            fields.push(field);
        }
        Ok(Fields(fields))
    }

    /// Repeats each line that speaks of a field, and fills in what speaks of all.
    pub fn fill(&self, template: &str) -> String {
        let mut text = String::new();
        for line in template.split_inclusive('\n') {
            if line.contains("FIELD_NAME") {
                text.extend(self.0.iter().map(|field| field.fill(line)));
            } else if line.trim_end() == "USE_INT" {
                let is_used = self.0.iter().any(|field| field.kind.name == "int");
                text.push_str(if is_used { "use tenfold::http::Int;\n" } else { "" });
            } else {
                text.push_str(line);
            }
        }
        let counts = self.0.iter().any(|field| field.kind.demo.contains("number"));
        text.replace("FIELDS_EXAMPLE", &self.object(|kind| kind.example))
            .replace("FIELDS_OTHER", &self.object(|kind| kind.other))
            .replace("NUMBER", if counts { "number" } else { "_" })
    }

    /// A JSON object with a value for each field.
    fn object(&self, value: impl Fn(&FieldKind) -> &'static str) -> String {
        let members = self.0.iter().map(|field| format!("\"{}\": {}", field.name, value(field.kind)));
        format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
    }
}

impl NewField {
    fn fill(&self, line: &str) -> String {
        let kind = self.kind;
        line.replace("FIELD_TYPE", kind.rust)
            .replace("FIELD_SQL", kind.sql)
            .replace("FIELD_BODY", kind.body)
            .replace("FIELD_TAKEN", kind.taken)
            .replace("FIELD_MAPPED", kind.mapped)
            .replace("FIELD_CLONE", kind.cloned)
            .replace("FIELD_DEMO", kind.demo)
            .replace("FIELD_NAME", &self.name)
    }
}
