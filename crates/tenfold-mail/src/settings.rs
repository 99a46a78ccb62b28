//! `[mail]` of the configuration.

use lettre::message::Mailbox;
use serde::Deserialize;
use tenfold::config::{ConfigError, Loaded, Secret, TimeSpan};

use crate::server::MailDelivery;

/// `[mail]` of the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailSettings {
    url: Secret,
    from: String,
    pub timeout: TimeSpan,
    pub content_timeout: TimeSpan,
    pub address_per_hour: u32,
    pub organization_per_hour: u32,
    pub outbox_keep: u32,
}

impl MailSettings {
    pub(crate) fn read(loaded: &Loaded) -> Result<Self, ConfigError> {
        let settings: MailSettings = loaded.section("mail")?;
        let delivery = settings.delivery();
        if let Err(allowed) = &delivery {
            loaded.refuse("mail.url", allowed)?;
        }
        if settings.sender().is_none() {
            let allowed = "use an address such as no-reply@example.com, or Name <no-reply@example.com>";
            loaded.refuse("mail.from", allowed)?;
        }
        if settings.from.is_empty() && !matches!(delivery, Ok(MailDelivery::Outbox)) {
            loaded
                .refuse("mail.from", "a mail server needs a sender, such as Name <no-reply@example.com>")?;
        }
        loaded.within("mail.timeout", settings.timeout, TimeSpan::seconds(1)..=TimeSpan::minutes(10))?;
        let waits = TimeSpan::seconds(1)..=TimeSpan::minutes(10);
        loaded.within("mail.content_timeout", settings.content_timeout, waits)?;
        loaded.within("mail.address_per_hour", settings.address_per_hour, 1..=100_000)?;
        loaded.within("mail.organization_per_hour", settings.organization_per_hour, 1..=1_000_000)?;
        loaded.within("mail.outbox_keep", settings.outbox_keep, 1..=10_000)?;
        Ok(settings)
    }

    /// Where mails go.
    pub(crate) fn delivery(&self) -> Result<MailDelivery, &'static str> {
        MailDelivery::parse(self.url.expose())
    }

    /// Who they are from.
    pub(crate) fn sender(&self) -> Option<Mailbox> {
        let from = if self.from.is_empty() { "no-reply@localhost" } else { &self.from };
        from.parse().ok()
    }
}
