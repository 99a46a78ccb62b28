//! The module's settings.

use std::collections::BTreeMap;

use serde::Deserialize;
use tenfold::config::{ConfigError, Loaded, TimeSpan};

use crate::passwords::HashBounds;
use crate::providers::Providers;
use crate::providers::settings::ProviderSettings;
use crate::throttle::{Throttle, ThrottleRule};

/// `[auth]` of the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthSettings {
    pub(crate) session_lifetime: TimeSpan,
    hash_parallelism: usize,
    hash_queue: usize,
    hash_queue_share: usize,
    account_failures: u32,
    account_wait: TimeSpan,
    known_address_lifetime: TimeSpan,
    address_failures: u32,
    address_sign_ups: u32,
    address_mails: u32,
    address_provider_starts: u32,
    pub(crate) first_day_invitations: u32,
    pub(crate) unconfirmed_sign_in: bool,
    address_wait: TimeSpan,
    pub(crate) closing_pause: TimeSpan,
    pub(crate) contact: String,
    pub(crate) provider_deadline: TimeSpan,
    /// By name.
    #[serde(default)]
    pub(crate) providers: BTreeMap<String, ProviderSettings>,
}

impl AuthSettings {
    pub(crate) fn read(loaded: &Loaded) -> Result<Self, ConfigError> {
        let settings: AuthSettings = loaded.section("auth")?;
        loaded.within("auth.hash_parallelism", settings.hash_parallelism, 1..=64)?;
        loaded.within("auth.hash_queue", settings.hash_queue, 1..=10_000)?;
        loaded.within("auth.hash_queue_share", settings.hash_queue_share, 1..=10_000)?;
        loaded.within("auth.account_failures", settings.account_failures, 1..=10_000)?;
        loaded.within("auth.address_failures", settings.address_failures, 1..=1_000_000)?;
        loaded.within("auth.address_sign_ups", settings.address_sign_ups, 1..=1_000_000)?;
        loaded.within("auth.address_mails", settings.address_mails, 1..=1_000_000)?;
        loaded.within("auth.address_provider_starts", settings.address_provider_starts, 1..=1_000_000)?;
        loaded.within("auth.first_day_invitations", settings.first_day_invitations, 0..=1_000_000)?;
        let waits = TimeSpan::seconds(1)..=TimeSpan::hours(24);
        loaded.within("auth.account_wait", settings.account_wait, waits.clone())?;
        loaded.within("auth.address_wait", settings.address_wait, waits)?;
        let pauses = TimeSpan::hours(24)..=TimeSpan::hours(365 * 24);
        loaded.within("auth.closing_pause", settings.closing_pause, pauses)?;
        if settings.contact.chars().count() > 200 || settings.contact.contains(char::is_control) {
            loaded
                .refuse("auth.contact", "use one line of up to 200 characters, such as help@example.com")?;
        }
        let lifetimes = TimeSpan::hours(1)..=TimeSpan::hours(10 * 365 * 24);
        loaded.within("auth.known_address_lifetime", settings.known_address_lifetime, lifetimes)?;
        let deadlines = TimeSpan::seconds(1)..=TimeSpan::seconds(120);
        loaded.within("auth.provider_deadline", settings.provider_deadline, deadlines)?;
        Providers::check(loaded, &settings.providers)?;
        Ok(settings)
    }

    pub(crate) fn throttle(&self) -> Throttle {
        let address_wait = self.address_wait.as_std();
        Throttle {
            account: ThrottleRule { free: self.account_failures, wait: self.account_wait.as_std() },
            address: ThrottleRule { free: self.address_failures, wait: address_wait },
            sign_up: ThrottleRule { free: self.address_sign_ups, wait: address_wait },
            mail: ThrottleRule { free: self.address_mails, wait: address_wait },
            provider_start: ThrottleRule { free: self.address_provider_starts, wait: address_wait },
            known_address_lifetime: self.known_address_lifetime.as_std(),
        }
    }

    pub(crate) fn hash_bounds(&self) -> HashBounds {
        HashBounds {
            parallelism: self.hash_parallelism,
            queue: self.hash_queue,
            share: self.hash_queue_share,
        }
    }
}
