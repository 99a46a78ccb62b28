//! Sending a mail, inside a job.

use std::time::Duration;

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use serde::Deserialize;
use tenfold::config::{ConfigError, Loaded};
use tenfold::prelude::*;

use crate::letter::Letter;
use crate::outbox::{self, OutboxMailId, OutboxMailRow};
use crate::recipient::Recipient;
use crate::server::{MailDelivery, MailServer};
use crate::settings::MailSettings;
use crate::smtp::{self, SmtpFailure, SmtpLimits};
use crate::suppressed;

const HOUR: Duration = Duration::from_secs(60 * 60);
/// The step of a job that has sent its mail.
const SENT: &str = "sent";

/// Sends mails. Jobs ask for it: `job.service::<Mailer>()`.
pub struct Mailer {
    settings: MailSettings,
    delivery: MailDelivery,
    sender: Mailbox,
    /// Where browsers reach the service.
    base: String,
}

impl Mailer {
    pub(crate) fn start(wiring: &Wiring) -> anyhow::Result<Self> {
        let settings = MailSettings::read(wiring.settings())?;
        let delivery = settings.delivery().map_err(anyhow::Error::msg)?;
        let sender = settings.sender().ok_or_else(|| anyhow::anyhow!("mail.from is no address"))?;
        if delivery == MailDelivery::Outbox {
            tracing::info!("mails are not sent: the console shows them, since mail.url is outbox:");
        }
        let (base, is_public) = base(wiring.settings())?;
        if delivery == MailDelivery::Outbox && base.starts_with("https:") {
            tracing::warn!(
                "mails stay in the database, with links that work, and nobody gets any: set mail.url, since http.public_url says \
                 that people use this service"
            );
        }
        if delivery != MailDelivery::Outbox && !is_public {
            tracing::warn!(
                leads_to = base,
                "links in mails lead nowhere for their readers: set http.public_url"
            );
        }
        Ok(Mailer { settings, delivery, sender, base })
    }

    /// The address of a page of the application, for a link: `path` begins with `/`.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Addresses the mail of a job, which sends one. `None` if there is nothing to send: the job has sent its mail in an earlier attempt, a
    /// mail server has refused the address for good, or it is not one that mails can be sent to.
    ///
    /// Call it before you make a token for the mail: a job that has to wait for its turn, by the limits of the address and of
    /// the organization, ends here and runs again.
    ///
    /// # Errors
    /// The job waits for its turn, or the database fails: return the error.
    pub async fn address(&self, job: &JobContext, to: &str) -> anyhow::Result<Option<AddressedMail<'_>>> {
        self.address_within(job, to, None).await
    }

    /// As [`Mailer::address`], for a mail that anybody may have sent to anybody, such as that of a forgotten password. Each kind of them
    /// has a limit of its own, a quarter of `mail.address_per_hour`: by mails of one kind a stranger keeps no others away.
    ///
    /// # Errors
    /// As there.
    pub async fn address_asked_for(
        &self,
        job: &JobContext,
        to: &str,
        kind: &str,
    ) -> anyhow::Result<Option<AddressedMail<'_>>> {
        self.address_within(job, to, Some(kind)).await
    }

    async fn address_within(
        &self,
        job: &JobContext,
        to: &str,
        asked_for: Option<&str>,
    ) -> anyhow::Result<Option<AddressedMail<'_>>> {
        if job.has_step(SENT).await? {
            return Ok(None);
        }
        let Some(recipient) = Recipient::parse(to) else {
            tracing::info!(job = %job.id(), "a mail is not sent: its address is none");
            return Ok(None);
        };
        if suppressed::contains(job.system(), &recipient).await? {
            tracing::info!(job = %job.id(), "a mail is not sent: its address is suppressed");
            return Ok(None);
        }
        job.take_turns(&self.limits(job, &recipient, asked_for)).await?;
        Ok(Some(AddressedMail { mailer: self, job: job.clone(), recipient }))
    }

    fn limits(&self, job: &JobContext, recipient: &Recipient, asked_for: Option<&str>) -> Vec<RateLimit> {
        let limit = |key: String, mails: u32| RateLimit::per(key, mails, HOUR).burst(mails);
        let mailbox = recipient.mailbox();
        let hourly = self.settings.address_per_hour;
        let of_address = match asked_for {
            Some(kind) => limit(format!("mail {kind} to {mailbox}"), (hourly / 4).max(1)),
            None => limit(format!("mail to {mailbox}"), hourly),
        };
        let organization = job.cx().ok().map(|cx| cx.tenant());
        let of_organization =
            organization.map(|id| limit(format!("mail of {id}"), self.settings.organization_per_hour));
        [of_address].into_iter().chain(of_organization).collect()
    }
}

