//! A client that talks to the router without a socket.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde::Serialize;
use tower::ServiceExt as _;

use crate::http::PeerAddress;

/// A request under construction; [`TestRequest::send`] sends it.
pub struct TestRequest {
    router: Router,
    builder: http::request::Builder,
    body: Body,
}

impl TestRequest {
    pub(super) fn new(router: Router, method: &str, path: &str) -> Self {
        let builder = Request::builder().method(method).uri(path).header("host", "app.test");
        let builder = builder.extension(PeerAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        TestRequest { router, builder, body: Body::empty() }
    }

    /// Signs the request with a session's token.
    pub fn bearer(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// Sends the request as if from this address, in place of 127.0.0.1.
    ///
    /// # Panics
    /// When the text is not an address.
    pub fn from_address(mut self, address: &str) -> Self {
        let address = address.parse().expect("the test's address is one");
        self.builder = self.builder.extension(PeerAddress(address));
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    /// Asks for this host instead of `app.test`.
    ///
    /// # Panics
    /// When it cannot be a header's value.
    pub fn host(mut self, host: &str) -> Self {
        let host = http::HeaderValue::try_from(host).expect("the test's host is a header's value");
        self.builder.headers_mut().expect("the test's request is one").insert(HOST, host);
        self
    }

    /// Sends JSON.
    ///
    /// # Panics
    /// When the value cannot be JSON.
    pub fn json(self, value: &impl Serialize) -> Self {
        let text = serde_json::to_vec(value).expect("the test's value can be JSON");
        self.header(CONTENT_TYPE.as_str(), "application/json").body(text)
    }

    /// Sends these bytes.
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = Body::from(bytes.into());
        self
    }

    /// Sends a body that arrives piece by piece; an error aborts it.
    pub fn pieces<S>(mut self, pieces: S) -> Self
    where
        S: futures_util::Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    {
        self.body = Body::from_stream(pieces);
        self
    }

    /// Sends the request and reads the whole answer.
    ///
    /// # Panics
    /// When the request is invalid, or the answer is aborted.
    pub async fn send(self) -> TestResponse {
        let request = self.builder.body(self.body).expect("the test's request is one");
        let response = self.router.oneshot(request).await.unwrap_or_else(|never| match never {});
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the answer ends").to_bytes();
        TestResponse { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Sends the request and returns the answer while it arrives, for an endless answer.
    ///
    /// # Panics
    /// When the request is invalid.
    pub async fn stream(self) -> TestStream {
        let request = self.builder.body(self.body).expect("the test's request is one");
        let response = self.router.oneshot(request).await.unwrap_or_else(|never| match never {});
        let (parts, body) = response.into_parts();
        TestStream { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

/// An answer.
#[derive(Debug)]
pub struct TestResponse {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl TestResponse {
    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header's text; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON; the message shows it.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{} is no JSON ({error}): {}", self.status, self.text()))
    }

    /// The answer as a problem of this status, in the form of RFC 9457.
    ///
    /// # Panics
    /// When it has another status or form; the message shows it.
    pub fn problem(&self, status: u16) -> serde_json::Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_ne!(self.header("x-request-id"), "");
        let problem = self.json();
        let kind = problem["type"].as_str().unwrap_or_default();
        assert!(kind.starts_with("urn:tenfold:problem:"), "{problem}");
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
        assert_eq!(problem["status"], status);
        problem
    }

    /// How many statements the request cost, as `Server-Timing` says.
    ///
    /// # Panics
    /// When the answer has no such header.
    pub fn statements(&self) -> u64 {
        let timing = self.header("server-timing");
        let count = timing.split("statements=").nth(1).and_then(|rest| rest.split('"').next());
        count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no statements in {timing:?}"))
    }
}

/// A test fails after this long without a piece of the response. It is not a sleep: a piece is read as soon as it
/// arrives.
const SILENCE: Duration = Duration::from_secs(60);

/// An answer that is still arriving.
#[derive(Debug)]
pub struct TestStream {
    status: u16,
    headers: HeaderMap,
    body: Body,
}

impl TestStream {
    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header's text; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The next piece of the body as text; nothing after the last.
    ///
    /// # Panics
    /// When none comes within ten seconds, or the answer is aborted.
    pub async fn next(&mut self) -> Option<String> {
        let frame = tokio::time::timeout(SILENCE, self.body.frame()).await;
        let frame = frame.unwrap_or_else(|_| panic!("the answer is silent for {SILENCE:?}"))?;
        let frame = frame.expect("the answer does not break off");
        Some(frame.into_data().map(|data| String::from_utf8_lossy(&data).into_owned()).unwrap_or_default())
    }
}
