//! On whose behalf a statement runs.

use std::sync::Arc;

use super::connection::{Connection, TransactionState};
use super::repeats::RepeatCheck;
use super::{BatchKey, LoadSource};
use crate::ownership::OrgId;
use crate::statement::CallSite;

/// On whose behalf a statement or a load runs: the organization, the transaction and the call site.
#[derive(Clone)]
pub(crate) struct Asker {
    pub tenant: Option<OrgId>,
    pub connection: Option<Arc<Connection>>,
    pub site: CallSite,
    pub repeats: RepeatCheck,
}

impl Asker {
    /// The same for rows that belong to no organization, unless `tenant_owned`.
    pub(crate) fn for_rows(self, tenant_owned: bool) -> Self {
        Asker { tenant: self.tenant.filter(|_| tenant_owned), ..self }
    }

    /// The same for a load that carries so much at once that it cannot be one step of a loop.
    pub(crate) fn for_many(&self) -> Self {
        Asker { repeats: RepeatCheck::Skipped, ..self.clone() }
    }

    /// The key that decides which other loads of `what` this one can share a batch with.
    pub(crate) fn batch_key(&self, what: LoadSource) -> BatchKey {
        let connection = self.connection.as_ref().map_or(0, |connection| connection.number());
        BatchKey { what, tenant: self.tenant, connection }
    }

    /// The state of the transaction that the statement runs in.
    pub(crate) fn transaction_state(&self) -> Option<Arc<TransactionState>> {
        self.connection.as_ref().map(|connection| Arc::clone(connection.state()))
    }

    /// What the driver needs to send one statement.
    pub(super) fn via(&self) -> Via<'_> {
        Via { tenant: self.tenant, connection: self.connection.as_deref(), site: self.site }
    }
}

/// A borrowed [`Asker`], for one statement.
#[derive(Clone, Copy)]
pub(super) struct Via<'a> {
    pub tenant: Option<OrgId>,
    pub connection: Option<&'a Connection>,
    pub site: CallSite,
}
