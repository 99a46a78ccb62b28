//! Why TLS failed, and which setting to change.

use std::io;

use rustls::{CertificateError, Error};

use super::verify::Trust;

/// A handshake that failed, in words for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in super::super) struct TlsFailure(String);

impl TlsFailure {
    pub(super) fn not_a_name(host: &str) -> Self {
        TlsFailure(format!("{host:?} is no host name that a certificate could be for"))
    }

    pub(super) fn of(error: &io::Error, host: &str, trust: &Trust) -> Self {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
        TlsFailure(match cause {
            Some(Error::InvalidCertificate(why)) => of_certificate(why, host, trust),
            Some(cause) => format!("{cause}"),
            None => format!("the server ended it: {error}"),
        })
    }
}

fn of_certificate(why: &CertificateError, host: &str, trust: &Trust) -> String {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired: renew it on the server".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet: compare the clocks of both machines".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => format!(
            "the server's certificate is not for {host}{}: use a name in the address that stands in its \
             subjectAltName, or sslmode=verify-ca, which looks at the authority only",
            names(why)
        ),
        CertificateError::UnknownIssuer => {
            let whose = match trust {
                Trust::Signed { whose, .. } | Trust::Named { whose, .. } => whose,
                Trust::Anybody => "nobody's list",
            };
            format!(
                "the server's certificate was signed by no authority of {whose}: name the file of its authority \
                 in sslrootcert"
            )
        }
        other => format!(
            "the server's certificate cannot be used ({other}): it must be an X.509 certificate of version 3 and \
             not one of an authority (CA:FALSE)"
        ),
    }
}

/// The hosts that the certificate is for.
fn names(why: &CertificateError) -> String {
    match why {
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            format!(", but for {}", presented.join(", "))
        }
        _ => String::new(),
    }
}

/// The setting to change when the client library itself found that TLS is not possible.
pub(in super::super) fn hint(error: &tokio_postgres::Error) -> Option<&'static str> {
    let cause = std::error::Error::source(error)?.to_string();
    (cause == "server does not support TLS").then_some(
        "the server offers no TLS: turn it on there (ssl = on), or, in a private network, set sslmode=disable",
    )
}
