//! Requests to a provider: a connection for each, JSON back, no redirects.

use std::fmt::Display;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tenfold::axum::body::Bytes;
use tenfold::axum::http::uri::{Scheme, Uri};
use tenfold::axum::http::{Method, Request, StatusCode};
use tenfold::http::header;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::failure::ProviderFailure;

/// The longest answer that is read, in bytes. A set of keys has some ten kilobytes.
const LONGEST_ANSWER: usize = 512 * 1024;

/// What stays as it is in a query and a form (RFC 3986, section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An address at a provider: https, or http on this machine, for tests and development.
#[derive(Clone, Debug)]
pub(in super::super) struct WebAddressOfProvider {
    uri: Uri,
    host: String,
    port: u16,
    is_secure: bool,
}

impl WebAddressOfProvider {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in super::super) fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "use an address such as https://login.example.com, without user and query; http only on this machine";
        let uri: Uri = text.parse().map_err(|_| EXPECTED)?;
        let authority =
            uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or(EXPECTED)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_local =
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let is_secure = uri.scheme() == Some(&Scheme::HTTPS);
        if host.is_empty() || !(is_secure || is_local && uri.scheme() == Some(&Scheme::HTTP)) {
            return Err(EXPECTED);
        }
        let port = authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        Ok(WebAddressOfProvider { uri, host, port, is_secure })
    }

    /// Whether both are encrypted, or neither.
    pub(super) fn is_as_safe_as(&self, other: &Self) -> bool {
        self.is_secure || !other.is_secure
    }

    /// The address with these parameters.
    pub(super) fn with_query(&self, parameters: &[(&str, &str)]) -> String {
        let mark = if self.uri.query().is_some() { '&' } else { '?' };
        format!("{}{mark}{}", self.uri, form(parameters))
    }
}

/// Parameters as a query or a form.
fn form(parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// What a request shows.
#[derive(Clone, Copy)]
pub(super) enum Credential<'c> {
    /// Nothing.
    None,
    /// The token of the person.
    Bearer(&'c str),
    /// The client's id and secret (RFC 6749, section 2.3.1).
    Client(&'c str, &'c str),
}

/// Asks providers.
#[derive(Clone)]
pub(super) struct Web(TlsConnector);

impl Web {
    /// Trusts the authorities that the system trusts.
    pub(super) fn new() -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        // A certificate that rustls cannot read is one that it would not accept either.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Web(TlsConnector::from(Arc::new(config))))
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// The provider cannot be reached, or answers something else.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        address: &WebAddressOfProvider,
        credential: Credential<'_>,
    ) -> Result<T, ProviderFailure> {
        self.send(address, Method::GET, credential, String::new()).await
    }

    /// Sends a form and reads JSON.
    ///
    /// # Errors
    /// As [`Web::get`].
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        address: &WebAddressOfProvider,
        credential: Credential<'_>,
        parameters: &[(&str, &str)],
    ) -> Result<T, ProviderFailure> {
        self.send(address, Method::POST, credential, form(parameters)).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        address: &WebAddressOfProvider,
        method: Method,
        credential: Credential<'_>,
        body: String,
    ) -> Result<T, ProviderFailure> {
        let path = address.uri.path_and_query().map_or("/", |path| path.as_str());
        let host = address.uri.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header(header::HOST, host)
            .header(header::ACCEPT, "application/json")
            // GitHub refuses requests without one.
            .header(header::USER_AGENT, "tenfold");
        if method == Method::POST {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let authorization = match credential {
            Credential::None => None,
            Credential::Bearer(token) => Some(format!("Bearer {token}")),
            Credential::Client(id, secret) => {
                Some(format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)))))
            }
        };
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(Bytes::from(body)));
        let request = request.map_err(|_| ProviderFailure::answer("gave a token that is no header"))?;
        let (status, body) = self.exchange(address, request).await?;
        let place = format!("{}{}", address.host, address.uri.path());
        if !status.is_success() {
            return Err(ProviderFailure::answer(format!("{place} answers {status}{}", reason(&body))));
        }
        // The error of the parser would quote what may be a secret.
        serde_json::from_slice(&body).map_err(|_| {
            ProviderFailure::answer(format!("{place} answers something else than expected{}", reason(&body)))
        })
    }

    async fn exchange(
        &self,
        address: &WebAddressOfProvider,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), ProviderFailure> {
        let lost = |error: &dyn Display| ProviderFailure::unreachable(format!("{}: {error}", address.host));
        let stream =
            TcpStream::connect((&*address.host, address.port)).await.map_err(|error| lost(&error))?;
        let answer = if address.is_secure {
            let name = ServerName::try_from(address.host.clone()).map_err(|error| lost(&error))?;
            let stream = self.0.connect(name, stream).await.map_err(|error| lost(&error))?;
            over(stream, request).await
        } else {
            over(stream, request).await
        };
        answer.map_err(|error| lost(&error))
    }
}

type WebExchangeError = Box<dyn std::error::Error + Send + Sync>;

/// Sends a request over a connection and reads the answer.
async fn over<S>(stream: S, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), WebExchangeError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let answer = async move {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await?;
        Ok::<_, WebExchangeError>((status, body.to_bytes()))
    };
    let mut answer = pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // The rest of the answer may have been read already; otherwise this fails at once.
        _ = connection => answer.await,
    }
}

/// The code of an OAuth error (RFC 6749, section 5.2), for the log. Nothing else of the answer is said.
fn reason(body: &[u8]) -> String {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let code = parsed.as_ref().and_then(|parsed| parsed["error"].as_str());
    let is_code = |text: &&str| {
        text.len() <= 64 && text.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
    };
    code.filter(is_code).map_or_else(String::new, |code| format!(" ({code})"))
}
