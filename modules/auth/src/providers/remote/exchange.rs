//! What goes to a provider, and what comes back.

use tenfold::prelude::*;

use crate::providers::handshake::ProviderHandshake;
use crate::providers::settings::ProviderSettings;

/// A person whom a provider has signed in.
pub(in super::super) struct ProvenIdentity {
    /// Who vouches for it.
    pub(in super::super) issuer: String,
    /// Whom the issuer means. It never passes to somebody else.
    pub(in super::super) subject: String,
    /// The address, if the provider says that it has verified it.
    pub(in super::super) verified_email: Option<String>,
    pub(in super::super) name: Option<String>,
}

/// The application, as a provider knows it.
pub(in super::super) struct Registration {
    pub(in super::super) name: String,
    pub(in super::super) settings: ProviderSettings,
}

/// What a code is exchanged with.
pub(in super::super) struct CodeExchange<'e> {
    pub(in super::super) code: &'e str,
    pub(in super::super) handshake: &'e ProviderHandshake,
    /// The address that the browser came back to.
    pub(in super::super) callback: &'e str,
    pub(in super::super) now: Timestamp,
}
