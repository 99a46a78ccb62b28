//! A database constraint that a value violates, reported in the same way by both databases.

use std::fmt;

/// The constraint that a value violates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// What kind of rule.
    pub kind: ConstraintKind,
    /// The table that was written.
    pub table: String,
    /// The columns that must be unique or not NULL, or that refer to another row, the organization's column included.
    /// Empty for a CHECK, and for a row that other rows refer to. On SQLite a reference has columns only after an
    /// insert.
    pub columns: Vec<String>,
    /// The constraint's name. Both databases name a CHECK that has a name (`CONSTRAINT name CHECK (…)`). The others
    /// have names on PostgreSQL only, so compare the columns.
    pub name: Option<String>,
    /// The entity that was written; `None` if an author's own SQL wrote it.
    pub entity: Option<&'static str>,
    /// The key of the row that was written, if it was a single row.
    pub key: Option<String>,
}

/// What kind of rule a constraint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstraintKind {
    /// No two rows may have the same values.
    Unique,
    /// The row that it refers to must exist.
    ForeignKey,
    /// It must have a value.
    NotNull,
    /// A condition that its author wrote.
    Check,
}

impl Constraint {
    pub(crate) fn new(kind: ConstraintKind, table: &str) -> Self {
        let table = table.to_owned();
        Constraint { kind, table, columns: Vec::new(), name: None, entity: None, key: None }
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.entity, &self.key) {
            (Some(entity), Some(key)) => write!(f, "{entity} {key} of {}", self.table)?,
            (Some(entity), None) => write!(f, "{entity} of {}", self.table)?,
            (None, _) if self.table.is_empty() => f.write_str("a row")?,
            (None, _) => write!(f, "a row of {}", self.table)?,
        }
        let columns = self.columns.join(", ");
        match self.kind {
            ConstraintKind::Unique => write!(f, ": another row has the same {columns}")?,
            ConstraintKind::ForeignKey if columns.is_empty() => {
                f.write_str(": it refers to a row that is not there, or another row refers to it")?;
            }
            ConstraintKind::ForeignKey => write!(f, ": there is no row that {columns} could refer to")?,
            ConstraintKind::NotNull => write!(f, ": {columns} has no value")?,
            ConstraintKind::Check => f.write_str(": a check fails")?,
        }
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " ({name})"))
    }
}
