//! How a relation's rows are found: the statement for the links of all peers.

use std::sync::OnceLock;

use super::reference::Ref;
use super::related::Related;
use crate::cache::CacheLookup;
use crate::entity::{Column, Entity, ListForm, Table, any, wanted_links};
use crate::statement::{Dialect, Statement, StatementCost};
use crate::value::{ColumnType, KeyType, Kind, Sortable};

/// What the derive knows about a relation.
#[doc(hidden)]
pub struct Relation<R: Related> {
    /// The table of the entity that has the field.
    pub from: &'static str,
    /// The field.
    pub name: &'static str,
    path: RelationPath,
    texts: [OnceLock<Statement>; ListForm::COUNT],
    between: OnceLock<Statement>,
    rows: std::marker::PhantomData<fn() -> R>,
}

/// Where the links are, and which of the rows to load in which order.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct RelationPath {
    /// The column that holds the link: in the related table, or in the join table. `None` for "belongs to", whose link
    /// is the related key.
    pub by: Option<&'static str>,
    pub through: Option<Through>,
    /// The order before the key, which always decides last.
    pub order: Option<Order>,
    /// The maximum number of rows for each entity.
    pub limit: Option<u32>,
}

/// The join table between two entities that each have many of the other.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Through {
    pub table: fn() -> &'static Table,
    /// The column that holds the related key.
    pub to: &'static str,
}

#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Order {
    pub column: &'static str,
    pub descending: bool,
}

/// A column type that can hold a key of type `K`. With it the derive refuses a relation by a column that cannot.
#[diagnostic::on_unimplemented(
    message = "a column of type `{Self}` cannot hold the key `{K}`",
    label = "the relation's `by` or `to` names a column of another type than the key that it refers to"
)]
pub trait LinkTo<K>: ColumnType {}

impl<K: KeyType> LinkTo<K> for K {}
impl<K: KeyType> LinkTo<K> for Option<K> {}
impl<K: KeyType> LinkTo<K> for Ref<K> {}

/// The name of a column that holds keys of `To`.
#[doc(hidden)]
pub const fn linked<To: Entity, E: Entity, T: LinkTo<To::Key>>(column: Column<E, T>) -> &'static str {
    column.name()
}

/// The table of an entity that joins two others. It must have the same owner as the entity it leads to.
#[doc(hidden)]
pub fn between<Join: Entity<Owner = To::Owner>, To: Entity>() -> &'static Table {
    Join::table()
}

/// The name of a column that rows can be ordered by.
#[doc(hidden)]
pub const fn ordered<E: Entity, T: Sortable>(column: Column<E, T>) -> &'static str {
    column.name()
}

/// Refuses a relation between entities of two modules: no join crosses a module. Called by the derive, in a constant.
#[doc(hidden)]
pub const fn same_module<E: Entity, T: Entity>() {
    let (one, other) = (E::MODULE.as_bytes(), T::MODULE.as_bytes());
    let mut is_same = one.len() == other.len();
    let mut place = 0;
    while is_same && place < one.len() {
        is_same = one[place] == other[place];
        place += 1;
    }
    assert!(
        is_same,
        "a relation leads to an entity of the same module; call the other module through its interface"
    );
}

impl<R: Related> Relation<R> {
    /// Describes a relation; called by the derive.
    pub const fn new(from: &'static str, name: &'static str, path: RelationPath) -> Self {
        Relation {
            from,
            name,
            path,
            texts: [const { OnceLock::new() }; ListForm::COUNT],
            between: OnceLock::new(),
            rows: std::marker::PhantomData,
        }
    }

