//! Loads by key of entities that say `cached`.

use std::collections::HashMap;
use std::sync::Arc;

use super::fetch;
use crate::cache::{CacheKey, CacheLookup, Codec, RowCache, RowOwner, load};
use crate::entity::{Entity, read_stored, stored};
use crate::error::DataError;
use crate::scope::{Asker, Scope};
use crate::value::{ColumnType as _, Value};

/// The rows of these keys, from the cache where it has them. The others are loaded with one statement.
pub(super) async fn rows<E: Entity>(
    cache: &Arc<RowCache>,
    scope: &Scope,
    asker: Asker,
    keys: &[E::Key],
) -> Result<Vec<E>, DataError> {
    // An answer that is made from the cache depends on the table as well.
    scope.note_named(E::table().name);
    let tenant = asker.tenant;
    let owner = RowOwner::of(E::table().tenant, tenant);
    let lookup = |key: &E::Key| CacheKey::of::<E>(E::table().name, owner?, CacheLookup::Key, &key.to_value());
    let codec = Codec {
        read: |columns: &[Value]| Ok(read_stored::<E>(columns, tenant)?.pop()),
        columns: |row: &Option<E>| stored(row.iter()),
    };
    let fetch = |places: Vec<usize>| {
        let (asker, wanted) =
            (asker.clone(), places.iter().map(|place| keys[*place].clone()).collect::<Vec<_>>());
        async move {
            let rows = fetch::<E>(scope, asker, &wanted).await?;
            let mut by_key: HashMap<E::Key, E> = rows.into_iter().map(|row| (row.key(), row)).collect();
            Ok::<Vec<Option<E>>, DataError>(wanted.iter().map(|key| by_key.remove(key)).collect())
        }
    };
    let found = load(cache, scope.clock(), keys.iter().map(lookup).collect(), codec, fetch).await?;
    Ok(found.into_iter().flatten().collect())
}
