//! Tells a person by mail that the password was changed.

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;
use tenfold_mail::Mailer;

use super::letters;
use super::send::language_of;
use crate::entities::Account;

/// Tells a person by mail that the password was changed.
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
        mail.send(&letters::password_changed(language, &mailer.link("/#forgot"))).await
    }
}
