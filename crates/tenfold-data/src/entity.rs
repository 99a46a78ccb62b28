//! An entity: a row of a table as a plain struct, and what the derive says about it.

use std::borrow::Cow;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::{Arc, OnceLock};

use crate::context::Reach;
use crate::error::DataError;
use crate::query::{Query, Target};
use crate::relation::Peering;
use crate::row::{ReadError, Row};
use crate::scope;
use crate::statement::{Cost, Dialect, Statement};
use crate::transaction::Write;
use crate::value::{ColumnType, KeyType, Kind, Value};
use crate::write::{self, Update, Upsert};

/// An organization: the tenant that owns a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrgId(pub uuid::Uuid);

crate::id_impls!(OrgId);

impl OrgId {
    /// The organization of a row that is known from the statement; called by the derive.
    ///
    /// # Errors
    /// When the statement asked for nobody's rows.
    #[doc(hidden)]
    pub fn read_known(owner: Option<OrgId>) -> Result<OrgId, ReadError> {
        owner.ok_or_else(|| ReadError::new(0, "an organization's row", "a row of nobody"))
    }
}

/// Who owns an entity's rows: [`Tenant`] or [`Global`].
pub trait Ownership: sealed::Sealed + 'static {}

/// The rows belong to one organization and are reached only through a context that names it.
pub enum Tenant {}

/// The rows belong to nobody: accounts, organizations themselves.
pub enum Global {}

impl Ownership for Tenant {}
impl Ownership for Global {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Tenant {}
    impl Sealed for super::Global {}
}

/// A struct that is kept as rows of one table; written by `derive(Entity)`.
pub trait Entity: Sized + Send + Sync + 'static {
    /// The type of the key column.
    type Key: KeyType;
    /// [`Tenant`] or [`Global`].
    type Owner: Ownership;

    /// The table and its columns.
    fn table() -> &'static Table;

    /// Reads the struct from a row that holds the columns in the order of [`Table::columns`], without that of the
    /// organization: the statement has asked for `owner`'s rows.
    ///
    /// # Errors
    /// When a column holds something else than its field.
    fn read(row: &Row<'_>, owner: Option<OrgId>) -> Result<Self, ReadError>;

    /// The column values, in the order of [`Table::columns`].
    fn values(&self) -> Vec<Value>;

    /// The row's key.
    fn key(&self) -> Self::Key;

    /// Makes rows that were loaded together a cohort: touching a relation on one loads it for all.
    fn link(rows: &mut [Self], peering: Peering);

    /// Begins a list of these entities.
    fn query() -> Query<Self> {
        Query::new()
    }

    /// The row with this key. Loads from all over a request are merged into one statement, and a row is loaded
    /// once until a transaction of the request has written something.
    ///
    /// # Errors
    /// [`DataError::NotFound`] when the tenant has no such row, and whatever stops the statement.
    #[track_caller]
    fn get<R: Reach<Self::Owner>>(
        cx: &R,
        key: Self::Key,
    ) -> impl Future<Output = Result<Arc<Self>, DataError>> + Send + use<Self, R> {
        let found = Self::find(cx, key.clone());
        async move {
            found
                .await?
                .ok_or_else(|| DataError::NotFound { entity: Self::table().entity, key: format!("{key:?}") })
        }
    }

    /// As [`Entity::get`], for a row that may be missing; that it is missing is remembered as well.
    ///
    /// # Errors
    /// Whatever stops the statement.
    #[track_caller]
    fn find<R: Reach<Self::Owner>>(
        cx: &R,
        key: Self::Key,
    ) -> impl Future<Output = Result<Option<Arc<Self>>, DataError>> + Send + use<Self, R> {
        let request = scope::request::<Self>(&cx.origin(), vec![key], Location::caller());
        async move { Ok(request?.values().await?.pop().flatten()) }
    }

    /// The rows with these keys, each in its key's place.
    ///
    /// # Errors
    /// Whatever stops the statement.
    #[track_caller]
    fn find_many<R: Reach<Self::Owner>>(
        cx: &R,
        keys: Vec<Self::Key>,
    ) -> impl Future<Output = Result<Vec<Option<Arc<Self>>>, DataError>> + Send + use<Self, R> {
        let request = scope::request::<Self>(&cx.origin(), keys, Location::caller());
        async move { request?.values().await }
    }

    /// Stores the row.
    ///
    /// # Errors
    /// [`DataError::Conflict`] when a unique value is taken, [`DataError::OtherTenant`] when the row names
    /// another organization than the transaction's, and whatever stops the statement.
    #[track_caller]
    fn insert<W: Write<Self::Owner>>(
        self,
        tx: &W,
    ) -> impl Future<Output = Result<Self, DataError>> + Send + use<Self, W> {
        let stored = Self::insert_many(tx, vec![self]);
        async move { Ok(stored.await?.remove(0)) }
    }

    /// Stores many rows with one statement; none cost none.
    ///
    /// # Errors
    /// As [`Entity::insert`]; then none of them is stored.
    #[track_caller]
    fn insert_many<W: Write<Self::Owner>>(
        tx: &W,
        rows: Vec<Self>,
    ) -> impl Future<Output = Result<Vec<Self>, DataError>> + Send + use<Self, W> {
        write::insert(Target::of(&tx.origin(), Self::table().tenant.is_some(), Location::caller()), rows)
    }

    /// Begins to store the row, or to change the row that has the same values in the columns of `unique`:
    /// `row.upsert(Label::unique_name).run(tx)`.
    fn upsert(self, unique: Unique<Self>) -> Upsert<Self> {
        Upsert::new(self, unique)
    }

    /// Begins a change of the row with this key.
    fn update(key: Self::Key) -> Update<Self> {
        Update::new(key)
    }

    /// Deletes the row with this key.
    ///
    /// # Errors
    /// [`DataError::NotFound`], and whatever stops the statement.
    #[track_caller]
    fn delete<W: Write<Self::Owner>>(
        tx: &W,
        key: Self::Key,
    ) -> impl Future<Output = Result<(), DataError>> + Send + use<Self, W> {
        let target = Target::of(&tx.origin(), Self::table().tenant.is_some(), Location::caller());
        write::delete::<Self>(target, key, None)
    }
}

