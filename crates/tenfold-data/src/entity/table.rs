//! What is known about an entity's table, and the statement texts derived from it.

use std::sync::OnceLock;

use crate::statement::{Dialect, Statement, StatementCost};
use crate::value::{Kind, Value};
use crate::write::ChangeTexts;

/// One column of a table.
#[derive(Debug)]
pub struct ColumnSpec {
    /// Its name in the database.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
}

/// What the derive knows about an entity, and the statement texts derived from it.
pub struct Table {
    /// The struct's name, for errors.
    pub entity: &'static str,
    /// The table's name, which begins with its module's name.
    pub name: &'static str,
    /// The module (package) that declares the entity.
    pub module: &'static str,
    /// All columns, in the order of the fields.
    pub columns: &'static [ColumnSpec],
    /// The key column.
    pub key: &'static str,
    /// The column that names the organization, if the rows belong to one.
    pub tenant: Option<&'static str>,
    /// The column that counts the row's changes, if it has one.
    pub version: Option<&'static str>,
    /// Whether rows that are loaded by key are kept for other requests.
    pub is_cached: bool,
    /// Whether lists and counts are kept as well.
    pub keeps_lists: bool,
    /// For such an entity: the columns of each unique key, without the organization's.
    pub(crate) uniques: &'static [&'static [&'static str]],
    texts: Texts,
}

/// The forms of a load by a list of keys: one for SQLite, and two for PostgreSQL, for short and long lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListForm {
    Sqlite,
    /// One key after the other, with a reused plan.
    PostgresFew,
    /// Planned for the given keys.
    PostgresMany,
}

impl ListForm {
    pub(crate) const COUNT: usize = 3;
    /// Up to this many keys are read one after the other. Planning for them would take longer.
    const FEW: usize = 64;

    pub(crate) fn of(dialect: Dialect, keys: usize) -> Self {
        match dialect {
            Dialect::Sqlite => ListForm::Sqlite,
            Dialect::Postgres if keys <= Self::FEW => ListForm::PostgresFew,
            Dialect::Postgres => ListForm::PostgresMany,
        }
    }

    pub(crate) fn dialect(self) -> Dialect {
        if self == ListForm::Sqlite { Dialect::Sqlite } else { Dialect::Postgres }
    }

    pub(crate) fn cost(self) -> StatementCost {
        if self == ListForm::PostgresMany { StatementCost::Keys } else { StatementCost::Key }
    }
}

struct Texts {
    selected: OnceLock<String>,
    get: [OnceLock<Statement>; ListForm::COUNT],
    get_one: OnceLock<Statement>,
    insert: OnceLock<Statement>,
    insert_many: OnceLock<Statement>,
    changes: ChangeTexts,
}

impl Texts {
    const fn new() -> Self {
        Texts {
            selected: OnceLock::new(),
            get: [const { OnceLock::new() }; ListForm::COUNT],
            get_one: OnceLock::new(),
            insert: OnceLock::new(),
            insert_many: OnceLock::new(),
            changes: ChangeTexts::new(),
        }
    }
}

impl Table {
    /// Describes a table; called by the derive.
    pub const fn new(
        entity: &'static str,
        name: &'static str,
        module: &'static str,
        columns: &'static [ColumnSpec],
        key: &'static str,
        tenant: Option<&'static str>,
        version: Option<&'static str>,
    ) -> Self {
        let texts = Texts::new();
        Table {
            entity,
            name,
            module,
            columns,
            key,
            tenant,
            version,
            is_cached: false,
            keeps_lists: false,
            uniques: &[],
            texts,
        }
    }

    /// The same for an entity that says `cached`, with the columns of each unique key but the organization's.
    pub const fn cached(mut self, uniques: &'static [&'static [&'static str]]) -> Self {
        self.is_cached = true;
        self.uniques = uniques;
        self
    }

    /// The same for one that says `cached(lists)`; after [`Table::cached`].
    pub const fn with_lists(mut self) -> Self {
        self.keeps_lists = true;
        self
    }

    /// The position of a column in [`Table::columns`].
    pub(crate) fn position(&self, name: &str) -> usize {
        let found = self.columns.iter().position(|column| column.name == name);
        found.expect("the derive names the table's own columns")
    }

    pub(crate) fn kind_of(&self, name: &str) -> Kind {
        self.columns[self.position(name)].kind
    }

    /// All columns, for writing.
    pub(crate) fn column_list(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        names.join(", ")
    }

    /// The columns that are read. The organization's column is not: each statement says whose rows it wants, and
    /// reading the column in each row again would cost as much as any other.
    pub(crate) fn selected(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|column| column.name).filter(|name| self.tenant != Some(*name))
    }

    /// The columns that are read, as one text.
    pub(crate) fn selected_list(&self) -> &str {
        self.texts.selected.get_or_init(|| self.selected().collect::<Vec<_>>().join(", "))
    }

    /// `org_id = $1 AND `, or an empty text for a global table; and the next parameter's number.
    pub(crate) fn tenant_condition(&self) -> (String, usize) {
        self.tenant.map_or_else(|| (String::new(), 1), |column| (format!("{column} = $1 AND "), 2))
    }

    pub(crate) fn statement(&self, verb: &str, text: String, cost: StatementCost) -> Statement {
        let global = self.tenant.is_none().then_some(self.name);
        Statement { global, ..Statement::new(format!("{}.{verb}", self.name), self.module, text, cost) }
    }

