//! Loads by key: merged across the whole request, each key asked once, remembered until something is written.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::keyed::{self, KeyedLoad, Wait};
use super::{BatchKey, Loader, Scope};
use crate::context::Origin;
use crate::entity::{Entity, OrgId};
use crate::error::DataError;
use crate::statement::CallSite;
use crate::transaction::Connection;
use crate::value::{ColumnType as _, Value};

/// The rows of some keys; a key without a row is remembered as missing.
type Found<E> = HashMap<<E as Entity>::Key, Option<Arc<E>>>;

/// A wait for some keys; for those that are remembered it is over at once.
pub(crate) struct Request<E: Entity> {
    keys: Vec<E::Key>,
    known: Found<E>,
    waiting: Option<Wait<Load<E>>>,
}

impl<E: Entity> Request<E> {
    /// Asks for `keys` at once, so that loads that are made before the first `await` share a batch.
    pub(crate) fn new(origin: &Origin<'_>, keys: Vec<E::Key>, site: CallSite) -> Result<Self, DataError> {
        let tenant = E::table().tenant.and(origin.tenant);
        let mut known = Found::<E>::new();
        // A transaction may have changed what is remembered, so it reads for itself.
        if origin.connection.is_none() {
            origin.scope.recall::<E>(tenant, &keys, &mut known);
        }
        let missing: Vec<_> = keys.iter().filter(|key| !known.contains_key(key)).cloned().collect();
        if missing.is_empty() {
            return Ok(Request { keys, known, waiting: None });
        }
        let key = BatchKey {
            what: Loader::Entity(TypeId::of::<E>()),
            tenant,
            connection: origin.connection.map_or(0, |connection| connection.number()),
        };
        let connection = origin.connection.cloned();
        let new = || Load { tenant, connection, site, entity: std::marker::PhantomData };
        let waiting = keyed::submit(origin.scope, key, site, &missing, new)?;
        Ok(Request { keys, known, waiting: Some(waiting) })
    }

    /// The rows, each in its key's place.
    pub(crate) async fn rows(self) -> Result<Vec<Option<Arc<E>>>, DataError> {
        let Some(waiting) = self.waiting else {
            return Ok(self.keys.iter().map(|key| self.known[key].clone()).collect());
        };
        let found = waiting.values(&self.keys).await?;
        let known = |key: &E::Key| self.known.get(key).cloned();
        Ok(self.keys.iter().zip(found).map(|(key, found)| known(key).unwrap_or(found)).collect())
    }
}

struct Load<E> {
    tenant: Option<OrgId>,
    connection: Option<Arc<Connection>>,
    site: CallSite,
    entity: std::marker::PhantomData<fn() -> E>,
}

impl<E: Entity> KeyedLoad for Load<E> {
    type Key = E::Key;
    type Value = Arc<E>;
    type Error = DataError;

    fn load(self, scope: Arc<Scope>, keys: Vec<E::Key>) -> BoxFuture<'static, Result<Found<E>, DataError>> {
        Box::pin(async move {
            let generation = scope.state().generation;
            let statement = E::table().get_statement(scope.database().dialect());
            let list = Value::List(keys.iter().map(E::Key::to_value).collect());
            let params: Vec<Value> = self.tenant.iter().map(OrgId::to_value).chain([list]).collect();
            let connection = self.connection.as_deref();
            let mut rows = scope.fetch(connection, statement, &params, self.site, E::read).await?;
            E::link(&mut rows, self.tenant);
            let mut found: Found<E> = keys.into_iter().map(|key| (key, None)).collect();
            for row in rows {
                found.insert(row.key(), Some(Arc::new(row)));
            }
            if connection.is_none() {
                scope.remember::<E>(self.tenant, generation, &found);
            }
            Ok(found)
        })
    }
}

impl Scope {
    /// Copies what is remembered of `keys` into `known`.
    fn recall<E: Entity>(&self, tenant: Option<OrgId>, keys: &[E::Key], known: &mut Found<E>) {
        let state = self.state();
        let Some(rows) = state.remembered.get(&(TypeId::of::<E>(), tenant)) else { return };
        let rows: &Found<E> = rows.downcast_ref().expect("rows are remembered under their entity's type");
        known.extend(keys.iter().filter_map(|key| Some((key.clone(), rows.get(key)?.clone()))));
    }

    /// Remembers rows, unless something was written since `generation`.
    fn remember<E: Entity>(&self, tenant: Option<OrgId>, generation: u64, found: &Found<E>) {
        let mut state = self.state();
        if state.generation != generation {
            return;
        }
        let rows = state
            .remembered
            .entry((TypeId::of::<E>(), tenant))
            .or_insert_with(|| Box::new(Found::<E>::new()));
        let rows: &mut Found<E> = rows.downcast_mut().expect("rows are remembered under their entity's type");
        rows.extend(found.iter().map(|(key, row)| (key.clone(), row.clone())));
    }
}
