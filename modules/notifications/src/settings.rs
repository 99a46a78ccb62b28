//! `[notifications]` of the configuration.

use serde::Deserialize;
use tenfold::config::{ConfigError, Loaded, TimeSpan};

/// `[notifications]` of the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotificationSettings {
    pub mail_delay: TimeSpan,
}

impl NotificationSettings {
    pub(crate) fn read(loaded: &Loaded) -> Result<Self, ConfigError> {
        let settings: NotificationSettings = loaded.section("notifications")?;
        let delays = TimeSpan::seconds(1)..=TimeSpan::hours(24);
        loaded.within("notifications.mail_delay", settings.mail_delay, delays)?;
        Ok(settings)
    }
}