    /// Selects `columns` of the rows whose column `by` holds one of a list of values, which is the last parameter. The
    /// rows usually come in index order, but this is not guaranteed: callers that need an order must check it.
    ///
    /// On SQLite the list leads a join, because `IN (SELECT …)` would first copy it into a table of its own. The list
    /// must not contain a value twice: this form and PostgreSQL's form for a few would return its rows twice.
    pub(crate) fn select_by_list(&self, form: ListForm, by: &str, columns: &str) -> String {
        let (tenant, next) = self.tenant_condition();
        let table = self.name;
        match form {
            ListForm::Sqlite => format!(
                "SELECT {columns} FROM (SELECT value AS wanted_ FROM rarray(${next})) CROSS JOIN {table} \
                 WHERE {tenant}{by} = wanted_"
            ),
            ListForm::PostgresFew => {
                let inner =
                    format!("SELECT {columns} FROM {table} WHERE {tenant}{by} = wanted.link OFFSET 0");
                self.select_for_each(&wanted_links(next, self.kind_of(by)), "", &inner)
            }
            ListForm::PostgresMany => {
                let wanted = any(Dialect::Postgres, by, next);
                format!("SELECT {columns} FROM {table} WHERE {tenant}{wanted}")
            }
        }
    }

    /// Selects the columns that are read, and `more`, from what `inner` returns for each row of `wanted`, on
    /// PostgreSQL, by a loop over these rows. `inner` refers to the columns of `wanted`, such as `wanted.link`, and
    /// ends with an `OFFSET` or `LIMIT`. The planner does not flatten such a subquery, so its only choice is the index
    /// for one row.
    pub(crate) fn select_for_each(&self, wanted: &str, more: &str, inner: &str) -> String {
        let outer: Vec<_> = self.selected().map(|name| format!("r.{name}")).collect();
        format!("SELECT {}{more} FROM {wanted} CROSS JOIN LATERAL ({inner}) AS r", outer.join(", "))
    }

    /// Loads the row of one key. It has a text of its own, because a database plans one key better than a list of any
    /// length.
    pub(crate) fn get_one_statement(&self) -> &Statement {
        self.texts.get_one.get_or_init(|| {
            let (tenant, next) = self.tenant_condition();
            let (columns, table, key) = (self.selected_list(), self.name, self.key);
            let text = format!("SELECT {columns} FROM {table} WHERE {tenant}{key} = ${next}");
            self.statement("get", text, StatementCost::Key).lasting()
        })
    }

    /// Loads the rows of a list of keys.
    pub(crate) fn get_statement(&self, form: ListForm) -> &Statement {
        self.texts.get[form as usize].get_or_init(|| {
            let text = self.select_by_list(form, self.key, self.selected_list());
            self.statement("get", text, form.cost()).lasting()
        })
    }

    /// Inserts one row. On SQLite several rows are stored by running the text for each, which costs no round trip.
    pub(crate) fn insert_statement(&self) -> &Statement {
        self.texts.insert.get_or_init(|| {
            let marks: Vec<_> = (1..=self.columns.len()).map(|n| format!("${n}")).collect();
            self.insert_from(&format!("VALUES ({})", marks.join(", ")))
        })
    }

    /// The statement that stores these rows, and its sets of parameters.
    pub(crate) fn insert_rows(
        &self,
        rows: Vec<Vec<Value>>,
        dialect: Dialect,
    ) -> (&Statement, Vec<Vec<Value>>) {
        match dialect {
            Dialect::Postgres if rows.len() > 1 => (self.insert_many_statement(), vec![transpose(rows)]),
            _ => (self.insert_statement(), rows),
        }
    }

    /// Inserts many rows on PostgreSQL: one text for any number, with one array for each column. For a single row it
    /// takes a quarter longer than [`Table::insert_statement`].
    fn insert_many_statement(&self) -> &Statement {
        self.texts.insert_many.get_or_init(|| {
            let arrays: Vec<_> =
                (1..).zip(self.columns).map(|(n, column)| list_parameter(n, column.kind)).collect();
            self.insert_from(&format!("SELECT * FROM unnest({})", arrays.join(", ")))
        })
    }

    /// The cached texts of changes of one row.
    pub(crate) fn change_texts(&self) -> &ChangeTexts {
        &self.texts.changes
    }

    fn insert_from(&self, source: &str) -> Statement {
        let text = format!("INSERT INTO {} ({}) {source}", self.name, self.column_list());
        self.statement("insert", text, StatementCost::Free).lasting()
    }
}

/// Transposes rows of columns into columns of rows, for PostgreSQL's `unnest`.
fn transpose(rows: Vec<Vec<Value>>) -> Vec<Value> {
    let mut columns: Vec<Vec<Value>> = rows.first().map_or_else(Vec::new, |row| vec![Vec::new(); row.len()]);
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    columns.into_iter().map(Value::List).collect()
}

/// The values in list parameter `$n` as rows of one column, `wanted.link`, on PostgreSQL.
pub(crate) fn wanted_links(n: usize, kind: Kind) -> String {
    format!("unnest({}) AS wanted (link)", list_parameter(n, kind))
}

/// Parameter `$n`, a list of values of one kind, on PostgreSQL.
fn list_parameter(n: usize, kind: Kind) -> String {
    format!("${n}::{}[]", kind.postgres())
}

/// The condition that `column` is one of the values in list parameter `$n`.
pub(crate) fn any(dialect: Dialect, column: &str, n: usize) -> String {
    match dialect {
        Dialect::Sqlite => format!("{column} IN (SELECT value FROM rarray(${n}))"),
        Dialect::Postgres => format!("{column} = ANY(${n})"),
    }
}