    /// The statement that loads the rows of `R` for a list of links, with the rows of a link next to each other. The
    /// link is one of the related columns, or the last column.
    pub(super) fn statement(&self, form: ListForm) -> &Statement {
        self.texts[form as usize].get_or_init(|| {
            // The plan is reused only for rows of one table that hold the link themselves. With two tables the planner
            // could choose to scan one of them.
            let is_planned = form == ListForm::PostgresFew && self.link_among_columns().is_none();
            let form = if is_planned { ListForm::PostgresMany } else { form };
            let text = match self.path.limit {
                None => self.every_row(form),
                Some(limit) => self.first_rows(form.dialect(), limit),
            };
            R::table().statement(&self.verb(), text, form.cost()).lasting()
        })
    }

    /// The statement that loads the rows of all links between two values, with the rows of a link next to each other.
    /// It exists only if the related rows hold the link themselves, as a uuid or an integer that refers to the entity
    /// with the relation, and if the relation has no order of its own. The last parameter is the maximum number of
    /// rows.
    ///
    /// It specifies no order within a link, which an index on the link alone could not provide. PostgreSQL can reuse
    /// its plan, because there is only one: a scan of the link's index from one value to the other.
    pub(super) fn between_statement(&self) -> Option<&Statement> {
        let table = R::table();
        let by = self.path.by.filter(|_| self.link_among_columns().is_some() && self.path.order.is_none())?;
        if !matches!(table.kind_of(by), Kind::Uuid | Kind::Integer) {
            return None;
        }
        Some(self.between.get_or_init(|| {
            let (tenant, next) = table.tenant_condition();
            let (columns, name) = (table.selected_list(), table.name);
            let text = format!(
                "SELECT {columns} FROM {name} WHERE {tenant}{by} >= ${next} AND {by} <= ${} ORDER BY {by} LIMIT ${}",
                next + 1,
                next + 2
            );
            table.statement(&self.verb(), text, StatementCost::Key).lasting()
        }))
    }

    /// Whether a link has one row at most, because it is the row's key.
    pub(super) fn has_one_row(&self) -> bool {
        self.path.through.is_none() && self.path.by.is_none_or(|by| by == R::table().key)
    }

    /// How the cache looks up the rows of a link; `None` for relations that are not cached: over a join table, a change
    /// of which is none of the related rows.
    pub(super) fn cache_lookup(&'static self) -> Option<CacheLookup> {
        let is_cached = R::table().is_cached && self.path.through.is_none();
        let is_key = self.has_one_row() && !R::COUNTS && self.path.limit.is_none();
        let by_relation = || CacheLookup::Relation(std::ptr::from_ref(self).addr());
        is_cached.then(|| if is_key { CacheLookup::Key } else { by_relation() })
    }

    fn verb(&self) -> String {
        format!("{}_of_{}", self.name, self.from)
    }

    /// The position of the link in a row of the statement, after the related row's columns.
    pub(super) fn link_place(&self) -> usize {
        if R::COUNTS { 1 } else { R::table().selected().count() }
    }

    /// The position of the link among the related row's columns, so that it need not be selected twice.
    pub(super) fn link_among_columns(&self) -> Option<usize> {
        let is_there = !R::COUNTS && self.path.through.is_none() && self.path.limit.is_none();
        let link = self.path.by.unwrap_or(R::table().key);
        R::table().selected().position(|name| name == link).filter(|_| is_there)
    }

    pub(super) fn link_kind(&self) -> Kind {
        match (&self.path.through, self.path.by) {
            (Some(through), Some(by)) => (through.table)().kind_of(by),
            (_, by) => R::table().kind_of(by.unwrap_or(R::table().key)),
        }
    }

    /// The column that holds the link, as [`Relation::source`] names it.
    fn link_column(&self) -> String {
        let by = self.path.by.unwrap_or(R::table().key);
        if self.path.through.is_some() { format!("j.{by}") } else { by.to_owned() }
    }

