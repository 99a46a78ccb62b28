//! The owner of rows: an organization, or none.

use crate::row::ReadError;

/// An organization: the tenant that owns a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrgId(pub uuid::Uuid);

crate::id_impls!(OrgId);

impl OrgId {
    /// The organization of a row, known from the statement. Called by the derive.
    ///
    /// # Errors
    /// When the statement selected rows that belong to no organization.
    #[doc(hidden)]
    pub fn read_known(owner: Option<OrgId>) -> Result<OrgId, ReadError> {
        owner.ok_or_else(|| ReadError::new(0, "an organization's row", "a row of nobody"))
    }
}

/// The kind of owner of an entity's rows: [`Tenant`] or [`Global`].
pub trait Ownership: sealed::Sealed + 'static {}

/// The rows belong to one organization and are reached only through a context that names it.
pub enum Tenant {}

/// The rows belong to no organization: accounts, and organizations themselves.
pub enum Global {}

impl Ownership for Tenant {}
impl Ownership for Global {}

/// Rows that a statement of `Owner`'s rows may look at as well. A list of an organization's rows may look at the same
/// organization's and at global ones. A list of global rows names no organization.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a list of global rows cannot look at rows of an organization",
    label = "the list names no organization whose rows these could be"
)]
pub trait Within<Owner: Ownership>: Ownership {}

impl<Owner: Ownership> Within<Owner> for Global {}
impl Within<Tenant> for Tenant {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Tenant {}
    impl Sealed for super::Global {}
}
