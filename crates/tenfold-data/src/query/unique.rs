//! Lists by the values of a unique key, of entities that say `cached`: they have one row, or none, which is kept.

use super::condition::Test;
use super::{EntityQuery, Target};
use crate::cache::{CacheKey, CacheLookup, Codec, RowOwner, UniqueLookup, load};
use crate::entity::{Entity, read_stored, stored};
use crate::error::DataError;
use crate::value::Value;

impl<E: Entity> EntityQuery<E> {
    /// What the row is kept by, if the filters are the values of a unique key and nothing else.
    pub(super) fn unique_key(&self, target: &Target, wanted: usize) -> Option<CacheKey> {
        let table = E::table();
        if !table.is_cached || self.cursor.is_some() || wanted == 0 {
            return None;
        }
        let owner = RowOwner::of(table.tenant, target.asker.tenant)?;
        table.uniques.iter().find_map(|columns| {
            let values = self.values_of(columns)?;
            let key_at = table.selected().position(|column| column == table.key)?;
            let unique =
                UniqueLookup { by: columns.as_ptr().addr(), key_at, width: table.selected().count() };
            let (first, others) = values.split_first()?;
            CacheKey::of::<E>(table.name, owner, CacheLookup::Unique(unique), first)?.and(others)
        })
    }

    /// The value that each of these columns must have, if nothing else is asked of a row.
    fn values_of(&self, columns: &[&'static str]) -> Option<Vec<Value>> {
        if self.filters.len() != columns.len() {
            return None;
        }
        let value = |column: &&str| {
            self.filters.iter().find_map(|filter| match &filter.test {
                Test::Compare(on, "=", value) if on == column => Some(value.clone()),
                _ => None,
            })
        };
        columns.iter().map(value).collect()
    }

    /// The row, from the cache if it has it.
    pub(super) async fn unique_row(
        &self,
        target: &Target,
        key: CacheKey,
        wanted: usize,
    ) -> Result<Vec<E>, DataError> {
        let (scope, tenant) = (&target.scope, target.asker.tenant);
        let Some(cache) = scope.cache_for(&target.asker) else {
            return self.fetch(target, self.ranges(target)?, wanted).await;
        };
        // An answer that is made from the cache depends on the table as well.
        scope.note_named(E::table().name);
        let codec = Codec {
            read: |columns: &[Value]| read_stored::<E>(columns, tenant),
            columns: |rows: &Vec<E>| stored(rows.iter()),
        };
        let fetch = |_: Vec<usize>| async move {
            let rows = self.fetch(target, self.ranges(target)?, wanted).await?;
            Ok::<Vec<Vec<E>>, DataError>(vec![rows])
        };
        let found = load(cache, scope.clock(), vec![Some(key)], codec, fetch).await?;
        Ok(found.into_iter().flatten().collect())
    }
}
