//! With whom the rows of one query become peers.

use crate::ownership::OrgId;
use crate::scope::Scope;

/// With whom the rows of one query become peers.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Peering {
    pub(super) tenant: Option<OrgId>,
    pub(super) cohort_size: usize,
    /// There are no other rows of their kind: they are all that the organization has.
    pub(super) whole: bool,
}

impl Peering {
    /// All that were loaded together, up to `database.cohort_size`.
    pub(crate) fn of(scope: &Scope, tenant: Option<OrgId>) -> Self {
        Peering { tenant, cohort_size: scope.database().cohort_size(), whole: false }
    }

    /// Each row on its own.
    pub(crate) fn alone(self) -> Self {
        Peering { cohort_size: 1, ..self }
    }

    /// All that were loaded together, which are all that there are.
    pub(crate) fn whole(self, whole: bool) -> Self {
        Peering { whole, ..self }
    }
}
