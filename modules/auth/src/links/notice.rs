//! Tells a person by mail what has happened to the account, in case it was somebody else.

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;
use tenfold_mail::Mailer;

use super::send::language_of;
use super::{NoticeKind, letters};
use crate::entities::Account;
use crate::passwords::NO_PASSWORD;

/// Tells a person by mail what has happened to the account.
#[derive(Serialize, Deserialize)]
pub(crate) struct SendNotice {
    pub account: AccountId,
    pub kind: NoticeKind,
    /// Where the mail goes, if not to the account's address.
    pub email: Option<String>,
}

impl SendNotice {
    /// A mail to the account's address.
    pub(crate) fn to(account: AccountId, kind: NoticeKind) -> Self {
        SendNotice { account, kind, email: None }
    }
}

impl Job for SendNotice {
    const KIND: &'static str = "auth.send_notice";
    const QUEUE: &'static str = tenfold_mail::QUEUE;
    const MAX_ATTEMPTS: u32 = tenfold_mail::ATTEMPTS;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let cx = job.system();
        let Some(account) = Account::find(cx, self.account).await? else { return Ok(()) };
        let mailer = job.service::<Mailer>()?;
        let to = self.email.as_deref().unwrap_or(&account.email);
        let Some(mail) = mailer.address(&job, to).await? else { return Ok(()) };
        let language = language_of(cx, account.id).await?;
        let forgot = mailer.link("/#forgot");
        let letter = match self.kind {
            NoticeKind::Password if account.password_hash == NO_PASSWORD => {
                letters::password_ended(language, &forgot)
            }
            NoticeKind::Password => letters::password_changed(language, &forgot),
            other => letters::happened(language, other, &forgot),
        };
        mail.send(&letter).await
    }
}
