//! The cohort behind a relation's field: who shares a load, and what it brought.

use std::any::{Any, TypeId};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;

use super::{COHORT_SIZE, Count, Counted, Link, Many, One, Related, Relation};
use crate::context::Origin;
use crate::entity::{Entity, OrgId};
use crate::error::DataError;
use crate::scope::{Batch, BatchKey, FEW, Loader, Scope};
use crate::statement::CallSite;
use crate::transaction::Connection;
use crate::value::{ColumnType as _, Value};

/// Makes `rows` peers for one relation: `of` gives the value that links a row to its related rows, `field` the
/// relation's field. Called by the derive.
#[doc(hidden)]
pub fn link<E, F: Field>(
    rows: &mut [E],
    tenant: Option<OrgId>,
    relation: &'static Relation<F::Row>,
    of: impl Fn(&E) -> Link,
    field: impl Fn(&mut E) -> &mut F,
) {
    for rows in rows.chunks_mut(COHORT_SIZE) {
        let cohort = Arc::new(Cohort {
            relation,
            owner: tenant.map_or_else(OnceLock::new, OnceLock::from),
            links: rows.iter().map(&of).collect(),
            holders: rows.iter().map(|_| AtomicU32::new(1)).collect(),
            loaded: OnceLock::new(),
            load: Mutex::new(Load::default()),
        });
        for (index, row) in (0..).zip(rows) {
            *field(row) = F::from(Member(Some((Arc::clone(&cohort), index))));
        }
    }
}

/// A relation's field: [`One`], [`Many`] or [`Count`].
#[doc(hidden)]
pub trait Field: From<Member<Self::Row>> {
    type Row: Related;
}

macro_rules! field {
    ($field:ident, $row:ty) => {
        impl<T: Entity> Field for $field<T> {
            type Row = $row;
        }
        impl<T: Entity> From<Member<$row>> for $field<T> {
            fn from(member: Member<$row>) -> Self {
                $field(member)
            }
        }
        impl<T: Entity> Default for $field<T> {
            /// A relation of an entity that was not loaded: it has no rows to give before it is inserted.
            fn default() -> Self {
                $field(Member(None))
            }
        }
        impl<T: Entity> Clone for $field<T> {
            fn clone(&self) -> Self {
                $field(self.0.clone())
            }
        }
        impl<T: Entity> std::fmt::Debug for $field<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($field), "<{}>"), T::table().entity)
            }
        }
    };
}

field!(One, T);
field!(Many, T);
field!(Count, Counted<T>);

/// One entity's place in a cohort.
#[doc(hidden)]
pub struct Member<R: Related>(Option<(Arc<Cohort<R>>, u32)>);

struct Cohort<R: Related> {
    relation: &'static Relation<R>,
    /// Whose rows are related: those of the entities' organization; if they belong to nobody, of the first
    /// organization that asked, for what is loaded for it must not be shown to another.
    owner: OnceLock<OrgId>,
    links: Box<[Link]>,
    /// How many copies of each entity there are; a dropped one is not loaded for any more.
    holders: Box<[AtomicU32]>,
    loaded: OnceLock<Loaded<R>>,
    load: Mutex<Load>,
}

/// The related rows, shared with the other cohorts of the same batch, and each member's part of them.
struct Loaded<R> {
    rows: Arc<Vec<R>>,
    parts: Box<[(u32, u32)]>,
}

#[derive(Default)]
struct Load {
    running: bool,
    failures: u64,
    error: Option<DataError>,
    wakers: Vec<Waker>,
}

impl<R: Related> Member<R> {
    /// The value that links this entity, for errors.
    pub(super) fn key(&self) -> String {
        let link = self.0.as_ref().map(|(cohort, index)| &cohort.links[*index as usize]);
        match link {
            Some(Link::Uuid(id)) => format!("of {id}"),
            Some(Link::Integer(n)) => format!("of {n}"),
            Some(Link::Text(text)) => format!("of {text}"),
            Some(Link::None) | None => "of nothing".to_owned(),
        }
    }

