//! `[auth.providers.NAME]` of the configuration.

use std::collections::BTreeMap;

use serde::Deserialize;
use tenfold::config::{ConfigError, Loaded, Secret};

/// The longest name of a provider, in bytes.
const LONGEST_NAME: usize = 40;

/// A provider, as it is configured.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderSettings {
    pub(crate) client_id: String,
    pub(crate) client_secret: Secret,
    pub(crate) issuer: String,
    title: String,
    #[cfg_attr(not(feature = "providers"), allow(dead_code, reason = "nobody signs in with it"))]
    pub(crate) link_by_address: LinkByAddress,
}

/// Which providers are believed when they say that an address is a person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LinkByAddress {
    /// Google and GitHub themselves: under a name of theirs, and without an issuer.
    Known,
    /// This one.
    Always,
    /// Not this one.
    Never,
}

/// Whether a provider of this name needs no issuer in the settings.
pub(super) fn has_issuer_of_its_own(name: &str) -> bool {
    matches!(name, "google" | "github")
}

impl ProviderSettings {
    /// What people know it by.
    pub(crate) fn title(&self, name: &str) -> String {
        match name {
            _ if !self.title.is_empty() => self.title.clone(),
            "google" => "Google".to_owned(),
            "github" => "GitHub".to_owned(),
            other => other.to_owned(),
        }
    }
}

/// Checks what is configured.
///
/// # Errors
/// Something is missing or cannot be used, or this program was built without the feature `providers`.
pub(super) fn check(
    loaded: &Loaded,
    providers: &BTreeMap<String, ProviderSettings>,
) -> Result<(), ConfigError> {
    for (name, provider) in providers {
        let key = |field: &str| format!("auth.providers.{name}.{field}");
        if cfg!(not(feature = "providers")) {
            let why = "this program was built without sign-in with providers: build it with the feature `providers`, as in \
                       `cargo run --features providers`";
            loaded.refuse(&key("client_id"), why)?;
        }
        if name.len() > LONGEST_NAME {
            loaded.refuse(&key("client_id"), "the name of a provider has at most 40 characters")?;
        }
        if provider.client_id.is_empty() {
            loaded.refuse(&key("client_id"), "set it to the client id that the provider has given you")?;
        }
        if provider.client_secret.is_empty() {
            loaded.refuse(
                &key("client_secret"),
                "set it to the client secret that the provider has given you",
            )?;
        }
        if provider.issuer.is_empty() && !has_issuer_of_its_own(name) {
            let why = "set it to the issuer, such as https://login.example.com: its settings are read from \
                       /.well-known/openid-configuration there";
            loaded.refuse(&key("issuer"), why)?;
        }
        #[cfg(feature = "providers")]
        if !provider.issuer.is_empty()
            && let Err(why) = super::remote::web::WebAddressOfProvider::parse(&provider.issuer)
        {
            loaded.refuse(&key("issuer"), why)?;
        }
    }
    Ok(())
}
