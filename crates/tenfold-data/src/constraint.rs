//! A rule of the database that a value breaks, told alike on both databases.

use std::fmt;

/// Which rule a value breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// What kind of rule.
    pub kind: ConstraintKind,
    /// The table that was written.
    pub table: String,
    /// The columns that must be unique or have a value, or that refer to another row; the organization's among
    /// them. Not known of a CHECK, nor of a row that others refer to; on SQLite for a reference only after an insert.
    pub columns: Vec<String>,
    /// The rule's name. Both databases know that of a CHECK which has one (`CONSTRAINT name CHECK (…)`); the rest
    /// have names on PostgreSQL only, so go by the columns.
    pub name: Option<String>,
    /// The entity that was written, unless it was by an author's own SQL.
    pub entity: Option<&'static str>,
    /// The row that was written, if it was one.
    pub key: Option<String>,
}

/// What kind of rule a constraint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstraintKind {
    /// No two rows have the same values.
    Unique,
    /// It refers to a row that must be there.
    ForeignKey,
    /// It has a value.
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
