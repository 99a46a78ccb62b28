//! Mails a link to an account's person.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tenfold::data::SystemTx;
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;
use tenfold_mail::Mailer;

use super::letters::MailLanguage;
use super::{LinkPurpose, issue, letters};
use crate::entities::{Account, AddressChange, Membership, UserSettings};

/// For this long after a mail was asked for, the same mail is not sent again.
const NOT_AGAIN: Duration = Duration::from_secs(60);

/// A link that a person asked for is not mailed after this long: the person has asked again. So requests for mails to one address,
/// whose number in an hour is limited, do not pile up.
const STALE: Duration = Duration::from_secs(60 * 60);

/// Mails a link to the account with this address; nothing happens if there is none. Its token is made here: it is in no
/// argument.
#[derive(Serialize, Deserialize)]
pub(crate) struct SendLink {
    pub purpose: LinkPurpose,
    /// The address that the account signs in with.
    pub email: String,
    /// When it was asked for.
    pub asked_at: Timestamp,
}

impl SendLink {
    fn is_stale(&self, now: Timestamp) -> bool {
        now > self.asked_at + STALE
    }
}

impl Job for SendLink {
    const KIND: &'static str = "auth.send_link";
    const QUEUE: &'static str = tenfold_mail::QUEUE;
    const MAX_ATTEMPTS: u32 = tenfold_mail::ATTEMPTS;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let cx = job.system();
        if self.is_stale(cx.now()) {
            return Ok(());
        }
        let Some(account) = Account::query().filter(Account::email.eq(self.email)).first(cx).await? else {
            return Ok(());
        };
        let Some((to, about)) = addresses(cx, self.purpose, &account).await? else { return Ok(()) };
        let mailer = job.service::<Mailer>()?;
        let mail = mailer.address_asked_for(&job, &to, self.purpose.as_str()).await?;
        let Some(mail) = mail else { return Ok(()) };
        let language = language_of(cx, account.id).await?;
        let Some(token) = issue(cx, self.purpose, &account, &about).await? else { return Ok(()) };
        let link = mailer.link(&self.purpose.page(&token));
        mail.send(&letters::link(language, self.purpose, &about, &link)).await
    }
}

/// The address that the mail goes to, and the one that its link is about; none if the mail is no longer needed.
async fn addresses(
    cx: &SystemContext,
    purpose: LinkPurpose,
    account: &Account,
) -> Result<Option<(String, String)>, DataError> {
    let own = account.email.clone();
    match purpose {
        LinkPurpose::ConfirmAddress if account.confirmed_at.is_some() => Ok(None),
        LinkPurpose::ConfirmAddress | LinkPurpose::ResetPassword | LinkPurpose::SignIn => {
            Ok(Some((own.clone(), own)))
        }
        LinkPurpose::LeaveAddress | LinkPurpose::TakeAddress => {
            let change = AddressChange::find(cx, account.id).await?;
            Ok(change.map(|change| {
                let new = change.email.clone();
                if purpose == LinkPurpose::LeaveAddress { (own, new) } else { (new.clone(), new) }
            }))
        }
    }
}

/// The language of a person: the one chosen in the organization that was used last.
pub(super) async fn language_of(cx: &SystemContext, account: AccountId) -> Result<MailLanguage, DataError> {
    let memberships = Membership::query().filter(Membership::account_id.eq(account));
    let latest = memberships.order_by_descending(Membership::last_used_at).first(cx).await?;
    let Some(latest) = latest else { return Ok(MailLanguage::English) };
    let settings = UserSettings::find(&cx.within(latest.org_id), latest.user_id).await?;
    Ok(settings.map_or(MailLanguage::English, |settings| MailLanguage::of(&settings.locale)))
}

/// Enqueues the mail. It costs the same whether or not there is such an account.
pub(crate) async fn enqueue(tx: &SystemTx<'_>, purpose: LinkPurpose, email: String) -> Result<(), DataError> {
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(email.as_bytes()));
    let once = JobOptions::new().unique_for(format!("{}/{digest}", purpose.as_str()), NOT_AGAIN);
    tx.enqueue_with(SendLink { purpose, email, asked_at: tx.now() }, once).await.map(drop)
}