/// An entity with a column that counts its changes, `#[entity(version)]`: whoever writes can say which state he has
/// seen, and is told when it is not the last any more (optimistic locking).
pub trait Versioned: Entity {
    /// The version that was loaded.
    fn version(&self) -> i64;

    /// Deletes the row with this key, if its version is still `version`.
    ///
    /// # Errors
    /// [`DataError::Stale`] when somebody has changed it, [`DataError::NotFound`], and whatever stops the statement.
    #[track_caller]
    fn delete_version<W: Write<Self::Owner>>(
        tx: &W,
        key: Self::Key,
        version: i64,
    ) -> impl Future<Output = Result<(), DataError>> + Send + use<Self, W> {
        let target = Target::of(&tx.origin(), Self::table().tenant.is_some(), Location::caller());
        write::delete::<Self>(target, key, Some(version))
    }
}

/// Columns whose values no two rows share, declared as `#[entity(unique(email))]` and named `Account::unique_email`.
/// In a tenant's table the organization is one of them. `Account::unique_key` is the primary key.
pub struct Unique<E> {
    columns: &'static [&'static str],
    entity: PhantomData<fn() -> E>,
}

impl<E> Clone for Unique<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Unique<E> {}

impl<E: Entity> Unique<E> {
    /// Names the columns; called by the derive.
    pub const fn new(columns: &'static [&'static str]) -> Self {
        Unique { columns, entity: PhantomData }
    }

    /// The columns' names in the database, the organization's first.
    pub const fn columns(self) -> &'static [&'static str] {
        self.columns
    }
}

/// One column of a table.
#[derive(Debug)]
pub struct ColumnSpec {
    /// Its name in the database.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
}

/// What the derive knows of an entity, and the statement texts that follow from it.
pub struct Table {
    /// The struct's name, for errors.
    pub entity: &'static str,
    /// The table's name, which begins with its module's.
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
    texts: Texts,
}

struct Texts {
    selected: OnceLock<String>,
    get: [OnceLock<Statement>; 2],
    insert: [OnceLock<Statement>; 2],
}

