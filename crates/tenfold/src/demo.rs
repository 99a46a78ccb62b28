//! Demo data, as modules bring it.

use futures_util::future::BoxFuture;
use tenfold_data::{DataError, OrgId, Tx, Uuid};

/// The text printed when the application is started with `--demo`.
pub type Welcome = fn() -> String;

/// An organization of the demo, with its people.
#[derive(Clone, Debug)]
pub struct DemoOrganization {
    /// Its id.
    pub id: OrgId,
    /// The ids of its users, an owner first.
    pub users: Vec<Uuid>,
}

/// Fills one organization with a module's demo data, in a transaction.
pub type Fill = for<'a, 't> fn(&'a Tx<'t>, &'a DemoOrganization) -> Filling<'a>;

/// A running [`Fill`].
pub type Filling<'a> = BoxFuture<'a, Result<(), DataError>>;
