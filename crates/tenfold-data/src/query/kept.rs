//! Lists and counts of entities that say `cached(lists)`: a list is kept by its text and its parameters, as the columns of its rows.
//!
//! It depends on each change of its table, and of the tables that its filters look at, in the organization. Nothing else makes another
//! list: the order is one of its own columns, a cursor is a parameter, and triggers keep the index of a search with the row.

use std::sync::Arc;

use super::{EntityQuery, Range, SortColumn, Target};
use crate::cache::{CacheKey, CacheLookup, CachedRows, Codec, ListReads, RowCache, RowOwner, load};
use crate::entity::{Entity, read_stored, stored};
use crate::error::DataError;
use crate::row::{Row, RowSource};
use crate::value::Value;

impl<E: Entity> EntityQuery<E> {
    /// The rows, and one more than wanted if there is one; from the cache if it has them.
    pub(super) async fn listed(&self, target: &Target, wanted: usize) -> Result<Vec<E>, DataError> {
        let ranges = self.ranges(target)?;
        let Some((cache, key)) = self.list_lookup(target, &ranges, wanted) else {
            return self.fetch(target, ranges, wanted).await;
        };
        let tenant = target.asker.tenant;
        let codec = Codec {
            read: |columns: &[Value]| read_stored::<E>(columns, tenant),
            columns: |rows: &Vec<E>| stored(rows.iter()),
        };
        let fetch = |_: Vec<usize>| {
            let ranges = ranges.clone();
            async move { Ok::<Vec<Vec<E>>, DataError>(vec![self.fetch(target, ranges, wanted).await?]) }
        };
        let mut found = load(cache, target.scope.clock(), vec![Some(key)], codec, fetch).await?;
        Ok(found.pop().unwrap_or_default())
    }

    /// How many rows there are, at most `limit`; from the cache if it has the number.
    pub(super) async fn counted(&self, target: &Target, limit: Option<usize>) -> Result<i64, DataError> {
        let range = self.condition(target, None)?;
        let Some((cache, key)) = self.count_lookup(target, &range, limit) else {
            return self.fetch_count(target, range, limit).await;
        };
        let codec = Codec {
            read: |columns: &[Value]| Row(RowSource::Values(columns)).integer(0),
            columns: |count: &i64| -> CachedRows { [Value::Integer(*count)].into() },
        };
        let fetch = |_: Vec<usize>| {
            let range = range.clone();
            async move { Ok::<Vec<i64>, DataError>(vec![self.fetch_count(target, range, limit).await?]) }
        };
        let mut found = load(cache, target.scope.clock(), vec![Some(key)], codec, fetch).await?;
        Ok(found.pop().unwrap_or_default())
    }

    /// How the list is found in the cache; `None` if it is not kept there.
    fn list_lookup<'t>(
        &self,
        target: &'t Target,
        ranges: &[Range],
        wanted: usize,
    ) -> Option<(&'t Arc<RowCache>, CacheKey)> {
        let cache = cache_of_lists::<E>(target)?;
        let order: Vec<_> = self.order.iter().map(SortColumn::text).collect();
        let conditions: Vec<_> = ranges.iter().map(|(condition, _)| condition.as_str()).collect();
        let text = format!("{}{} ORDER BY {}", E::table().name, conditions.join(", then"), order.join(", "));
        let mut parameters: Vec<_> = ranges.iter().map(|(_, params)| Value::List(params.clone())).collect();
        parameters.push(number(Some(wanted)));
        Some((cache, self.lookup(target, text, &parameters)?))
    }

    /// The same for the count of a list.
    fn count_lookup<'t>(
        &self,
        target: &'t Target,
        (condition, params): &Range,
        limit: Option<usize>,
    ) -> Option<(&'t Arc<RowCache>, CacheKey)> {
        let cache = cache_of_lists::<E>(target)?;
        let text = format!("count of {}{condition}", E::table().name);
        let parameters = [Value::List(params.clone()), number(limit)];
        Some((cache, self.lookup(target, text, &parameters)?))
    }

    fn lookup(&self, target: &Target, text: String, parameters: &[Value]) -> Option<CacheKey> {
        let table = E::table();
        let owner = RowOwner::of(table.tenant, target.asker.tenant)?;
        let mut beside = Vec::new();
        self.filters.iter().for_each(|filter| filter.test.tables(&mut beside));
        beside.retain(|name| *name != table.name);
        beside.sort_unstable();
        beside.dedup();
        let lookup = CacheLookup::List(ListReads::of(&beside)?);
        // An answer that is made from the cache depends on the tables as well. The text names them all.
        target.scope.note_named(&text);
        CacheKey::of::<E>(table.name, owner, lookup, &Value::Text(text))?.with(parameters)
    }
}

/// The cache, if it may answer for a list of these entities.
fn cache_of_lists<E: Entity>(target: &Target) -> Option<&Arc<RowCache>> {
    target.scope.cache_for(&target.asker).filter(|_| E::table().keeps_lists)
}

fn number(of: Option<usize>) -> Value {
    of.and_then(|of| i64::try_from(of).ok()).map_or(Value::Null, Value::Integer)
}