/// Where the service listens, and where browsers reach it.
#[derive(Deserialize)]
struct PublicAddress {
    listen: String,
    public_url: String,
}

/// The beginning of links: `http.public_url`, or for development the address that the service listens on. Never what a request says.
fn base(loaded: &Loaded) -> Result<(String, bool), ConfigError> {
    let place: PublicAddress = loaded.section("http")?;
    let is_public = !place.public_url.is_empty();
    let base = if is_public { place.public_url } else { format!("http://{}", place.listen) };
    Ok((base.trim_end_matches('/').to_owned(), is_public))
}

/// A mail that may be sent now.
pub struct AddressedMail<'m> {
    mailer: &'m Mailer,
    job: JobContext,
    recipient: Recipient,
}

impl AddressedMail<'_> {
    /// Sends it, or keeps it in the outbox. A job that is retried does not send again what is known to be accepted. Two things leave that
    /// unknown: a process that is killed behind the server's answer, and a server that does not answer for the content in time. The
    /// mail is then sent again, with the same id, as often as the job has attempts.
    ///
    /// # Errors
    /// Return the error. A mail server that cannot be reached counts as no attempt; one that refuses the mail for good ends
    /// the job, and its address gets no more mails if that is what it refused.
    pub async fn send(self, letter: &Letter) -> anyhow::Result<()> {
        match &self.mailer.delivery {
            MailDelivery::Outbox => self.keep(letter).await,
            MailDelivery::Server(server) => {
                self.job.step(SENT, async || self.submit(server, letter).await).await
            }
        }
    }

    async fn keep(&self, letter: &Letter) -> anyhow::Result<()> {
        self.job
            .step_in(SENT, async |tx| {
                let mail = OutboxMailRow {
                    id: OutboxMailId(tx.new_id()),
                    recipient: self.recipient.text.clone(),
                    sender: self.mailer.sender.to_string(),
                    subject: letter.subject(),
                    text: letter.text(),
                    html: letter.html(),
                    created_at: tx.now(),
                };
                Ok(outbox::add(tx, mail, self.mailer.settings.outbox_keep).await?)
            })
            .await
    }

    async fn submit(&self, server: &MailServer, letter: &Letter) -> anyhow::Result<()> {
        let message = self.message(letter)?;
        let settings = &self.mailer.settings;
        let limits =
            SmtpLimits { ready: settings.timeout.as_std(), content: settings.content_timeout.as_std() };
        let addresses = [&self.mailer.sender.email, &self.recipient.address];
        let Err(failure) = smtp::send(server, limits, addresses, &message).await else { return Ok(()) };
        match failure {
            SmtpFailure::Away(cause) => {
                Err(TryLater::because("waiting for the mail server").caused_by(cause).into())
            }
            SmtpFailure::NotNow(said) | SmtpFailure::Unanswered(said) => {
                Err(anyhow::anyhow!("the mail server does not take the mail now: {said}"))
            }
            SmtpFailure::Never(said) => Err(refused(&said).into()),
            SmtpFailure::NoSuchAddress(said) => {
                suppressed::add(self.job.system(), &self.recipient, &said).await?;
                Err(refused(&said).into())
            }
        }
    }

    /// The mail in the format of RFC 5322. Its id is that of the job: a mail that was sent twice can be known.
    fn message(&self, letter: &Letter) -> anyhow::Result<Vec<u8>> {
        let domain = self.mailer.sender.email.domain();
        let now = std::time::SystemTime::from(self.job.system().now());
        let mut message = Message::builder()
            .from(self.mailer.sender.clone())
            .to(Mailbox::new(None, self.recipient.address.clone()))
            .subject(letter.subject())
            .date(now)
            .message_id(Some(format!("<{}@{domain}>", self.job.id())))
            .multipart(MultiPart::alternative_plain_html(letter.text(), letter.html()))?;
        if let Some(link) = letter.stop() {
            message.headers_mut().insert_raw(header("List-Unsubscribe", format!("<{link}>")));
            let one_click = "List-Unsubscribe=One-Click".to_owned();
            message.headers_mut().insert_raw(header("List-Unsubscribe-Post", one_click));
        }
        Ok(message.formatted())
    }
}

/// A header whose value is plain ASCII in one line: an address must not be folded or encoded.
fn header(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.clone(), value)
}

fn refused(said: &str) -> Discard {
    Discard::because(format!("the mail server refuses the mail: {said}"))
}
