//! Conditions on the rows of a relation.

use std::marker::PhantomData;

use super::filter::{Filter, Place, Test};
use crate::entity::Entity;
use crate::ownership::Within;
use crate::relation::Path;
use crate::statement::Dialect;
use crate::value::Value;

/// A relation as the author names it in filters: `Task::labels`. A relation with a limit has none, since it is about
/// the first rows, and a condition about all.
pub struct Association<E, T> {
    own: &'static str,
    path: Path,
    types: PhantomData<fn() -> (E, T)>,
}

impl<E, T> Clone for Association<E, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E, T> Copy for Association<E, T> {}

/// Whether there is a related row.
#[derive(Debug)]
pub(super) struct Exists {
    is_negated: bool,
    /// The column of the list's row that relates the two.
    own: &'static str,
    /// The related table, and its column that relates the two, or that the table between names.
    table: Named,
    between: Option<Between>,
    pub(super) test: Option<Box<Test>>,
}

/// A table, a column of it that holds a link, and the column that names the organization.
#[derive(Debug)]
struct Named {
    name: &'static str,
    link: &'static str,
    tenant: Option<&'static str>,
}

/// The table between two entities that each have many of the other.
#[derive(Debug)]
struct Between {
    table: Named,
    to: &'static str,
}

impl<E: Entity, T: Entity> Association<E, T> {
    /// Names a relation by the entity's own column and the path; called by the derive.
    #[doc(hidden)]
    pub const fn new(own: &'static str, path: Path) -> Self {
        Association { own, path, types: PhantomData }
    }
}

impl<E: Entity, T: Entity> Association<E, T>
where
    T::Owner: Within<E::Owner>,
{
    /// Passes rows with at least one related row that passes `filter`: `Task::labels.any(Label::name.eq("bug"))`. The
    /// related rows are those of the same organization.
    ///
    /// The index that loads the relation serves it: each row of the list is looked up there. So the list should be
    /// narrowed by something else, or pass many of its rows. To find the few of many, start at the other entity.
    pub fn any(self, filter: Filter<T>) -> Filter<E> {
        self.exists(false, Some(filter))
    }

    /// Passes rows without a related row that passes `filter`; also those without any related row.
    pub fn none(self, filter: Filter<T>) -> Filter<E> {
        self.exists(true, Some(filter))
    }

    /// Passes rows without a related row.
    pub fn is_empty(self) -> Filter<E> {
        self.exists(true, None)
    }

    /// Passes rows with a related row.
    pub fn is_not_empty(self) -> Filter<E> {
        self.exists(false, None)
    }

    fn exists(self, is_negated: bool, filter: Option<Filter<T>>) -> Filter<E> {
        let (table, Path { by, through, .. }) = (T::table(), self.path);
        let tenant = table.tenant;
        let between = through.zip(by).map(|(through, by)| {
            let join = (through.table)();
            Between { table: Named { name: join.name, link: by, tenant: join.tenant }, to: through.to }
        });
        let link = by.filter(|_| between.is_none()).unwrap_or(table.key);
        let table = Named { name: table.name, link, tenant };
        let test = filter.map(|filter| Box::new(filter.test));
        Filter::new(Test::Exists(Exists { is_negated, own: self.own, table, between, test }))
    }
}

impl Exists {
    /// `EXISTS (SELECT 1 FROM labelings AS between_1 JOIN labels AS any_1 ON … WHERE …)`. Each table has its own
    /// condition on the organization, so that its own index is used.
    ///
    /// On PostgreSQL it ends with `OFFSET 0`, which the planner does not turn into a join. The join may read all related
    /// rows of the organization for a page of ten. And it is compared with a number: the planner takes half the rows for
    /// passing an EXISTS, and nearly all for passing `<> 0`. For few rows it would sort them instead of reading the page
    /// in the order of an index.
    pub(super) fn condition(&self, outer: &Place, params: &mut Vec<Value>) -> String {
        let depth = outer.depth + 1;
        let place = Place { dialect: outer.dialect, row: format!("any_{depth}"), depth };
        let (row, table, own) = (&place.row, &self.table, format!("{}.{}", outer.row, self.own));
        let mut source = format!("{} AS {row}", table.name);
        let mut conditions: Vec<String> = Vec::new();
        if let Some(Between { table: join, to }) = &self.between {
            let between = format!("between_{depth}");
            source =
                format!("{} AS {between} JOIN {source} ON {row}.{} = {between}.{to}", join.name, table.link);
            conditions.extend(join.tenant.map(|tenant| format!("{between}.{tenant} = $1")));
            conditions.push(format!("{between}.{} = {own}", join.link));
            conditions.extend(table.tenant.map(|tenant| format!("{row}.{tenant} = $1")));
        } else {
            conditions.extend(table.tenant.map(|tenant| format!("{row}.{tenant} = $1")));
            conditions.push(format!("{row}.{} = {own}", table.link));
        }
        conditions.extend(self.test.iter().map(|test| test.condition(&place, None, params)));
        let not = if self.is_negated { "NOT " } else { "" };
        let inner = format!("SELECT 1 FROM {source} WHERE {}", conditions.join(" AND "));
        match place.dialect {
            Dialect::Sqlite => format!("{not}EXISTS ({inner})"),
            Dialect::Postgres => format!("({not}EXISTS ({inner} OFFSET 0))::integer <> 0"),
        }
    }
}
