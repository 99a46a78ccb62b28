//! Which plans are bad, on which database sizes, and how they are reported.

use std::fmt;

use crate::statement::{CallSite, Dialect, StatementRecord};

/// The column that names the organization. Primary keys of tenant-owned tables begin with it.
pub(super) const TENANT: &str = "org_id";

/// The size of the database that plans are made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// Its description in reports.
    pub(super) name: &'static str,
    /// Rows of each table.
    pub(super) rows: u64,
    /// The number of organizations in the statistics. With three, each has a third of the rows.
    pub(super) organizations: u64,
}

/// A statement must pass on each: what is fast for an average organization may not be for the largest.
pub(super) const SCALES: [Scale; 2] = [
    Scale { name: "5,000,000 rows, 5,000 organizations", rows: 5_000_000, organizations: 5_000 },
    Scale { name: "5,000,000 rows, an organization with a third of them", rows: 5_000_000, organizations: 3 },
];

/// A statement that ran.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its name.
    pub name: String,
    /// The module that owns it.
    pub module: &'static str,
    /// The call site.
    pub site: CallSite,
    /// Its text.
    pub text: String,
    /// The tables that its author says it changes. `None` for a generated text.
    pub said: Option<Vec<&'static str>>,
}

impl Ran {
    /// The statement in an observer's record.
    pub fn of(record: &StatementRecord) -> Self {
        let (module, site) = (record.module, record.site);
        let said = record.said.clone();
        Ran { name: record.name.to_string(), module, site, text: record.text.to_string(), said }
    }
}

/// A statement whose plan does not scale.
#[derive(Clone, Debug)]
pub struct BadPlan {
    /// The statement.
    pub statement: Ran,
    /// On which database.
    pub dialect: Dialect,
    /// What is wrong.
    pub fault: String,
    /// The database that was planned for.
    pub(super) scale: &'static str,
    /// The plan, as the database shows it.
    pub plan: String,
    /// An index, as SQL, with which the statement passes. It was created, and the statement planned again.
    pub index: Option<String>,
    /// The columns of the indexes that were tried and do not help.
    pub tried: Vec<String>,
}

impl fmt::Display for BadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ran { name, module, site, text, .. } = &self.statement;
        writeln!(f, "{name} (module {module}) {} on {}", self.fault, self.dialect.system_name())?;
        writeln!(f, "  asked for at {site}")?;
        writeln!(f, "  {}", text.split_whitespace().collect::<Vec<_>>().join(" "))?;
        writeln!(f, "  the plan for {}:", self.scale)?;
        for line in self.plan.lines() {
            writeln!(f, "    {line}")?;
        }
        match &self.index {
            Some(index) => write!(f, "  the index that is missing: {index}"),
            None if self.tried.is_empty() => {
                write!(f, "  narrow it by a column that an index can begin with")
            }
            None => write!(
                f,
                "  no index mends it ({} were tried): narrow it, or ask for another order",
                self.tried.join(", ")
            ),
        }
    }
}

/// A table of the schema.
#[derive(Clone, Debug, Default)]
pub(super) struct PlannedTable {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    /// The columns of the primary key; on SQLite only.
    pub(super) key: Vec<String>,
    /// Whether its primary key begins with the organization.
    pub(super) owned: bool,
}

/// How a plan reaches the rows of a table.
#[derive(Clone, Debug)]
pub(super) enum AccessPath {
    /// It looks at every row.
    Scan,
    /// It looks at a part of an index.
    Index {
        /// Columns that are compared for equality.
        equal: Vec<String>,
        /// Columns that are checked row by row.
        filtered: Vec<String>,
    },
}

/// The fault in how a plan reaches a table, if any.
pub(super) fn fault_of(table: &PlannedTable, access: &AccessPath, sorts: bool) -> Option<String> {
    let name = &table.name;
    match access {
        AccessPath::Scan => Some(format!("scans all of {name}")),
        AccessPath::Index { equal, .. } if !table.owned || equal.iter().any(|column| column != TENANT) => {
            None
        }
        AccessPath::Index { filtered, .. } if filtered.iter().any(|column| column != TENANT) => {
            Some(format!("walks all of an organization's {name}, looking for {}", filtered.join(", ")))
        }
        AccessPath::Index { .. } if sorts => Some(format!("walks and sorts all of an organization's {name}")),
        AccessPath::Index { .. } => None,
    }
}
