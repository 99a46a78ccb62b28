//! What a look beside the requests sees: the plans of statements, and the schema.

/// A statement whose plan is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRequest {
    /// Its text, with `$1, $2, …` where values would be.
    pub text: String,
    /// Whether it is a generated load by one key. PostgreSQL runs those with sequential scans off, and plans them so.
    pub by_key: bool,
}

/// What the database says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseLook {
    /// The plan of each statement, in the order of the requests, in the words of the database, a step a line. `None` for one that
    /// the database does not plan, such as a statement on a table that is gone. Shorter than the requests if the time was over.
    pub plans: Vec<Option<String>>,
    /// Its tables and indexes, by kind and name; none if there are more than 10,000, and if they could not be read.
    pub schema: Vec<SchemaItem>,
    /// What PostgreSQL did to its tables by itself or by hand; empty on SQLite, and if it could not be read.
    pub activity: Vec<TableActivity>,
    /// How many checkpoints PostgreSQL has begun; `None` on SQLite, and if it could not be read.
    pub checkpoints: Option<i64>,
}

/// What was done to a table since its counters were reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableActivity {
    /// The table.
    pub table: String,
    /// How often it was vacuumed.
    pub vacuums: i64,
    /// How often its statistics were made.
    pub analyzes: i64,
    /// How many rows it has, about.
    pub rows: i64,
    /// How many rows were written since its statistics were made.
    pub changed_rows: i64,
    /// Whether it has any statistics.
    pub has_statistics: bool,
}

/// A table, an index, or the statistics of an index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaItem {
    /// Which of them.
    pub kind: SchemaKind,
    /// Its name.
    pub name: String,
    /// The table; for a table its own name.
    pub table: String,
    /// How the database defines it: equal as long as it is not altered.
    pub definition: String,
}

/// The kind of a [`SchemaItem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SchemaKind {
    /// A table.
    Table,
    /// An index.
    Index,
    /// SQLite's statistics of the values in an index (`sqlite_stat1`), by the index's name.
    Statistics,
}

/// More tables and indexes than this are not compared.
pub(super) const MOST_ITEMS: usize = 10_000;

impl SchemaItem {
    /// The item of a row of the catalogue: `table`, `index` or `statistics`, its name, its table, its definition.
    pub(super) fn of([kind, name, table, definition]: [String; 4]) -> Self {
        let kind = match &*kind {
            "table" => SchemaKind::Table,
            "statistics" => SchemaKind::Statistics,
            _ => SchemaKind::Index,
        };
        SchemaItem { kind, name, table, definition }
    }
}

/// The items in their order, unless there are too many.
pub(super) fn bounded(mut items: Vec<SchemaItem>) -> Vec<SchemaItem> {
    if items.len() > MOST_ITEMS {
        return Vec::new();
    }
    items.sort_unstable();
    items
}

/// Whether a text is one that a database plans. Anything else is not sent.
pub(super) fn is_planned(text: &str) -> bool {
    let verb = text.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].iter().any(|planned| verb.eq_ignore_ascii_case(planned))
}
