//! Mails, sent by a job of a module: into the outbox, and to a mail server.

mod outbox;
mod server;
mod sink;

use serde::{Deserialize, Serialize};
use tenfold::App;
use tenfold::data::{OrgId, Uuid};
use tenfold::prelude::*;
use tenfold::testing::{TestApp, sessions};
use tenfold_mail::{Letter, Mailer};

/// An application of the mail module and one that sends mails.
pub fn app() -> App {
    let writer = Module::new("writer").job::<SendGreeting>().job::<SendThenFail>().job::<GiveUpSending>();
    App::new("mail-alone", "0.0.0").module(sessions()).module(tenfold_mail::module()).module(writer)
}

/// The token of the link that stops greetings: longer than a line of a mail.
pub const TOKEN: &str =
    "AZxwCMr8ZJAVbfJyrmbYjYBJ4jvYSVRS8pXgAJCDbu4cx1wCMr8ZJAVbfJyrmbYjYBJ4jvYSVRS8pXgAJCDbu4c_-0";

/// Greets an address.
#[derive(Serialize, Deserialize)]
pub struct SendGreeting {
    to: String,
    subject: String,
}

impl Job for SendGreeting {
    const KIND: &'static str = "writer.send_greeting";
    const QUEUE: &'static str = tenfold_mail::QUEUE;
    const MAX_ATTEMPTS: u32 = 3;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let mailer = job.service::<Mailer>()?;
        let Some(mail) = mailer.address(&job, &self.to).await? else { return Ok(()) };
        let link = mailer.link("/#greeting?token=abc");
        let letter = Letter::new("en", self.subject).paragraph("Grüße, <Ada>.").button("Answer", link);
        let letter = letter.unsubscribe("No more greetings", mailer.link(&format!("/stop?token={TOKEN}")));
        mail.send(&letter).await
    }
}

/// Sends a mail and dies behind it, as a process does that is killed.
#[derive(Serialize, Deserialize)]
pub struct SendThenFail {
    to: String,
}

impl Job for SendThenFail {
    const KIND: &'static str = "writer.send_then_fail";
    const QUEUE: &'static str = tenfold_mail::QUEUE;
    const MAX_ATTEMPTS: u32 = 3;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let mailer = job.service::<Mailer>()?;
        let Some(mail) = mailer.address(&job, &self.to).await? else { return Ok(()) };
        mail.send(&Letter::new("en", "A letter")).await?;
        anyhow::bail!("it dies before it has ended")
    }
}

/// Sends a mail, and gives up as soon as the server on this port has been asked something.
#[derive(Serialize, Deserialize)]
pub struct GiveUpSending {
    /// Its address.
    pub to: String,
    /// That of the server, on this machine.
    pub port: u16,
}

impl Job for GiveUpSending {
    const KIND: &'static str = "writer.give_up_sending";
    const QUEUE: &'static str = tenfold_mail::QUEUE;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let mailer = job.service::<Mailer>()?;
        let Some(mail) = mailer.address(&job, &self.to).await? else { return Ok(()) };
        let is_asked = async {
            while !sink::is_asked(self.port) {
                tokio::task::yield_now().await;
            }
        };
        let letter = Letter::new("en", "A letter");
        tokio::select! {
            sent = mail.send(&letter) => sent,
            () = is_asked => anyhow::bail!("it was given up"),
        }
    }
}

/// Enqueues a greeting to each address.
pub async fn greet(app: &TestApp, organization: Option<OrgId>, addresses: &[&str]) {
    let enqueue = async |cx: SystemContext| {
        for to in addresses {
            let job = SendGreeting { to: (*to).to_owned(), subject: format!("Hello {to}") };
            match organization {
                Some(organization) => {
                    cx.within(organization).transaction(async |tx| tx.enqueue(job).await).await?;
                }
                None => {
                    cx.transaction(async |tx| tx.enqueue(job).await).await?;
                }
            }
        }
        Ok::<_, DataError>(())
    };
    app.run(enqueue).await.expect("the mails are enqueued");
}

/// An organization.
pub fn organization() -> OrgId {
    OrgId(Uuid::from_u128(7))
}
