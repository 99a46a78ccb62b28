//! One mail over SMTP (RFC 5321), on a connection of its own.

use std::error::Error as StdError;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};

use crate::server::{Encryption, MailServer};

/// Why a mail was not sent.
#[derive(Debug)]
pub(crate) enum SmtpFailure {
    /// The server cannot be reached, or does not work with us: that is no fault of the mail.
    Away(Box<dyn StdError + Send + Sync>),
    /// It refuses the mail for now (4xx).
    NotNow(String),
    /// It refuses the mail for good (5xx).
    Never(String),
    /// It refuses the address for good.
    NoSuchAddress(String),
}

/// Sends a mail.
pub(crate) async fn send(
    server: &MailServer,
    from: &Address,
    to: &Address,
    message: &[u8],
) -> Result<(), SmtpFailure> {
    let mut connection = connect(server).await.map_err(away)?;
    let sent = exchange(&mut connection, from, to, message).await;
    // What was accepted is accepted, whatever becomes of the farewell.
    connection.abort().await;
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

async fn exchange(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: &Address,
    message: &[u8],
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
    connection.message(message).await.map_err(|error| judge(error, |_| false))?;
    Ok(())
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

/// Whether a refused RCPT is about the address itself. An enhanced code (RFC 3463) says so with 5.1.x: others are about a full
/// mailbox or a policy. Without one, these three replies do (RFC 5321, section 4.2.3).
fn is_unknown(error: &Error) -> bool {
    let said = error.source().map(ToString::to_string).unwrap_or_default();
    let enhanced = said.split_whitespace().next().filter(|word| word.starts_with("5."));
    match enhanced {
        Some(code) => code.starts_with("5.1."),
        None => error.status().is_some_and(|code| ["550", "551", "553"].contains(&&*code.to_string())),
    }
}