impl Texts {
    const fn new() -> Self {
        Texts {
            selected: OnceLock::new(),
            get: [OnceLock::new(), OnceLock::new()],
            insert: [OnceLock::new(), OnceLock::new()],
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
        Table { entity, name, module, columns, key, tenant, version, texts: Texts::new() }
    }

    /// Where a column stands among [`Table::columns`].
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

    /// The columns that are read. The organization is not: each statement says whose rows it wants, and reading it
    /// again in each row costs as much as any column.
    pub(crate) fn selected(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|column| column.name).filter(|name| self.tenant != Some(*name))
    }

    /// The columns that are read, as one text.
    pub(crate) fn selected_list(&self) -> &str {
        self.texts.selected.get_or_init(|| self.selected().collect::<Vec<_>>().join(", "))
    }

    /// `org_id = $1 AND `, or nothing for a global table; the next parameter's number.
    pub(crate) fn tenant_condition(&self) -> (String, usize) {
        self.tenant.map_or_else(|| (String::new(), 1), |column| (format!("{column} = $1 AND "), 2))
    }

    pub(crate) fn statement(&self, verb: &str, text: String, cost: Cost) -> Statement {
        Statement {
            name: Cow::Owned(format!("{}.{verb}", self.name)),
            module: self.module,
            text: Cow::Owned(text),
            cost,
            within: None,
        }
    }

    /// Selects `columns` of the rows whose column `by` holds one of a list of values, which is the last parameter. They come in the
    /// order of an index as a rule, and are not sorted: whoever needs an order has to look.
    ///
    /// On SQLite the list leads a join: `IN (SELECT …)` would copy it into a table of its own first. The list names no
    /// value twice, which would repeat rows here.
    pub(crate) fn select_by_list(&self, dialect: Dialect, by: &str, columns: &str) -> String {
        let (tenant, next) = self.tenant_condition();
        let table = self.name;
        match dialect {
            Dialect::Sqlite => format!(
                "SELECT {columns} FROM (SELECT value AS wanted_ FROM rarray(${next})) CROSS JOIN {table} \
                 WHERE {tenant}{by} = wanted_"
            ),
            Dialect::Postgres => {
                let wanted = any(dialect, by, next);
                format!("SELECT {columns} FROM {table} WHERE {tenant}{wanted}")
            }
        }
    }

    /// Loads the rows of a list of keys.
    pub(crate) fn get_statement(&self, dialect: Dialect) -> &Statement {
        self.texts.get[dialect as usize].get_or_init(|| {
            let text = self.select_by_list(dialect, self.key, self.selected_list());
            self.statement("get", text, Cost::Key).lasting()
        })
    }

    /// Inserts rows: on PostgreSQL one array a column, on SQLite the text is run for each row.
    pub(crate) fn insert_statement(&self, dialect: Dialect) -> &Statement {
        self.texts.insert[dialect as usize].get_or_init(|| {
            let source = match dialect {
                Dialect::Sqlite => {
                    let marks: Vec<_> = (1..=self.columns.len()).map(|n| format!("${n}")).collect();
                    format!("VALUES ({})", marks.join(", "))
                }
                Dialect::Postgres => {
                    let arrays: Vec<_> = (1..)
                        .zip(self.columns)
                        .map(|(n, column)| format!("${n}::{}[]", column.kind.postgres()))
                        .collect();
                    format!("SELECT * FROM unnest({})", arrays.join(", "))
                }
            };
            let text = format!("INSERT INTO {} ({}) {source}", self.name, self.column_list());
            self.statement("insert", text, Cost::Free).lasting()
        })
    }
}

/// `column` is one of the values in list parameter `$n`.
pub(crate) fn any(dialect: Dialect, column: &str, n: usize) -> String {
    match dialect {
        Dialect::Sqlite => format!("{column} IN (SELECT value FROM rarray(${n}))"),
        Dialect::Postgres => format!("{column} = ANY(${n})"),
    }
}

/// A column as the author names it in queries: `User::email`.
pub struct Column<E, T> {
    name: &'static str,
    types: PhantomData<fn() -> (E, T)>,
}

impl<E, T> Clone for Column<E, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E, T> Copy for Column<E, T> {}

impl<E: Entity, T: ColumnType> Column<E, T> {
    /// Names a column; called by the derive.
    pub const fn new(name: &'static str) -> Self {
        Column { name, types: PhantomData }
    }

    /// The column's name in the database.
    pub const fn name(self) -> &'static str {
        self.name
    }
}
