//! Tells a person by mail that the password was changed, or has ended.

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;
use tenfold_mail::Mailer;

use super::letters;
use super::send::language_of;
use crate::entities::Account;
use crate::passwords::NO_PASSWORD;

/// Tells a person by mail that the password was changed, or has ended.
#[derive(Serialize, Deserialize)]
pub(crate) struct SendPasswordNotice {
    pub account: AccountId,
}

impl Job for SendPasswordNotice {
    const KIND: &'static str = "auth.send_password_notice";
    const QUEUE: &'static str = tenfold_mail::QUEUE;
    const MAX_ATTEMPTS: u32 = tenfold_mail::ATTEMPTS;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let cx = job.system();
        let Some(account) = Account::find(cx, self.account).await? else { return Ok(()) };
        let mailer = job.service::<Mailer>()?;
        let Some(mail) = mailer.address(&job, &account.email).await? else { return Ok(()) };
        let language = language_of(cx, account.id).await?;
        let forgot = mailer.link("/#forgot");
        let ended = account.password_hash == NO_PASSWORD;
        let letter = if ended { letters::password_ended } else { letters::password_changed };
        mail.send(&letter(language, &forgot)).await
    }
}
