//! What one can do with an entity: load it, list it, store it, change it, delete it.

mod load;

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use crate::context::{Caller as _, Context, Reach};
use crate::entity::{Entity, Unique, Versioned};
use crate::error::DataError;
use crate::ownership::Tenant;
use crate::query::{EntityQuery, Target};
use crate::transaction::Write;
use crate::write::{self, Update, Upsert};

/// The operations of every [`Entity`]: `User::get(&cx, id)`, `user.insert(tx)`. The prelude of `tenfold` imports it.
pub trait EntityExt: Entity {
    /// Begins a list of these entities.
    fn query() -> EntityQuery<Self> {
        EntityQuery::new()
    }

    /// The row with this key. Loads of a request are merged into one statement. A row is loaded once, until a
    /// transaction of the request has ended.
    ///
    /// # Errors
    /// [`DataError::NotFound`] when the tenant has no such row; any error of the statement.
    #[track_caller]
    fn get<R: Reach<Self::Owner>>(
        cx: &R,
        key: Self::Key,
    ) -> impl Future<Output = Result<Arc<Self>, DataError>> + Send + use<Self, R> {
        let found = Self::find(cx, key.clone());
        async move {
            found
                .await?
                .ok_or_else(|| DataError::NotFound { entity: Self::table().entity, key: format!("{key:?}") })
        }
    }

    /// As [`EntityExt::get`], for a row that may be missing. That it is missing is remembered as well.
    ///
    /// # Errors
    /// Any error of the statement.
    #[track_caller]
    fn find<R: Reach<Self::Owner>>(
        cx: &R,
        key: Self::Key,
    ) -> impl Future<Output = Result<Option<Arc<Self>>, DataError>> + Send + use<Self, R> {
        let request = load::request::<Self>(&cx.origin(), vec![key], Location::caller());
        async move { Ok(request?.values().await?.pop().flatten()) }
    }

    /// The rows with these keys, in the order of the keys.
    ///
    /// # Errors
    /// Any error of the statement.
    #[track_caller]
    fn find_many<R: Reach<Self::Owner>>(
        cx: &R,
        keys: Vec<Self::Key>,
    ) -> impl Future<Output = Result<Vec<Option<Arc<Self>>>, DataError>> + Send + use<Self, R> {
        let request = load::request::<Self>(&cx.origin(), keys, Location::caller());
        async move { request?.values().await }
    }

    /// Stores the row.
    ///
    /// # Errors
    /// [`DataError::Conflict`] when a unique value is taken, [`DataError::OtherTenant`] when the row names another
    /// organization than the transaction's; any error of the statement.
    #[track_caller]
    fn insert<W: Write<Self::Owner>>(
        self,
        tx: &W,
    ) -> impl Future<Output = Result<Self, DataError>> + Send + use<Self, W> {
        let target = Target::of(&tx.origin(), Self::table().tenant.is_some(), Location::caller());
        async move {
            let [row] = write::insert(target, [self]).await?;
            Ok(row)
        }
    }

    /// Stores the row before the next statement of the transaction, or together with COMMIT in the same round trip. For
    /// rows whose result the author does not wait for, such as a job. If the row cannot be stored, that next statement
    /// or the COMMIT fails, with the name of this statement and its author's line.
    ///
    /// # Errors
    /// [`DataError::OtherTenant`] as [`EntityExt::insert`]; values that no database can store.
    #[doc(hidden)]
    #[track_caller]
    fn insert_deferred<W: Write<Self::Owner>>(
        self,
        tx: &W,
    ) -> impl Future<Output = Result<(), DataError>> + Send + use<Self, W> {
        let target = Target::of(&tx.origin(), Self::table().tenant.is_some(), Location::caller());
        async move { write::insert_deferred(target, self) }
    }

