//! The name of a table in an SQL text.

/// How a text names a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Naming {
    /// It reads, writes or defines it.
    Uses,
    /// A foreign key points to it.
    References,
}

/// A table in an SQL text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableName {
    /// The line within the text, from 1.
    pub line: usize,
    /// The schema, in lower case, when the text names one.
    pub schema: Option<String>,
    /// The name, in lower case.
    pub name: String,
    /// How the text uses it.
    pub naming: Naming,
}
