//! One mail over SMTP (RFC 5321), on a connection of its own.

use std::error::Error as StdError;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use tokio::time::timeout;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::server::{Encryption, MailServer};

/// Why a mail was not sent.
#[derive(Debug)]
pub(crate) enum SmtpFailure {
    /// The server cannot be reached, or does not work with us: that is no fault of the mail.
    Away(Box<dyn StdError + Send + Sync>),
    /// It refuses the mail for now (4xx).
    NotNow(String),
    /// It was sent the content, and nobody knows whether it has accepted the mail.
    Unanswered(String),
    /// It refuses the mail for good (5xx).
    Never(String),
    /// It refuses the address for good.
    NoSuchAddress(String),
}

/// How long the server may take.
#[derive(Clone, Copy)]
pub(crate) struct SmtpLimits {
    /// Until it is ready for the content.
    pub ready: Duration,
    /// To take the content and to answer for it.
    pub content: Duration,
}

/// How long the server may take to part from us.
const FAREWELL: Duration = Duration::from_secs(2);

/// Sends a mail from one address to another. Telemetry counts it as a call to the server.
pub(crate) async fn send(
    server: &MailServer,
    limits: SmtpLimits,
    addresses: [&Address; 2],
    message: &[u8],
) -> Result<(), SmtpFailure> {
    let call = MailCall::begin(server);
    let sent = exchange(server, limits, addresses, message).instrument(call.span.clone()).await;
    call.end(&sent);
    sent
}

/// What telemetry learns of a mail: where it goes and how that ends.
struct MailCall {
    span: Span,
    is_over: bool,
}

impl MailCall {
    fn begin(server: &MailServer) -> Self {
        let span = tracing::info_span!(
            "smtp",
            otel.kind = "client",
            server.address = server.host.as_str(),
            server.port = server.port,
            error.type = Empty,
        );
        MailCall { span, is_over: false }
    }

    /// A mail that is refused for good is no failure of the server.
    fn end(mut self, sent: &Result<(), SmtpFailure>) {
        self.is_over = true;
        let error = match sent {
            Ok(()) | Err(SmtpFailure::Never(_) | SmtpFailure::NoSuchAddress(_)) => return,
            Err(SmtpFailure::Away(_)) => "unreachable",
            Err(SmtpFailure::NotNow(_)) => "deferred",
            Err(SmtpFailure::Unanswered(_)) => "timeout",
        };
        self.span.record("error.type", error);
    }
}

impl Drop for MailCall {
    /// What is dropped before its answer was given up, such as at the time limit of its job.
    fn drop(&mut self) {
        if !self.is_over {
            self.span.record("error.type", "abandoned");
        }
    }
}

async fn exchange(
    server: &MailServer,
    limits: SmtpLimits,
    [from, to]: [&Address; 2],
    message: &[u8],
) -> Result<(), SmtpFailure> {
    let begun = timeout(limits.ready, async {
        let mut connection = connect(server).await.map_err(away)?;
        let ready = address(&mut connection, from, to).await;
        Ok::<_, SmtpFailure>((connection, ready))
    });
    let late = || SmtpFailure::Away("it did not answer in time (mail.timeout)".into());
    let (mut connection, ready) = begun.await.map_err(|_| late())??;
    let sent = match ready {
        Ok(()) => submit(&mut connection, limits.content, message).await,
        Err(failure) => Err(failure),
    };
    // What it has answered stands, whatever becomes of the farewell.
    let _ = timeout(FAREWELL, connection.abort()).await;
    sent
}

async fn connect(server: &MailServer) -> Result<AsyncSmtpConnection, Error> {
    let name = ClientId::default();
    let tls = || TlsParameters::new(server.host.clone());
    let implicit = (server.encryption == Encryption::Implicit).then(tls).transpose()?;
    let place = (server.host.as_str(), server.port);
    let mut connection = AsyncSmtpConnection::connect_tokio1(place, None, &name, implicit, None).await?;
    if server.encryption == Encryption::Upgraded {
        connection.starttls(tls()?, &name).await?;
    }
    if let Some((user, password)) = &server.login {
        connection.auth(DEFAULT_MECHANISMS, &Credentials::new(user.clone(), password.clone())).await?;
    }
    Ok(connection)
}

/// Says whom the mail is from and for, until the server is ready for its content.
async fn address(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: &Address,
) -> Result<(), SmtpFailure> {
    let mut parameters = Vec::new();
    let is_ascii = |address: &Address| address.user().is_ascii() && address.domain().is_ascii();
    if !is_ascii(from) || !is_ascii(to) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(SmtpFailure::Never(
                "it knows no addresses with letters beyond ASCII (SMTPUTF8)".to_owned(),
            ));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    // A refused sender is a matter of configuration, not of this mail.
    connection.command(Mail::new(Some(from.clone()), parameters)).await.map_err(away)?;
    connection.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(|error| judge(error, is_unknown))?;
    connection.command(Data).await.map_err(|error| judge(error, |_| false))?;
    Ok(())
}

/// Sends the content. From here on nobody knows whether a server that does not answer has accepted the mail, so it counts as an
/// attempt: otherwise the mail would be delivered again and again.
async fn submit(
    connection: &mut AsyncSmtpConnection,
    limit: Duration,
    message: &[u8],
) -> Result<(), SmtpFailure> {
    let unknown =
        |why: &str| SmtpFailure::Unanswered(format!("nobody knows whether it has accepted the mail: {why}"));
    match timeout(limit, connection.message(message)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if error.status().is_none() => Err(unknown(&error.to_string())),
        Ok(Err(error)) => Err(judge(error, |_| false)),
        Err(_) => Err(unknown("it did not answer in time (mail.content_timeout)")),
    }
}

fn away(error: Error) -> SmtpFailure {
    SmtpFailure::Away(error.into())
}

/// What a reply to the address or to the content means.
fn judge(error: Error, is_unknown: impl Fn(&Error) -> bool) -> SmtpFailure {
    let said = error.to_string();
    // 421: the server is about to close (RFC 5321, section 3.8).
    let is_closing = error.status().is_some_and(|code| code.to_string() == "421");
    if error.is_permanent() && is_unknown(&error) {
        SmtpFailure::NoSuchAddress(said)
    } else if error.is_permanent() {
        SmtpFailure::Never(said)
    } else if error.is_transient() && !is_closing {
        SmtpFailure::NotNow(said)
    } else {
        SmtpFailure::Away(error.into())
    }
}

/// Whether a refused RCPT says that there is no such address, by its enhanced code (RFC 3463, RFC 7505). Without one, or with another,
/// the refusal may be a policy, a full mailbox or a wrong configuration of ours, for all addresses alike.
fn is_unknown(error: &Error) -> bool {
    let said = error.source().map(ToString::to_string).unwrap_or_default();
    let code = said.split_whitespace().next().unwrap_or_default();
    ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"].contains(&code)
}
