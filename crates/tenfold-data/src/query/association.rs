//! Conditions on the rows of a relation.

use std::marker::PhantomData;

use super::condition::{Between, Exists, LinkTable, Test};
use super::filter::Filter;
use crate::entity::Entity;
use crate::ownership::Within;
use crate::relation::RelationPath;

/// A relation as the author names it in filters: `Task::labels`. A relation with a limit has none, since it is about
/// the first rows, and a condition about all.
pub struct Association<E, T> {
    own: &'static str,
    path: RelationPath,
    types: PhantomData<fn() -> (E, T)>,
}

impl<E, T> Clone for Association<E, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E, T> Copy for Association<E, T> {}

impl<E: Entity, T: Entity> Association<E, T> {
    /// Names a relation by the entity's own column and the path; called by the derive.
    #[doc(hidden)]
    pub const fn new(own: &'static str, path: RelationPath) -> Self {
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
        let (table, RelationPath { by, through, .. }) = (T::table(), self.path);
        let tenant = table.tenant;
        let between = through.zip(by).map(|(through, by)| {
            let join = (through.table)();
            Between { table: LinkTable { name: join.name, link: by, tenant: join.tenant }, to: through.to }
        });
        let link = by.filter(|_| between.is_none()).unwrap_or(table.key);
        let table = LinkTable { name: table.name, link, tenant };
        let test = filter.map(|filter| Box::new(filter.test));
        Filter::new(Test::Exists(Exists { is_negated, own: self.own, table, between, test }))
    }
}