    /// Stores many rows with one statement. Without rows there is no statement. The rows are given as [`EntityRow`]s.
    ///
    /// # Errors
    /// As [`EntityExt::insert`]. Then none of the rows is stored.
    #[track_caller]
    fn insert_many<W: Write<Self::Owner>, R: Into<Self>>(
        tx: &W,
        rows: Vec<R>,
    ) -> impl Future<Output = Result<Vec<Self>, DataError>> + Send + use<Self, W, R> {
        let rows: Vec<Self> = rows.into_iter().map(Into::into).collect();
        write::insert(Target::of(&tx.origin(), Self::table().tenant.is_some(), Location::caller()), rows)
    }

    /// Begins to store the row, or to change the row that has the same values in the columns of `unique`:
    /// `row.upsert(Label::unique_name).run(tx)`.
    fn upsert(self, unique: Unique<Self>) -> Upsert<Self> {
        Upsert::new(self, unique)
    }

    /// Begins a change of the row with this key.
    fn update(key: Self::Key) -> Update<Self> {
        Update::new(key)
    }

    /// Deletes the row with this key.
    ///
    /// # Errors
    /// [`DataError::NotFound`]; any error of the statement.
    #[track_caller]
    fn delete<W: Write<Self::Owner>>(
        tx: &W,
        key: Self::Key,
    ) -> impl Future<Output = Result<(), DataError>> + Send + use<Self, W> {
        let target = Target::of(&tx.origin(), Self::table().tenant.is_some(), Location::caller());
        write::delete::<Self>(target, key, None)
    }

    /// Deletes the row with this key, if its version is still `version`.
    ///
    /// # Errors
    /// [`DataError::Stale`] when the row was changed meanwhile, [`DataError::NotFound`]; any error of the statement.
    #[track_caller]
    fn delete_version<W: Write<Self::Owner>>(
        tx: &W,
        key: Self::Key,
        version: i64,
    ) -> impl Future<Output = Result<(), DataError>> + Send + use<Self, W>
    where
        Self: Versioned,
    {
        let target = Target::of(&tx.origin(), Self::table().tenant.is_some(), Location::caller());
        write::delete::<Self>(target, key, Some(version))
    }
}

impl<E: Entity> EntityExt for E {}

/// The operation of every entity whose rows belong to organizations that ends with none of an organization's rows left. The
/// prelude of `tenfold` imports it.
pub trait EraseRows: Entity<Owner = Tenant> {
    /// Deletes all rows of the context's organization, a batch in each transaction, so that it may be repeated after it was
    /// interrupted. Rows that hang on others by a foreign key are erased before these: a batch is bounded by its rows, not by what
    /// goes with them.
    ///
    /// # Errors
    /// Any error of the statement. The batches before it stay deleted.
    #[track_caller]
    fn erase(cx: &Context) -> impl Future<Output = Result<(), DataError>> + Send {
        let (cx, site) = (cx.repeating("a batch at a time"), Location::caller());
        async move {
            loop {
                let erased = cx
                    .transaction(async |tx| {
                        write::erase_some::<Self>(Target::of(&tx.origin(), true, site)).await
                    })
                    .await?;
                if erased < write::ERASED_AT_ONCE {
                    return Ok(());
                }
            }
        }
    }
}

impl<E: Entity<Owner = Tenant>> EraseRows for E {}

/// The columns of an entity without its relations: what is stored. `derive(Entity)` writes one for each entity,
/// `UserRow` for `User`. So adding a relation to an entity does not change the code that inserts it.
pub trait EntityRow: Into<Self::Entity> + Send + 'static {
    /// The entity.
    type Entity: Entity;

    /// Stores the row.
    ///
    /// # Errors
    /// As [`EntityExt::insert`].
    #[track_caller]
    fn insert<W: Write<<Self::Entity as Entity>::Owner>>(
        self,
        tx: &W,
    ) -> impl Future<Output = Result<Self::Entity, DataError>> + Send + use<Self, W> {
        let entity: Self::Entity = self.into();
        entity.insert(tx)
    }

    /// As [`EntityExt::upsert`].
    fn upsert(self, unique: Unique<Self::Entity>) -> Upsert<Self::Entity> {
        Upsert::new(self.into(), unique)
    }
}
