//! How the rows of one query become peers.

use crate::ownership::OrgId;
use crate::scope::Scope;

/// How the rows of one query become peers.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Peering {
    pub(super) tenant: Option<OrgId>,
    pub(super) cohort_size: usize,
    /// The rows are all rows of their entity that the organization has.
    pub(super) whole: bool,
}

impl Peering {
    /// Rows that were loaded together, up to `database.cohort_size`.
    pub(crate) fn of(scope: &Scope, tenant: Option<OrgId>) -> Self {
        Peering { tenant, cohort_size: scope.database().cohort_size(), whole: false }
    }

    /// Each row on its own.
    pub(crate) fn alone(self) -> Self {
        Peering { cohort_size: 1, ..self }
    }

    /// Rows that were loaded together and, if `whole`, are all that exist.
    pub(crate) fn whole(self, whole: bool) -> Self {
        Peering { whole, ..self }
    }
}
