//! The part of `[console]` that is about alerts.

use serde::Deserialize;
use tenfold::config::{ConfigError, Loaded, Secret};
use tenfold_outbound::OutboundUrl;

use super::signature::SigningSecret;
use super::webhook::Webhook;

/// What the address of a webhook is.
const WEBHOOK: &str =
    "it must be https://HOST/PATH, or http://… for a receiver on your own network, without user and password";

/// Where alerts go, and how many.
#[derive(Deserialize)]
pub(crate) struct AlertSettings {
    alert_webhook: Secret,
    alert_secret: Secret,
    pub(super) alert_mail: String,
    pub(super) alerts_an_hour: u32,
}

/// The part of `[why]` that alerts need.
#[derive(Deserialize)]
struct WhyRecord {
    record: bool,
}

impl AlertSettings {
    pub(crate) fn read(loaded: &Loaded) -> Result<Self, ConfigError> {
        let settings: AlertSettings = loaded.section("console")?;
        if !settings.alert_webhook.is_empty() && OutboundUrl::parse(settings.alert_webhook.expose()).is_err()
        {
            loaded.refuse("console.alert_webhook", WEBHOOK)?;
        }
        if !settings.alert_secret.is_empty()
            && let Err(reason) = SigningSecret::parse(settings.alert_secret.expose())
        {
            loaded.refuse("console.alert_secret", reason)?;
        }
        let mail = &settings.alert_mail;
        if !mail.is_empty()
            && !mail.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
        {
            loaded.refuse("console.alert_mail", "it must be an address such as ops@example.com, or empty")?;
        }
        let why: WhyRecord = loaded.section("why")?;
        if settings.is_on() && !why.record {
            loaded.refuse("why.record", "alerts need it: set it to true, or name nobody in console.alert_webhook and console.alert_mail")?;
        }
        loaded.within("console.alerts_an_hour", settings.alerts_an_hour, 1..=60)?;
        Ok(settings)
    }

    /// Whether anybody gets alerts.
    pub(super) fn is_on(&self) -> bool {
        !self.alert_webhook.is_empty() || !self.alert_mail.is_empty()
    }

    /// The webhook, if there is one.
    pub(super) fn webhook(&self) -> Result<Option<Webhook>, &'static str> {
        if self.alert_webhook.is_empty() {
            return Ok(None);
        }
        let secret = match self.alert_secret.is_empty() {
            true => None,
            false => Some(SigningSecret::parse(self.alert_secret.expose())?),
        };
        let url = OutboundUrl::parse(self.alert_webhook.expose()).map_err(|_| WEBHOOK)?;
        Ok(Some(Webhook::new(url, secret)))
    }
}
