//! Sign-in with Google, GitHub and providers that speak OpenID Connect (decision 73).
//!
//! `begin.rs` sends a browser to a provider, `callback.rs` gets it back, `remote/` asks the provider whom it has signed in, `enter.rs`
//! decides whose account that is. All four are compiled with the feature `providers` only. Without it no provider can be configured, so
//! the list is empty, and the document of the API is the same.

#[cfg(feature = "providers")]
mod begin;
pub(crate) mod browser;
#[cfg(feature = "providers")]
mod callback;
#[cfg(feature = "providers")]
mod enter;
#[cfg(feature = "providers")]
mod handshake;
pub(crate) mod identities;
pub(crate) mod link;
pub(crate) mod list;
#[cfg(feature = "providers")]
mod remote;
pub(crate) mod remove;
pub(crate) mod settings;

use std::collections::BTreeMap;

use serde::Deserialize;
use tenfold::config::{ConfigError, Loaded};
#[cfg(feature = "providers")]
use tenfold::prelude::*;

use self::settings::ProviderSettings;

/// The providers of this application.
pub(crate) struct Providers {
    /// By name.
    titles: BTreeMap<String, String>,
    #[cfg(feature = "providers")]
    remote: BTreeMap<String, remote::Provider>,
    /// Where browsers reach the service.
    #[cfg(feature = "providers")]
    base: String,
}

/// Where the service listens, and where browsers reach it.
#[derive(Deserialize)]
struct ReachedAt {
    listen: String,
    public_url: String,
}

impl Providers {
    /// Checks the settings.
    ///
    /// # Errors
    /// A provider cannot be used as it is configured.
    pub(crate) fn check(
        loaded: &Loaded,
        configured: &BTreeMap<String, ProviderSettings>,
    ) -> Result<(), ConfigError> {
        settings::check(loaded, configured)
    }

    /// Those of the settings, which were checked.
    pub(crate) fn start(
        configured: BTreeMap<String, ProviderSettings>,
        #[cfg_attr(not(feature = "providers"), allow(unused_variables, reason = "nobody is asked"))]
        deadline: std::time::Duration,
        loaded: &Loaded,
    ) -> anyhow::Result<Self> {
        let titles = configured.iter().map(|(name, one)| (name.clone(), one.title(name))).collect();
        // As in mails: never what a request says.
        let ReachedAt { listen, public_url } = loaded.section("http")?;
        let base = if public_url.is_empty() { format!("http://{listen}") } else { public_url };
        #[cfg(not(feature = "providers"))]
        drop(base);
        Ok(Providers {
            titles,
            #[cfg(feature = "providers")]
            remote: remote::Provider::all(configured, deadline)?,
            #[cfg(feature = "providers")]
            base: base.trim_end_matches('/').to_owned(),
        })
    }
}

#[cfg(feature = "providers")]
impl Providers {
    /// A provider by its name.
    ///
    /// # Errors
    /// 404 for one that is not configured.
    fn named(&self, name: &str) -> Result<&remote::Provider, Problem> {
        self.remote.get(name).ok_or_else(|| Problem::not_found("provider"))
    }

    /// Where a provider sends browsers back to. It is registered there.
    fn callback_of(&self, name: &str) -> String {
        format!("{}/v1/auth/providers/{name}/callback", self.base)
    }

    /// A page of the application.
    fn page(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}
