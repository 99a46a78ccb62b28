//! What goes wrong between us and a provider.

use tenfold::http::StatusCode;
use tenfold::prelude::*;

/// A provider that did not say who somebody is. Its text is for the log, and has no secret in it.
#[derive(Debug)]
pub(in super::super) struct ProviderFailure {
    is_answer: bool,
    what: String,
}

impl ProviderFailure {
    /// It cannot be reached, or is silent.
    pub(super) fn unreachable(what: impl Into<String>) -> Self {
        ProviderFailure { is_answer: false, what: what.into() }
    }

    /// Its answer cannot be used.
    pub(super) fn answer(what: impl Into<String>) -> Self {
        ProviderFailure { is_answer: true, what: what.into() }
    }

    /// What people are told.
    pub(in super::super) fn problem(&self) -> Problem {
        let (kind, title) = match self.is_answer {
            true => ("provider-answer", "The provider's answer cannot be used"),
            false => ("provider-unreachable", "The provider cannot be reached"),
        };
        Problem::new(StatusCode::BAD_GATEWAY, kind, title)
            .detail("try it again later, or sign in in another way")
    }
}

impl std::fmt::Display for ProviderFailure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.what)
    }
}
