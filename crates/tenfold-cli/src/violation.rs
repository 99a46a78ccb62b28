//! The violations that the check finds, and how they are shown.

use std::fmt;

/// A line in a file of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileLine {
    /// Path below the workspace root, with `/` on every system.
    pub path: String,
    /// Line, counted from 1.
    pub line: usize,
}

impl FileLine {
    /// The place at `line` (from 1) of `path` (below the workspace root).
    pub fn new(path: impl Into<String>, line: usize) -> Self {
        Self { path: path.into(), line }
    }
}

impl fmt::Display for FileLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path, self.line)
    }
}

/// The rules, by their names in `tenfold-check.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Folders, packages and registrations have the module's name.
    Layout,
    /// A source, a manifest or a migration can be read at all.
    Sources,
    /// Only an application depends on a module's implementation.
    Implementation,
    /// Modules form no cycle.
    Cycle,
    /// Files form no circle of more than two.
    Circles,
    /// In the framework's own repository each type's name is defined once.
    Types,
    /// `.needs::<dyn X>()` equals the Cargo edges.
    Needs,
    /// Each kind of job is registered; otherwise it would never run.
    Jobs,
    /// Everything in a module is part of the application: the module itself, its migrations, its endpoints.
    Registered,
    /// No two operations, routes, kinds of jobs, events or permissions have one name.
    Unique,
    /// A statement's text can be read, so that its tables are known.
    Sql,
    /// Only its owner uses a table.
    Tables,
    /// No foreign key crosses a module.
    ForeignKey,
    /// A migration does not block a table that is in use.
    Locks,
    /// A migration does not bypass row-level security.
    Rls,
    /// An entity and the key of its table agree on the owner of the rows.
    Tenant,
    /// A searched entity has its index, and a module makes none for another module's table.
    Search,
    /// Cargo watches a module's migrations.
    Rebuild,
    /// The dependencies between the framework's packages run one way.
    Layers,
    /// An exception has a reason, is used and has not expired.
    Exceptions,
}

impl Rule {
    /// Every rule for which `tenfold-check.toml` may grant an exception.
    pub const EXCEPTABLE: [Self; 17] = [
        Self::Layout,
        Self::Implementation,
        Self::Cycle,
        Self::Circles,
        Self::Types,
        Self::Needs,
        Self::Jobs,
        Self::Registered,
        Self::Unique,
        Self::Sql,
        Self::Tables,
        Self::ForeignKey,
        Self::Locks,
        Self::Rls,
        Self::Tenant,
        Self::Search,
        Self::Layers,
    ];

    /// The name in messages and in `tenfold-check.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Layout => "layout",
            Self::Sources => "sources",
            Self::Implementation => "implementation",
            Self::Cycle => "cycle",
            Self::Circles => "circles",
            Self::Types => "types",
            Self::Needs => "needs",
            Self::Jobs => "jobs",
            Self::Registered => "registered",
            Self::Unique => "unique",
            Self::Sql => "sql",
            Self::Tables => "tables",
            Self::ForeignKey => "foreign-key",
            Self::Locks => "locks",
            Self::Rls => "rls",
            Self::Tenant => "tenant",
            Self::Search => "search",
            Self::Rebuild => "rebuild",
            Self::Layers => "layers",
            Self::Exceptions => "exceptions",
        }
    }
}

/// One violation: where, what is wrong, what to do.
///
/// Ordered by place, so that a report reads file by file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The first place to look.
    pub place: FileLine,
    /// The broken rule.
    pub rule: Rule,
    /// What the violation is about (a table, a package, a trait): an exception may be limited to it.
    pub names: String,
    /// What is wrong, in one sentence without a full stop.
    pub wrong: String,
    /// Further lines: the edges of a cycle.
    pub details: Vec<String>,
    /// What to do about it.
    pub remedy: String,
}

impl Violation {
    /// A violation without further lines.
    pub fn new(rule: Rule, place: FileLine, names: &str, wrong: String, remedy: impl Into<String>) -> Self {
        Self { place, rule, names: names.to_owned(), wrong, details: Vec::new(), remedy: remedy.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error[{}]: {}", self.rule.name(), self.wrong)?;
        writeln!(f, "  --> {}", self.place)?;
        for detail in &self.details {
            writeln!(f, "   | {detail}")?;
        }
        writeln!(f, "  do: {}", self.remedy)
    }
}
