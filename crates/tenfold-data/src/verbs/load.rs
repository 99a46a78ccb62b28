//! Loads of an entity's rows by key.

mod cached;

use std::any::TypeId;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::context::CallerOrigin;
use crate::entity::{Entity, ListForm};
use crate::error::DataError;
use crate::ownership::OrgId;
use crate::relation::Peering;
use crate::scope::keyed::{self, KeyedLoad, KeyedRequest};
use crate::scope::{Asker, BATCH, LoadSource, Scope};
use crate::statement::CallSite;
use crate::value::{ColumnType as _, Value};

/// Requests the rows of `keys`.
pub(super) fn request<E: Entity>(
    origin: &CallerOrigin<'_>,
    keys: Vec<E::Key>,
    site: CallSite,
) -> Result<KeyedRequest<Load<E>>, DataError> {
    let asker = origin.asker(site).for_rows(E::table().tenant.is_some());
    let batch = asker.batch_key(LoadSource::Entity(TypeId::of::<E>()));
    keyed::request(origin.scope, batch, site, keys, [], || Load { asker, entity: PhantomData })
}

pub(crate) struct Load<E> {
    asker: Asker,
    entity: PhantomData<fn() -> E>,
}

/// The rows of some keys. A key without a row is remembered as missing.
type FoundEntities<E> = HashMap<<E as Entity>::Key, Option<Arc<E>>>;

impl<E: Entity> KeyedLoad for Load<E> {
    type Key = E::Key;
    type Value = Arc<E>;
    type Error = DataError;

    fn load(
        self,
        scope: Arc<Scope>,
        keys: Vec<E::Key>,
    ) -> BoxFuture<'static, Result<FoundEntities<E>, DataError>> {
        Box::pin(async move {
            let tenant = self.asker.tenant;
            // By what is asked for: from the cache a page may be short of one row only.
            let asker = if keys.len() < BATCH { self.asker } else { self.asker.for_many() };
            let mut rows = match scope.cache_for(&asker).filter(|_| E::table().is_cached) {
                Some(cache) => cached::rows::<E>(cache, &scope, asker, &keys).await?,
                None => fetch::<E>(&scope, asker, &keys).await?,
            };
            E::link(rows.iter_mut(), Peering::of(&scope, tenant));
            let mut found: FoundEntities<E> = keys.into_iter().map(|key| (key, None)).collect();
            for row in rows {
                found.insert(row.key(), Some(Arc::new(row)));
            }
            Ok(found)
        })
    }
}

/// The rows of these keys, from the database.
async fn fetch<E: Entity>(scope: &Scope, asker: Asker, keys: &[E::Key]) -> Result<Vec<E>, DataError> {
    let (statement, wanted) = match keys {
        [key] => (E::table().get_one_statement(), key.to_value()),
        keys => {
            let form = ListForm::of(scope.database().dialect(), keys.len());
            let statement = E::table().get_statement(form);
            (statement, Value::List(keys.iter().map(E::Key::to_value).collect()))
        }
    };
    let tenant = asker.tenant;
    let params: Vec<Value> = tenant.iter().map(OrgId::to_value).chain([wanted]).collect();
    scope.fetch(&asker, statement, &params, |row| E::read(row, tenant)).await
}
