//! Who asks for a statement.

use std::sync::Arc;

use super::connection::{Connection, TransactionState};
use super::repeats::RepeatCheck;
use super::{BatchKey, Loader};
use crate::ownership::OrgId;
use crate::statement::CallSite;

/// Who asks for a statement or a load: for which organization, in which transaction, at which of the author's lines.
#[derive(Clone)]
pub(crate) struct Asker {
    pub tenant: Option<OrgId>,
    pub connection: Option<Arc<Connection>>,
    pub site: CallSite,
    pub repeats: RepeatCheck,
}

impl Asker {
    /// The same for rows that belong to nobody, unless `tenant_owned`.
    pub(crate) fn for_rows(self, tenant_owned: bool) -> Self {
        Asker { tenant: self.tenant.filter(|_| tenant_owned), ..self }
    }

    /// The same for a load that carries so much at once that it is no part of a loop.
    pub(crate) fn for_many(&self) -> Self {
        Asker { repeats: RepeatCheck::Skipped, ..self.clone() }
    }

    /// With which other loads of `what` this one can share a batch.
    pub(crate) fn batch_key(&self, what: Loader) -> BatchKey {
        let connection = self.connection.as_ref().map_or(0, |connection| connection.number());
        BatchKey { what, tenant: self.tenant, connection }
    }

    /// The state of the transaction that it asks in.
    pub(crate) fn transaction_state(&self) -> Option<Arc<TransactionState>> {
        self.connection.as_ref().map(|connection| Arc::clone(connection.state()))
    }

    /// How a statement of it is sent.
    pub(super) fn via(&self) -> Via<'_> {
        Via { tenant: self.tenant, connection: self.connection.as_deref(), site: self.site }
    }
}

/// As [`Asker`], borrowed, for one statement.
#[derive(Clone, Copy)]
pub(super) struct Via<'a> {
    pub tenant: Option<OrgId>,
    pub connection: Option<&'a Connection>,
    pub site: CallSite,
}
