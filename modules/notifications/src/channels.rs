//! What the module's handlers and jobs share: the kinds that modules declare, and by which channels each reaches a person.

use std::collections::HashMap;
use std::time::Duration;

use tenfold::NotificationKind;
use tenfold::data::{Reach, Tenant};
use tenfold::prelude::*;
use uuid::Uuid;

use crate::entities::{ChoiceId, StoredChoice};
use crate::settings::NotificationSettings;
use crate::stop_token::{StopKey, stop_key};

/// A kind that no module declares.
#[derive(Debug, thiserror::Error)]
#[error("no module declares notifications of the kind {name:?}; declared are: {declared}")]
pub(crate) struct UnknownKind {
    name: String,
    declared: String,
}

/// The module's service.
pub(crate) struct Channels {
    kinds: Vec<NotificationKind>,
    pub mail_delay: Duration,
    pub key: StopKey,
}

/// By which channels a person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChosenChannels {
    pub in_app: bool,
    pub mail: bool,
}

impl Channels {
    /// Reads the settings, what modules declare, and the key of links in mails, which is made at the first start.
    pub(crate) async fn start(wiring: &Wiring) -> anyhow::Result<Self> {
        let settings = NotificationSettings::read(wiring.settings())?;
        let key = wiring.database().run(None, async |cx| stop_key(&cx).await).await?;
        let kinds = wiring.notification_kinds().to_vec();
        Ok(Channels { kinds, mail_delay: settings.mail_delay.as_std(), key })
    }

    /// The declared kinds, in the order of their names.
    pub(crate) fn kinds(&self) -> &[NotificationKind] {
        &self.kinds
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// No module declares it.
    pub(crate) fn kind(&self, name: &str) -> Result<&NotificationKind, UnknownKind> {
        self.kinds.iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let declared: Vec<&str> = self.kinds.iter().map(NotificationKind::name).collect();
            let declared = if declared.is_empty() { "none".to_owned() } else { declared.join(", ") };
            UnknownKind { name: name.to_owned(), declared }
        })
    }
}

/// What a person has chosen, by the name of the kind. A channel that is `None` follows the kind's default.
pub(crate) struct PersonChoices(HashMap<String, (Option<bool>, Option<bool>)>);

impl PersonChoices {
    /// The channels of a kind: what the person has chosen, else its defaults.
    pub(crate) fn channels(&self, kind: &NotificationKind) -> ChosenChannels {
        let (in_app, mail) = self.0.get(kind.name()).copied().unwrap_or_default();
        ChosenChannels { in_app: in_app.unwrap_or(kind.is_in_app()), mail: mail.unwrap_or(kind.is_by_mail()) }
    }
}

/// What a person has chosen. Kinds are few, and those that are gone may have left some: more than a thousand are not read.
pub(crate) async fn choices<R: Reach<Tenant>>(cx: &R, user: Uuid) -> Result<PersonChoices, DataError> {
    let rows: Vec<(String, Option<bool>, Option<bool>)> = sql!(
        "notifications_choices.of_user",
        "SELECT kind, in_app, mail FROM notifications_choices WHERE org_id = $1 AND user_id = $2 ORDER BY kind LIMIT 1000"
    )
    .bind(user)
    .bounded()
    .all(cx)
    .await?;
    let choice = |(kind, in_app, mail)| (kind, (in_app, mail));
    Ok(PersonChoices(rows.into_iter().map(choice).collect()))
}

/// Stores what a person has chosen for a kind; `None` leaves a channel as it is.
pub(crate) async fn choose(
    tx: &Tx<'_>,
    user: Uuid,
    kind: &str,
    [in_app, mail]: [Option<bool>; 2],
) -> Result<(), DataError> {
    sql!(
        "notifications_choices.set",
        "INSERT INTO notifications_choices (org_id, id, user_id, kind, in_app, mail) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (org_id, user_id, kind) DO UPDATE SET
             in_app = COALESCE(excluded.in_app, notifications_choices.in_app),
             mail = COALESCE(excluded.mail, notifications_choices.mail)"
    )
    .changes(StoredChoice::TABLE)
    .bind(ChoiceId(tx.new_id()))
    .bind(user)
    .bind(kind.to_owned())
    .bind(in_app)
    .bind(mail)
    .repeated("a mail is about few kinds")
    .execute(tx)
    .await
    .map(drop)
}