    /// The FROM clause, the condition that restricts it to the tenant, and the next parameter's number.
    fn source(&self) -> (String, String, usize) {
        let table = R::table();
        let Some(through) = &self.path.through else {
            let (tenant, next) = table.tenant_condition();
            return (table.name.to_owned(), tenant, next);
        };
        let join = (through.table)();
        let (mut tenant, mut next) = (String::new(), 1);
        // Both tables have the same owner; the derive ensures that. Each has its own condition, so that each table is
        // read by its own index.
        if let (Some(ours), Some(theirs)) = (table.tenant, join.tenant) {
            tenant = format!("j.{theirs} = $1 AND t.{ours} = $1 AND ");
            next = 2;
        }
        let on = format!("t.{} = j.{}", table.key, through.to);
        (format!("{} AS j JOIN {} AS t ON {on}", join.name, table.name), tenant, next)
    }

    /// The related table's columns, as the source names them.
    fn columns(&self) -> String {
        if R::COUNTS {
            return "count(*)".to_owned();
        }
        let prefix = if self.path.through.is_some() { "t." } else { "" };
        let names: Vec<_> = R::table().selected().map(|name| format!("{prefix}{name}")).collect();
        names.join(", ")
    }

    /// `created_at DESC, id DESC`: the order within one link.
    fn order(&self, prefix: &str) -> String {
        let key = R::table().key;
        let direction =
            if self.path.order.as_ref().is_some_and(|order| order.descending) { " DESC" } else { "" };
        match self.path.order.as_ref().filter(|order| order.column != key) {
            Some(order) => format!("{prefix}{}{direction}, {prefix}{key}{direction}", order.column),
            None => format!("{prefix}{key}{direction}"),
        }
    }

    fn every_row(&self, form: ListForm) -> String {
        let dialect = form.dialect();
        let (columns, link, (source, tenant, next)) = (self.columns(), self.link_column(), self.source());
        let columns =
            if self.link_among_columns().is_some() { columns } else { format!("{columns}, {link}") };
        let wanted = any(dialect, &link, next);
        let rest = if R::COUNTS {
            format!("GROUP BY {link} ORDER BY {link}")
        } else if self.has_one_row() {
            // One row for each link, so there is nothing to group.
            return R::table().select_by_list(form, &link, &columns);
        } else if form == ListForm::PostgresFew {
            return self.rows_of_each_link("", "OFFSET 0");
        } else {
            format!("ORDER BY {link}, {}", self.order(if self.path.through.is_some() { "t." } else { "" }))
        };
        format!("SELECT {columns} FROM {source} WHERE {tenant}{wanted} {rest}")
    }

    /// The rows of one link after the other, on PostgreSQL, with at most `bound` rows for each.
    fn rows_of_each_link(&self, more: &str, bound: &str) -> String {
        let (columns, link, (source, tenant, next)) = (self.columns(), self.link_column(), self.source());
        let order = self.order(if self.path.through.is_some() { "t." } else { "" });
        let inner = format!(
            "SELECT {columns} FROM {source} WHERE {tenant}{link} = wanted.link ORDER BY {order} {bound}"
        );
        let rows = R::table().select_for_each(&wanted_links(next, self.link_kind()), more, &inner);
        format!("{rows} ORDER BY wanted.link, {}", self.order("r."))
    }

    /// The two databases differ: PostgreSQL reads only the wanted number of rows for each link. SQLite has no LATERAL,
    /// so it numbers the rows of each link and keeps the first ones.
    fn first_rows(&self, dialect: Dialect, limit: u32) -> String {
        if dialect == Dialect::Postgres {
            return self.rows_of_each_link(", wanted.link", &format!("LIMIT {limit}"));
        }
        let (columns, link, (source, tenant, next)) = (self.columns(), self.link_column(), self.source());
        let order = self.order(if self.path.through.is_some() { "t." } else { "" });
        let (outer, wanted) = (R::table().selected_list(), any(dialect, &link, next));
        format!(
            "SELECT {outer}, tenfold_link FROM (SELECT {columns}, {link} AS tenfold_link, row_number() OVER \
             (PARTITION BY {link} ORDER BY {order}) AS tenfold_place FROM {source} WHERE {tenant}{wanted}) \
             WHERE tenfold_place <= {limit} ORDER BY tenfold_link, tenfold_place"
        )
    }
}
