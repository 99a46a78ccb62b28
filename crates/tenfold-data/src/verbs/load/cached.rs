//! Loads by key of entities that say `cached`.

use std::collections::HashMap;
use std::sync::Arc;

use super::fetch;
use crate::cache::{CacheKey, CacheLook, CachedRow, Lease, Passenger, RowCache, RowOwner, as_stored};
use crate::entity::Entity;
use crate::error::DataError;
use crate::ownership::OrgId;
use crate::row::{ReadError, Row, RowSource};
use crate::scope::{Asker, Scope};
use crate::value::{ColumnType as _, Value};

/// How often another's load is waited for that comes to nothing. Then the asker loads for itself.
const WAITS: usize = 2;

/// The cache, if it may answer this load. A transaction reads for itself: what it reads decides what it writes.
pub(super) fn usable<'s, E: Entity>(scope: &'s Scope, asker: &Asker) -> Option<&'s Arc<RowCache>> {
    if !E::table().is_cached || asker.connection.is_some() || scope.is_in_transaction() {
        return None;
    }
    scope.database().cache()
}

/// The rows of these keys, from the cache where it has them. The others are loaded with one statement.
pub(super) async fn rows<E: Entity>(
    cache: &Arc<RowCache>,
    scope: &Scope,
    asker: Asker,
    mut keys: Vec<E::Key>,
) -> Result<Vec<E>, DataError> {
    // An answer that is made from the cache depends on the table as well.
    scope.note_named(E::table().name);
    let mut rows = Vec::with_capacity(keys.len());
    for _ in 0..WAITS {
        let looked = Looked::of::<E>(cache, scope, &asker, std::mem::take(&mut keys), &mut rows);
        if !looked.to_load.is_empty() {
            let loaded = fetch::<E>(scope, asker.clone(), &looked.to_load).await?;
            keep::<E>(scope, &loaded, looked.leases);
            rows.extend(loaded);
        }
        for (key, passenger) in looked.waits {
            match passenger.landed().await {
                Some(row) => {
                    keys.extend(read_into::<E>(&row, asker.tenant, &mut rows).is_err().then_some(key))
                }
                None => keys.push(key),
            }
        }
        if keys.is_empty() {
            return Ok(rows);
        }
    }
    rows.extend(fetch::<E>(scope, asker, &keys).await?);
    Ok(rows)
}

/// What is to be done for the keys that the cache has not answered.
struct Looked<K> {
    to_load: Vec<K>,
    leases: Vec<(K, Lease)>,
    waits: Vec<(K, Passenger)>,
}

impl<K> Looked<K> {
    /// Looks for all keys, and reads the rows that are there.
    fn of<E: Entity<Key = K>>(
        cache: &Arc<RowCache>,
        scope: &Scope,
        asker: &Asker,
        keys: Vec<K>,
        rows: &mut Vec<E>,
    ) -> Self
    where
        K: Clone,
    {
        let now = scope.clock().steady();
        let mut looked = Looked { to_load: Vec::new(), leases: Vec::new(), waits: Vec::new() };
        for key in keys {
            let look = cache_key::<E>(asker.tenant, &key).map(|key| cache.look(key, now));
            match look {
                Some(CacheLook::Hit(row)) if read_into(&row, asker.tenant, rows).is_ok() => {}
                Some(CacheLook::Load(lease)) => {
                    looked.to_load.push(key.clone());
                    looked.leases.push((key, lease));
                }
                Some(CacheLook::Wait(passenger)) => looked.waits.push((key, passenger)),
                Some(CacheLook::Hit(_) | CacheLook::Bypass) | None => looked.to_load.push(key),
            }
        }
        looked
    }
}

/// `None` for a row that cannot be cached.
fn cache_key<E: Entity>(tenant: Option<OrgId>, key: &E::Key) -> Option<CacheKey> {
    let owner = match (E::table().tenant, tenant) {
        (Some(_), Some(tenant)) => RowOwner::Organization(tenant),
        (None, _) => RowOwner::Nobody,
        (Some(_), None) => return None,
    };
    CacheKey::new(E::table().name, owner, &key.to_value())
}

/// Keeps what was loaded, and that there is no row for the other keys.
fn keep<E: Entity>(scope: &Scope, loaded: &[E], leases: Vec<(E::Key, Lease)>) {
    let now = scope.clock().steady();
    let by_key: HashMap<E::Key, &E> = loaded.iter().map(|row| (row.key(), row)).collect();
    for (key, lease) in leases {
        lease.fill(by_key.get(&key).map(|row| columns(*row)), now);
    }
}

/// The columns that [`Entity::read`] wants, as SQLite would give them.
fn columns<E: Entity>(row: &E) -> Arc<[Value]> {
    let tenant = E::table().tenant;
    let named = E::table().columns.iter().zip(row.values());
    named.filter(|(column, _)| tenant != Some(column.name)).map(|(_, value)| as_stored(value)).collect()
}

/// Reads the row, if there is one.
fn read_into<E: Entity>(row: &CachedRow, tenant: Option<OrgId>, rows: &mut Vec<E>) -> Result<(), ReadError> {
    if let Some(columns) = row {
        rows.push(E::read(&Row(RowSource::Values(columns)), tenant)?);
    }
    Ok(())
}
