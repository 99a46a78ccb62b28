//! Touching a relation on one entity: asks for the rows of all its peers, and waits for its own.

use std::any::TypeId;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::batch::RelationBatch;
use super::cohort::{Cohort, view_of};
use super::link::Link;
use super::path::Relation;
use super::peering::Peering;
use super::place::{Field, Member, Place};
use super::related::Related;
use super::rows::Viewer;
use crate::context::Origin;
use crate::error::DataError;
use crate::ownership::OrgId;
use crate::scope::{BatchKey, Loader};
use crate::statement::CallSite;

/// Makes `rows` peers for one relation: `of` gives the value that links a row to its related rows, `field` the
/// relation's field. Called by the derive.
#[doc(hidden)]
pub fn link<E, F: Field>(
    rows: &mut [&mut E],
    peering: Peering,
    relation: &'static Relation<F::Row>,
    of: impl Fn(&E) -> Link,
    field: impl Fn(&mut E) -> &mut F,
) {
    let have_one_owner = peering.tenant.is_some() == F::Row::table().tenant.is_some();
    let is_whole = peering.whole && have_one_owner && rows.len() <= peering.cohort_size;
    for rows in rows.chunks_mut(peering.cohort_size) {
        let links = rows.iter().map(|row| of(row));
        let cohort = Arc::new(Cohort::new(relation, peering.tenant, links, is_whole));
        for (index, row) in (0..).zip(rows) {
            *field(row) = F::from(Member(Some(Place::new(Arc::clone(&cohort), index))));
        }
    }
}

impl<R: Related> Member<R> {
    /// The value that links this entity, for errors.
    pub(super) fn key(&self) -> String {
        let link = self.0.as_ref().map(|place| place.cohort.link_of(place.index));
        match link {
            Some(Link::Uuid(id)) => format!("of {id}"),
            Some(Link::Integer(n)) => format!("of {n}"),
            Some(Link::Text(text)) => format!("of {text}"),
            Some(Link::None) | None => "of nothing".to_owned(),
        }
    }

    /// Asks for the rows of all peers, unless they are there or on their way.
    pub(super) fn touch<'a>(&'a self, origin: &Origin<'_>, site: CallSite) -> Touch<'a, R> {
        let viewer: Viewer = origin.connection.map(|connection| Arc::clone(connection.fate()));
        let mut touch = Touch { place: self.0.as_ref(), viewer, failures: 0, refused: None };
        let Some(place) = touch.place else { return touch };
        let cohort = &place.cohort;
        let tenant = R::table().tenant.and(origin.tenant);
        if tenant.is_some_and(|tenant| !cohort.belongs_to(tenant)) {
            touch.refused = Some(DataError::OtherTenant { site });
            return touch;
        }
        if place.seen(&touch.viewer).is_some() {
            return touch;
        }
        let mut views = cohort.views();
        if place.take(&mut views, &touch.viewer) {
            return touch;
        }
        let view = view_of(&mut views, &touch.viewer);
        touch.failures = view.failures;
        if !view.running {
            match cohort.submit(origin, tenant, site) {
                Ok(()) => view.running = true,
                Err(error) => touch.refused = Some(error),
            }
        }
        touch
    }
}

impl<R: Related> Cohort<R> {
    fn submit(
        self: &Arc<Self>,
        origin: &Origin<'_>,
        tenant: Option<OrgId>,
        site: CallSite,
    ) -> Result<(), DataError> {
        let relation = self.relation();
        let key = BatchKey {
            what: Loader::Relation(TypeId::of::<R>(), relation.from, relation.name),
            tenant,
            connection: origin.connection.map_or(0, |connection| connection.number()),
        };
        let viewer = origin.connection.map(|connection| Arc::clone(connection.fate()));
        let new = || RelationBatch::new(relation, tenant, origin, viewer, site);
        origin.scope.submit(key, site, new, |batch: &mut RelationBatch<R>| batch.add(Arc::clone(self)))
    }
}

/// Waits for one member's rows.
pub(super) struct Touch<'a, R: Related> {
    place: Option<&'a Place<R>>,
    viewer: Viewer,
    /// How often the load had failed when this wait began: a later failure is its own.
    failures: u64,
    refused: Option<DataError>,
}

impl<'a, R: Related> Future for Touch<'a, R> {
    type Output = Result<&'a [R], DataError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(place) = self.place else { return Poll::Ready(Ok(&[])) };
        if let Some(error) = self.refused.take() {
            return Poll::Ready(Err(error));
        }
        if let Some(rows) = place.seen(&self.viewer) {
            return Poll::Ready(Ok(rows));
        }
        let mut views = place.cohort.views();
        if place.take(&mut views, &self.viewer) {
            return Poll::Ready(Ok(place.seen(&self.viewer).unwrap_or_default()));
        }
        let view = view_of(&mut views, &self.viewer);
        if view.failures > self.failures {
            return Poll::Ready(Err(view.error.clone().unwrap_or(DataError::Abandoned)));
        }
        view.wakers.push(cx.waker().clone());
        Poll::Pending
    }
}
