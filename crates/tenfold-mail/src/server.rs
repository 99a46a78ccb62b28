//! `mail.url`: where mails go.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;

/// Where mails go.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum MailDelivery {
    /// Into the outbox.
    Outbox,
    /// To a mail server.
    Server(MailServer),
}

/// A mail server, and how it is spoken to.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct MailServer {
    pub host: String,
    pub port: u16,
    pub encryption: Encryption,
    /// Name and password.
    pub login: Option<(String, String)>,
}

/// How a connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// From the first byte (RFC 8314).
    Implicit,
    /// By STARTTLS (RFC 3207); a server without it is refused.
    Upgraded,
    /// Not at all.
    Off,
}

const ALLOWED: &str = "use smtp://user:password@host:587, smtps://user:password@host:465 or outbox:";

impl MailDelivery {
    /// Reads `mail.url`.
    ///
    /// # Errors
    /// What is allowed; it never repeats the text, which may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, &'static str> {
        if url == "outbox:" {
            return Ok(MailDelivery::Outbox);
        }
        let (scheme, rest) = url.split_once("://").ok_or(ALLOWED)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let (host, port) = place_of(place.trim_end_matches('/'))?;
        let (port, encryption) = match (scheme, query) {
            ("smtps", "") => (port.unwrap_or(465), Encryption::Implicit),
            ("smtp", "tls=required") => (port.unwrap_or(587), Encryption::Upgraded),
            ("smtp", "tls=off") => (port.unwrap_or(587), Encryption::Off),
            ("smtp", "") if is_loopback(&host) => (port.unwrap_or(587), Encryption::Off),
            ("smtp", "") => (port.unwrap_or(587), Encryption::Upgraded),
            ("smtp", _) => return Err("behind the ? of smtp:// only tls=required and tls=off are known"),
            _ => return Err(ALLOWED),
        };
        let login = login.map(login_of).transpose()?;
        Ok(MailDelivery::Server(MailServer { host, port, encryption, login }))
    }
}

fn place_of(place: &str) -> Result<(String, Option<u16>), &'static str> {
    // An IPv6 address stands in brackets.
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or(ALLOWED)?)),
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let is_host = !host.is_empty() && !host.contains(|letter: char| letter.is_whitespace() || letter == '/');
    let port = port.map(str::parse).transpose().map_err(|_| "the port of the mail server is no number")?;
    is_host.then(|| (host.to_owned(), port)).ok_or(ALLOWED)
}

fn login_of(login: &str) -> Result<(String, String), &'static str> {
    let wrong = "name and password are user:password, percent-encoded";
    let (name, password) = login.split_once(':').ok_or(wrong)?;
    let plain = |text| percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| wrong);
    Ok((plain(name)?, plain(password)?))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{Encryption, MailDelivery, MailServer};

    fn server(url: &str) -> MailServer {
        match MailDelivery::parse(url) {
            Ok(MailDelivery::Server(server)) => server,
            Ok(MailDelivery::Outbox) => panic!("{url} is the outbox"),
            Err(error) => panic!("{url}: {error}"),
        }
    }

    #[test]
    fn reads_name_password_host_and_port() {
        let read = server("smtp://ada%40acme.test:p%2Fw%3A@mail.acme.test:2525");
        assert_eq!((&*read.host, read.port, read.encryption), ("mail.acme.test", 2525, Encryption::Upgraded));
        assert_eq!(read.login, Some(("ada@acme.test".to_owned(), "p/w:".to_owned())));
    }

    #[test]
    fn encrypts_unless_the_server_is_near_or_it_is_switched_off() {
        for (url, port, encryption) in [
            ("smtps://mail.acme.test", 465, Encryption::Implicit),
            ("smtp://mail.acme.test", 587, Encryption::Upgraded),
            ("smtp://mail.acme.test?tls=off", 587, Encryption::Off),
            ("smtp://127.0.0.1:1025", 1025, Encryption::Off),
            ("smtp://[::1]:1025/", 1025, Encryption::Off),
            ("smtp://localhost?tls=required", 587, Encryption::Upgraded),
        ] {
            let read = server(url);
            assert_eq!((read.port, read.encryption), (port, encryption), "{url}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_use() {
        for url in [
            "",
            "smtp://",
            "http://mail.acme.test",
            "smtp://a@b.test",
            "smtp://b.test:x",
            "smtp://b.test?tls=maybe",
        ] {
            assert!(MailDelivery::parse(url).is_err(), "{url}");
        }
    }
}
