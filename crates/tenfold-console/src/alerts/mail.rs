//! An alert as a mail, which a job sends.

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;
use tenfold_mail::{Letter, Mailer};

/// Mails an alert.
#[derive(Serialize, Deserialize)]
pub(crate) struct MailAlert {
    pub(super) to: String,
    pub(super) text: String,
}

/// The longest subject, in characters.
const SUBJECT: usize = 120;

impl Job for MailAlert {
    const KIND: &'static str = "console.mail_alert";
    const QUEUE: &'static str = tenfold_mail::QUEUE;
    const MAX_ATTEMPTS: u32 = tenfold_mail::ATTEMPTS;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let mailer = job.service::<Mailer>()?;
        let Some(mail) = mailer.address(&job, &self.to).await? else { return Ok(()) };
        let subject: String = self.text.chars().take(SUBJECT).collect();
        let letter = Letter::new("en", subject)
            .paragraph(self.text)
            .button("Open the console", mailer.link("/console"));
        mail.send(&letter).await
    }
}
