//! The TLS settings in an address. The client library knows three of libpq's modes and no certificate files, so both
//! are read here.

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use percent_encoding::percent_decode_str;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, SslMode, SslNegotiation};

use super::Tls;
use super::verify::Trust;
use crate::error::DataError;

/// A parsed address.
pub(in super::super) struct PostgresAddress {
    pub(in super::super) config: Config,
    pub(in super::super) tls: Tls,
}

/// libpq's modes. `allow` is left out: it connects without TLS, and tries TLS only when refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// The parameters that the client library does not read.
#[derive(Default)]
struct AskedTls {
    mode: Option<Mode>,
    roots: Option<Roots>,
}

enum Roots {
    System,
    File(PathBuf),
}

/// Reads the address in the setting `key`, and the certificates that it names.
pub(in super::super) fn read(key: &str, url: &str) -> Result<PostgresAddress, DataError> {
    let (url, asked) = part(url).map_err(|why| refused(key, &why))?;
    let mut config = Config::from_str(&url).map_err(|error| refused(key, &unreadable(&url, &error)))?;
    let mode = asked.mode.unwrap_or(Mode::Prefer);
    let trust = trust(mode, asked.roots.as_ref()).map_err(|why| refused(key, &why))?;
    check(mode, &config).map_err(|why| refused(key, why))?;
    if asked.mode.is_none() && config.get_hosts().iter().any(is_elsewhere) {
        tracing::warn!(
            "{key} has no sslmode: TLS is used if the server offers it, and the server is not verified; \
             sslmode=verify-full verifies it, sslmode=disable says that its network is private"
        );
    }
    config.ssl_mode(match mode {
        Mode::Disable => SslMode::Disable,
        Mode::Prefer => SslMode::Prefer,
        Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
    });
    Ok(PostgresAddress { config, tls: Tls::new(trust) })
}

fn refused(key: &str, why: &str) -> DataError {
    DataError::Settings(format!("{key} {why}"))
}

fn unreadable(url: &str, error: &tokio_postgres::Error) -> String {
    // A second @ belongs to a password. The parser then takes parts of the password for other fields, and its message
    // quotes them.
    let cause = error.source().filter(|_| url.matches('@').count() < 2);
    let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
    format!("is not a PostgreSQL address: {error}{cause}")
}

/// Splits the two parameters off the address, and reads them.
fn part(url: &str) -> Result<(String, AskedTls), String> {
    let mut asked = AskedTls::default();
    // A password may hold a question mark.
    let behind_password = url.find('@').unwrap_or(0);
    let Some(mark) = url[behind_password..].find('?').map(|mark| behind_password + mark) else {
        return Ok((url.to_owned(), asked));
    };
    let mut others = Vec::new();
    for parameter in url[mark + 1..].split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = percent_decode_str(value).decode_utf8_lossy();
        match name {
            "sslmode" => asked.mode = Some(Mode::of(&value)?),
            "sslrootcert" if value == "system" => asked.roots = Some(Roots::System),
            "sslrootcert" => asked.roots = Some(Roots::File(PathBuf::from(&*value))),
            "sslcert" | "sslkey" => {
                return Err(format!("has {name}: a certificate of the client's own is not supported"));
            }
            _ => others.push(parameter),
        }
    }
    let others = others.join("&");
    let rest = if others.is_empty() { String::new() } else { format!("?{others}") };
    Ok((format!("{}{rest}", &url[..mark]), asked))
}

impl Mode {
    fn of(text: &str) -> Result<Self, String> {
        match text {
            "disable" => Ok(Mode::Disable),
            "prefer" => Ok(Mode::Prefer),
            "require" => Ok(Mode::Require),
            "verify-ca" => Ok(Mode::VerifyCa),
            "verify-full" => Ok(Mode::VerifyFull),
            other => Err(format!(
                "has sslmode={other}, which must be one of disable, prefer, require, verify-ca and verify-full"
            )),
        }
    }
}

/// Which certificates are accepted. As with libpq, `require` with a file means `verify-ca`. A combination that would
/// verify less than it seems to is refused.
fn trust(mode: Mode, roots: Option<&Roots>) -> Result<Trust, String> {
    match (mode, roots) {
        (Mode::Disable | Mode::Prefer, Some(_)) => {
            Err("has sslrootcert, which is not looked at: add sslmode=verify-full, or verify-ca".to_owned())
        }
        (Mode::Require, Some(Roots::System)) => {
            Err("has sslrootcert=system, which needs sslmode=verify-full".to_owned())
        }
        (Mode::VerifyCa, None | Some(Roots::System)) => Err(
            "has sslmode=verify-ca without a file: whatever a public authority signed for anybody would be taken; \
             use sslmode=verify-full, or name the file of your authority in sslrootcert"
                .to_owned(),
        ),
        (Mode::Disable | Mode::Prefer | Mode::Require, None) => Ok(Trust::Anybody),
        (Mode::Require | Mode::VerifyCa, Some(Roots::File(file))) => {
            Ok(Trust::Signed { roots: from_file(file)?, whose: file.display().to_string() })
        }
        (Mode::VerifyFull, Some(Roots::File(file))) => {
            Ok(Trust::Named { roots: from_file(file)?, whose: file.display().to_string() })
        }
        (Mode::VerifyFull, None | Some(Roots::System)) => {
            Ok(Trust::Named { roots: from_system()?, whose: "the system's list".to_owned() })
        }
    }
}

fn from_file(file: &Path) -> Result<RootCertStore, String> {
    let named = |why: &dyn std::fmt::Display| format!("has sslrootcert={}: {why}", file.display());
    let mut roots = RootCertStore::empty();
    let text = std::fs::read(file).map_err(|error| named(&error))?;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| named(&format!("it is not PEM: {error}")))?;
        roots.add(certificate).map_err(|error| named(&format!("it holds a damaged certificate: {error}")))?;
    }
    if roots.is_empty() {
        return Err(named(
            &"it holds no certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----",
        ));
    }
    Ok(roots)
}

fn from_system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // A system certificate that rustls cannot read is one that it would not accept either.
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err("has sslmode=verify-full, and the system has no certificates of authorities: install \
                    ca-certificates, or name a file in sslrootcert"
            .to_owned());
    }
    Ok(roots)
}

/// A combination that can never succeed is refused at start.
fn check(mode: Mode, config: &Config) -> Result<(), &'static str> {
    if config.get_channel_binding() == ChannelBinding::Require && matches!(mode, Mode::Disable | Mode::Prefer)
    {
        return Err("has channel_binding=require, which needs TLS: add sslmode=require, or verify-full");
    }
    if config.get_ssl_negotiation() == SslNegotiation::Direct && matches!(mode, Mode::Disable | Mode::Prefer)
    {
        return Err("has sslnegotiation=direct, which needs TLS: add sslmode=require, or verify-full");
    }
    Ok(())
}

/// Whether a host is another machine, judging by its name.
fn is_elsewhere(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let is_loopback = name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
            !is_loopback && name != "localhost"
        }
        #[cfg(unix)]
        Host::Unix(_) => false,
    }
}
