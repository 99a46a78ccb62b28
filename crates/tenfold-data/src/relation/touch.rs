//! Touching a relation on one entity: requests the rows of all its peers, and waits for its own.

use std::any::TypeId;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::batch::RelationBatch;
use super::cohort::{Cohort, view_of};
use super::link::Link;
use super::path::Relation;
use super::peering::Peering;
use super::place::{Field, Member, MemberPlace};
use super::related::Related;
use super::rows::Viewer;
use crate::context::CallerOrigin;
use crate::error::DataError;
use crate::scope::{Answer, LoadSource};
use crate::statement::CallSite;

/// Makes `rows` peers for one relation: `of` returns the value that links a row to its related rows, `field` the
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
            *field(row) = F::from(Member(Some(MemberPlace::new(Arc::clone(&cohort), index))));
        }
    }
}

impl<R: Related> Member<R> {
    /// The link of this entity, for errors.
    pub(super) fn key(&self) -> String {
        let link = self.0.as_ref().map(|place| place.cohort.link_of(place.index));
        match link {
            Some(Link::Uuid(id)) => format!("of {id}"),
            Some(Link::Integer(n)) => format!("of {n}"),
            Some(Link::Text(text)) => format!("of {text}"),
            Some(Link::None) | None => "of nothing".to_owned(),
        }
    }

    /// Requests the rows of all peers, unless they are loaded or the load is under way.
    pub(super) fn touch<'a>(&'a self, origin: &CallerOrigin<'_>, site: CallSite) -> Touch<'a, R> {
        let viewer = origin.connection.map(|connection| Arc::clone(connection.state()));
        let mut touch = Touch { place: self.0.as_ref(), viewer, waits: None, refused: None };
        let Some(place) = touch.place else { return touch };
        let cohort = &place.cohort;
        if R::table().tenant.and(origin.tenant).is_some_and(|tenant| !cohort.belongs_to(tenant)) {
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
        if view.loading.is_none() {
            if let Err(error) = cohort.submit(origin, site) {
                touch.refused = Some(error);
                return touch;
            }
            view.loading = Some(Arc::default());
        }
        touch.waits.clone_from(&view.loading);
        touch
    }
}

impl<R: Related> Cohort<R> {
    fn submit(self: &Arc<Self>, origin: &CallerOrigin<'_>, site: CallSite) -> Result<(), DataError> {
        let asker = origin.asker(site).for_rows(R::table().tenant.is_some());
        let relation = self.relation();
        let key = asker.batch_key(LoadSource::Relation(TypeId::of::<R>(), relation.from, relation.name));
        let new = || RelationBatch::new(relation, asker);
        origin.scope.submit(key, site, new, |batch: &mut RelationBatch<R>| batch.add(Arc::clone(self)))
    }
}

/// Waits for one member's rows.
pub(super) struct Touch<'a, R: Related> {
    place: Option<&'a MemberPlace<R>>,
    viewer: Viewer,
    /// The load that this wait started or joined. Later loads do not concern it.
    waits: Option<Arc<Answer<Result<(), DataError>>>>,
    /// Why nothing is given: another organization asks, also when the rows are there, or the load was not taken.
    refused: Option<DataError>,
}

impl<'a, R: Related> Future for Touch<'a, R> {
    type Output = Result<&'a [R], DataError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(place) = self.place else { return Poll::Ready(Ok(&[])) };
        if let Some(error) = &self.refused {
            return Poll::Ready(Err(error.clone()));
        }
        if let Some(rows) = place.seen(&self.viewer) {
            return Poll::Ready(Ok(rows));
        }
        let answer = match &self.waits {
            Some(load) => ready!(load.poll(cx, Clone::clone)),
            None => Ok(()),
        };
        let has_rows = answer.map(|()| place.take(&mut place.cohort.views(), &self.viewer));
        Poll::Ready(match has_rows {
            Ok(true) => Ok(place.seen(&self.viewer).unwrap_or_default()),
            // The rows that a transaction loaded are dropped when it is rolled back.
            Ok(false) => Err(DataError::Abandoned),
            Err(error) => Err(error),
        })
    }
}