    /// Asks for the rows of all peers, unless they are there or on their way.
    pub(super) fn touch<'a>(&'a self, origin: &Origin<'_>, site: CallSite) -> Touch<'a, R> {
        let Some((cohort, index)) = &self.0 else { return Touch { place: None, failures: 0, refused: None } };
        let mut touch = Touch { place: Some((cohort, *index)), failures: 0, refused: None };
        let tenant = R::table().tenant.and(origin.tenant);
        if tenant.is_some_and(|tenant| *cohort.owner.get_or_init(|| tenant) != tenant) {
            touch.refused = Some(DataError::OtherTenant { site });
            return touch;
        }
        if cohort.loaded.get().is_some() {
            return touch;
        }
        let mut load = cohort.load();
        touch.failures = load.failures;
        if !load.running {
            match cohort.submit(origin, tenant, site) {
                Ok(()) => load.running = true,
                Err(error) => touch.refused = Some(error),
            }
        }
        touch
    }
}

impl<R: Related> Clone for Member<R> {
    fn clone(&self) -> Self {
        if let Some((cohort, index)) = &self.0 {
            cohort.holders[*index as usize].fetch_add(1, Ordering::Relaxed);
        }
        Member(self.0.clone())
    }
}

impl<R: Related> Drop for Member<R> {
    fn drop(&mut self) {
        if let Some((cohort, index)) = &self.0 {
            cohort.holders[*index as usize].fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl<R: Related> Cohort<R> {
    fn load(&self) -> MutexGuard<'_, Load> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(
        self: &Arc<Self>,
        origin: &Origin<'_>,
        tenant: Option<OrgId>,
        site: CallSite,
    ) -> Result<(), DataError> {
        let key = BatchKey {
            what: Loader::Relation(TypeId::of::<R>(), self.relation.from, self.relation.name),
            tenant,
            connection: origin.connection.map_or(0, |connection| connection.number()),
        };
        let new = || RelationBatch {
            tenant,
            connection: origin.connection.cloned(),
            site,
            relation: self.relation,
            cohorts: Vec::new(),
        };
        origin
            .scope
            .submit(key, site, new, |batch: &mut RelationBatch<R>| batch.cohorts.push(Arc::clone(self)))
    }

    /// The links of the entities that somebody still holds.
    fn wanted(&self) -> impl Iterator<Item = &Link> {
        self.links
            .iter()
            .zip(&self.holders)
            .filter(|(link, holders)| **link != Link::None && holders.load(Ordering::Relaxed) > 0)
            .map(|(link, _)| link)
    }

    /// Gives each member its part of `rows`, where `parts` says which links have which.
    fn fill(&self, rows: &Arc<Vec<R>>, parts: &Parts) {
        // Lists often run in the order of their keys; then the next part is the one that is looked for.
        let mut next = 0;
        let part = |link: &Link| {
            let is_next = parts.get(next).is_some_and(|(other, _, _)| other == link);
            let found =
                if is_next { Ok(next) } else { parts.binary_search_by(|(other, _, _)| other.cmp(link)) };
            found.map_or((0, 0), |index| {
                next = index + 1;
                (parts[index].1, parts[index].2)
            })
        };
        let parts = self.links.iter().map(part).collect();
        // Only the batch that set `running` fills, so the place is empty.
        let _ = self.loaded.set(Loaded { rows: Arc::clone(rows), parts });
        self.finish(None);
    }

    fn finish(&self, error: Option<DataError>) {
        let wakers = {
            let mut load = self.load();
            load.running = false;
            if let Some(error) = error {
                load.failures += 1;
                load.error = Some(error);
            }
            std::mem::take(&mut load.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Waits for one member's rows.
pub(super) struct Touch<'a, R: Related> {
    place: Option<(&'a Arc<Cohort<R>>, u32)>,
    /// How often the load had failed when this wait began: a later failure is its own.
    failures: u64,
    refused: Option<DataError>,
}

impl<'a, R: Related> Future for Touch<'a, R> {
    type Output = Result<&'a [R], DataError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((cohort, index)) = self.place else { return Poll::Ready(Ok(&[])) };
        if let Some(error) = self.refused.take() {
            return Poll::Ready(Err(error));
        }
        if let Some(rows) = cohort.part(index) {
            return Poll::Ready(Ok(rows));
        }
        let mut load = cohort.load();
        // The load may have ended between the look above and the lock.
        if let Some(rows) = cohort.part(index) {
            return Poll::Ready(Ok(rows));
        }
        if load.failures > self.failures {
            return Poll::Ready(Err(load.error.clone().unwrap_or(DataError::Abandoned)));
        }
        load.wakers.push(cx.waker().clone());
        Poll::Pending
    }
}

impl<R: Related> Cohort<R> {
    fn part(&self, index: u32) -> Option<&[R]> {
        let loaded = self.loaded.get()?;
        let (start, end) = loaded.parts[index as usize];
        Some(&loaded.rows[start as usize..end as usize])
    }
}

/// Each link, sorted, with the first of its rows and the one behind its last.
type Parts = Vec<(Link, u32, u32)>;

/// The same relation of several cohorts, as one statement.
struct RelationBatch<R: Related> {
    tenant: Option<OrgId>,
    connection: Option<Arc<Connection>>,
    site: CallSite,
    relation: &'static Relation<R>,
    cohorts: Vec<Arc<Cohort<R>>>,
}

impl<R: Related> RelationBatch<R> {
    async fn load(&self, scope: &Scope) -> Result<(Vec<R>, Parts), DataError> {
        let mut links: Vec<&Link> = self.cohorts.iter().flat_map(|cohort| cohort.wanted()).collect();
        links.sort_unstable();
        links.dedup();
        if links.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let links = Value::List(links.into_iter().map(Link::value).collect());
        let params: Vec<Value> = self.tenant.iter().map(OrgId::to_value).chain([links]).collect();
        let statement = self.relation.statement(scope.database().dialect());
        let connection = self.connection.as_deref();
        let mut rows = scope.fetch(connection, statement, &params, self.site, R::read).await?;
        let parts = self.parts(&mut rows);
        R::link(&mut rows, self.tenant);
        Ok((rows, parts))
    }

    /// Where the rows of each link stand. They are sorted by link and key here, and not by the database, since an
    /// index nearly always gives them so: then it only has to be seen.
    fn parts(&self, rows: &mut [R]) -> Parts {
        self.parts_in_order(rows).unwrap_or_else(|| {
            rows.sort_by(|one, other| {
                let by_link = (self.relation.of)(one).cmp(&(self.relation.of)(other));
                by_link.then_with(|| one.compare(other))
            });
            self.parts_in_order(rows).unwrap_or_default()
        })
    }

    /// None if the rows are not in order.
    fn parts_in_order(&self, rows: &[R]) -> Option<Parts> {
        let mut parts: Parts = Vec::with_capacity(rows.len());
        for (index, row) in (0..).zip(rows) {
            let link = (self.relation.of)(row);
            match parts.last_mut() {
                Some((last, _, _)) if *last > link => return None,
                Some((last, _, end)) if *last == link => {
                    if rows[*end as usize - 1].compare(row).is_gt() {
                        return None;
                    }
                    *end = index + 1;
                }
                _ => parts.push((link, index, index + 1)),
            }
        }
        Some(parts)
    }
}

impl<R: Related> Batch for RelationBatch<R> {
    fn run(mut self: Box<Self>, scope: Arc<Scope>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let result = self.load(&scope).await;
            let cohorts = std::mem::take(&mut self.cohorts);
            match result {
                Ok((rows, parts)) => {
                    let rows = Arc::new(rows);
                    cohorts.iter().for_each(|cohort| cohort.fill(&rows, &parts));
                }
                Err(error) => cohorts.iter().for_each(|cohort| cohort.finish(Some(error.clone()))),
            }
        })
    }

    fn holds_waker(&self, waker: &Waker) -> usize {
        let held = |cohort: &Arc<Cohort<R>>| {
            let Ok(load) = cohort.load.try_lock() else { return 0 };
            load.wakers.iter().take(FEW).filter(|held| held.will_wake(waker)).count()
        };
        self.cohorts.iter().take(FEW).map(held).sum()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

impl<R: Related> Drop for RelationBatch<R> {
    fn drop(&mut self) {
        // Cohorts that were answered have been taken out; the rest must not leave anybody waiting.
        self.cohorts.iter().for_each(|cohort| cohort.finish(Some(DataError::Abandoned)));
    }
}
