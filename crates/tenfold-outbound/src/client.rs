//! Sends requests.

use std::error::Error;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tracing::Instrument as _;

use crate::span::CallSpan;
use crate::url::OutboundUrl;

/// The longest answer that is read unless a request says otherwise, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Sends requests; a clone shares the certificates, which are read for the first address with `https`.
#[derive(Clone, Default)]
pub struct OutboundClient {
    tls: Arc<OnceLock<TlsConnector>>,
}

/// A request that is about to be sent.
pub struct OutboundRequest {
    pub(crate) method: Method,
    headers: HeaderMap,
    body: Bytes,
    deadline: Duration,
    longest_answer: usize,
    is_malformed: bool,
    pub(crate) operation: Option<&'static str>,
}

/// What came back.
#[derive(Debug)]
pub struct OutboundAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty if the request asked for the status only.
    pub body: Bytes,
}

/// Why nothing came back. The texts name the host, and neither path nor what was sent.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// It did not answer in full within the deadline.
    #[error("{host} did not answer within {deadline:?}")]
    Late {
        /// The host.
        host: String,
        /// The deadline.
        deadline: Duration,
    },
    /// It cannot be reached, its certificate is not trusted, or it does not speak HTTP.
    #[error("{host} cannot be asked: {reason}")]
    Unreachable {
        /// The host.
        host: String,
        /// Why.
        reason: String,
    },
    /// Its answer is longer than what is read of one.
    #[error("{host} answers more than {bytes} bytes")]
    TooLong {
        /// The host.
        host: String,
        /// The bound.
        bytes: usize,
    },
    /// A header's name or value has characters that no header has.
    #[error("a header for {host} has characters that no header may have")]
    Malformed {
        /// The host.
        host: String,
    },
}

impl OutboundRequest {
    /// A request that is given up `deadline` after it was begun, connecting and reading included.
    pub fn new(method: Method, deadline: Duration) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static("tenfold"));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let (body, longest_answer) = (Bytes::new(), LONGEST_ANSWER);
        let (is_malformed, operation) = (false, None);
        OutboundRequest { method, headers, body, deadline, longest_answer, is_malformed, operation }
    }

    /// Adds a header, in place of another of its name. A value may be a secret: no text shows it.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                self.headers.insert(name, value);
            }
            _ => self.is_malformed = true,
        }
        self
    }

    /// Sets the body and its type.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: Bytes) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = body;
        self
    }

    /// Names what is asked for in telemetry, beside the host: such as `POST /v1/charges/{id}`. The address itself is never shown, since paths
    /// and queries have ids and secrets.
    #[must_use]
    pub fn operation(mut self, name: &'static str) -> Self {
        self.operation = Some(name);
        self
    }

    /// Reads no body of the answer: its status says all.
    #[must_use]
    pub fn status_only(self) -> Self {
        self.longest_answer(0)
    }

    /// Reads up to so many bytes of an answer, instead of 64 KiB.
    #[must_use]
    pub fn longest_answer(mut self, bytes: usize) -> Self {
        self.longest_answer = bytes;
        self
    }
}

impl OutboundAnswer {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }
}

impl OutboundClient {
    /// Sends a request and reads its answer, whatever its status.
    ///
    /// # Errors
    /// See [`OutboundError`].
    pub async fn send(
        &self,
        url: &OutboundUrl,
        request: OutboundRequest,
    ) -> Result<OutboundAnswer, OutboundError> {
        let host = url.host().to_owned();
        if request.is_malformed {
            return Err(OutboundError::Malformed { host });
        }
        let (deadline, bytes) = (request.deadline, request.longest_answer);
        let call = CallSpan::begin(url, &request);
        let exchange = self.exchange(url, request).instrument(call.span());
        let answer = match tokio::time::timeout(deadline, exchange).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                Err(OutboundError::TooLong { host, bytes })
            }
            Ok(Err(error)) => Err(OutboundError::Unreachable { host, reason: with_sources(&*error) }),
            Err(_) => Err(OutboundError::Late { host, deadline }),
        };
        call.end(&answer);
        answer
    }

    async fn exchange(
        &self,
        url: &OutboundUrl,
        request: OutboundRequest,
    ) -> Result<OutboundAnswer, OutboundFailure> {
        let stream = TcpStream::connect((url.host(), url.port())).await?;
        if !url.is_encrypted() {
            return over(stream, url, request).await;
        }
        let name = ServerName::try_from(url.host().to_owned())?;
        let stream = self.tls()?.connect(name, stream).await?;
        over(stream, url, request).await
    }

    fn tls(&self) -> Result<TlsConnector, OutboundFailure> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let mut roots = RootCertStore::empty();
        // A certificate that rustls cannot read is one that it would not accept either.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(self.tls.get_or_init(|| TlsConnector::from(Arc::new(config))).clone())
    }
}

type OutboundFailure = Box<dyn Error + Send + Sync>;

/// Sends a request over a connection and reads the answer.
async fn over<S>(
    stream: S,
    url: &OutboundUrl,
    request: OutboundRequest,
) -> Result<OutboundAnswer, OutboundFailure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let longest = request.longest_answer;
    let mut message =
        Request::builder().method(request.method).uri(url.target()).body(Full::new(request.body))?;
    *message.headers_mut() = request.headers;
    message.headers_mut().insert(HOST, HeaderValue::try_from(url.authority())?);
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let answer = async move {
        let answer = sender.send_request(message).await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = match longest {
            0 => Bytes::new(),
            longest => Limited::new(answer.into_body(), longest).collect().await?.to_bytes(),
        };
        Ok::<_, OutboundFailure>(OutboundAnswer { status, headers, body })
    };
    let mut answer = pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // The rest of the answer may have been read already; otherwise this fails at once.
        _ = connection => answer.await,
    }
}

fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
