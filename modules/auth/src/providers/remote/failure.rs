//! What goes wrong between us and a provider.

use tenfold::http::StatusCode;
use tenfold::prelude::*;

/// A provider that did not say who somebody is. Its text is for the log, and has no secret in it.
#[derive(Clone, Debug)]
pub(in super::super) struct ProviderFailure {
    is_answer: bool,
    is_silence: bool,
    what: String,
}

impl ProviderFailure {
    /// It cannot be reached, or is silent.
    pub(super) fn unreachable(what: impl Into<String>) -> Self {
        ProviderFailure { is_answer: false, is_silence: false, what: what.into() }
    }

    /// It has not answered in time.
    pub(super) fn silence(what: String) -> Self {
        ProviderFailure { is_answer: false, is_silence: true, what }
    }

    /// Whether it has not answered in time, to the one who asks now.
    pub(super) fn is_silence(&self) -> bool {
        self.is_silence
    }

    /// The same for others, who have not waited for it: noting it once more would make it last.
    pub(super) fn heard_of(&self) -> Self {
        ProviderFailure { is_silence: false, ..self.clone() }
    }

    /// Its answer cannot be used.
    pub(super) fn answer(what: impl Into<String>) -> Self {
        ProviderFailure { is_answer: true, is_silence: false, what: what.into() }
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
