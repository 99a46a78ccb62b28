//! Single calls before the load begins: the document, sign-in, lists of ids, and each step once.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request};
use http_body_util::Full;
use serde_json::Value;

use crate::connections::{Connections, ExchangeError};
use crate::request::authorize;

/// Calls the application.
pub(crate) struct Visitor<'c> {
    connections: &'c Connections,
    host: HeaderValue,
    timeout: Duration,
}

/// What came back.
pub(crate) struct Heard {
    pub status: u16,
    pub body: Bytes,
}

impl Heard {
    pub(crate) fn is_success(&self) -> bool {
        (200..400).contains(&self.status)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The status, and what the problem says.
    pub(crate) fn reason(&self) -> String {
        let problem = self.json();
        match problem["detail"].as_str().or(problem["title"].as_str()) {
            Some(detail) => format!("{}: {}", self.status, detail.chars().take(200).collect::<String>()),
            None => self.status.to_string(),
        }
    }
}

impl<'c> Visitor<'c> {
    pub(crate) fn new(connections: &'c Connections, timeout: Duration) -> anyhow::Result<Self> {
        let host = HeaderValue::from_str(connections.target().host())?;
        Ok(Visitor { connections, host, timeout })
    }

    pub(crate) fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// Reads something.
    pub(crate) async fn get(&self, path: &str, authorization: Option<&HeaderValue>) -> anyhow::Result<Heard> {
        let mut request = Request::builder().method(Method::GET).uri(path).body(Full::default())?;
        authorize(request.headers_mut(), authorization);
        self.call(request).await
    }

    /// Sends JSON.
    pub(crate) async fn post(&self, path: &str, body: Bytes) -> anyhow::Result<Heard> {
        let mut request = Request::builder().method(Method::POST).uri(path).body(Full::new(body))?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.call(request).await
    }

    /// Sends a request. Of a stream, only the head is read.
    pub(crate) async fn call(&self, mut request: Request<Full<Bytes>>) -> anyhow::Result<Heard> {
        request.headers_mut().entry(HOST).or_insert_with(|| self.host.clone());
        let (connections, target) = (self.connections, self.connections.target());
        let path = request.uri().path().to_owned();
        let exchange = async {
            let answered = connections.send(request).await?;
            let status = answered.status();
            let is_stream =
                answered.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
            let body = if is_stream { Bytes::new() } else { answered.body(connections).await? };
            Ok(Heard { status, body })
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(Err(ExchangeError::Connect(error))) => Err(anyhow::anyhow!(
                "nothing answers at {target} ({error}): start the application, or name it with --target"
            )),
            Ok(heard) => heard.with_context(|| format!("{target}{path} gave no answer")),
            Err(_) => anyhow::bail!("{target}{path} gave no answer within --timeout"),
        }
    }
}
