//! Posts a message to a webhook: HTTP/1.1 over TCP or TLS, one request a connection. No redirect is followed.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tenfold::data::Uuid;
use tenfold::prelude::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::WebhookAddress;
use super::signature::SigningSecret;

/// How long a delivery may take in all.
const DEADLINE: Duration = Duration::from_secs(10);
/// How much of an answer is read: its status is in the first line.
const HEAD: u64 = 1_024;

/// A receiver of alerts.
pub(super) struct Webhook {
    address: WebhookAddress,
    secret: Option<SigningSecret>,
    /// Made for the first delivery: it reads the system's certificates.
    tls: OnceLock<TlsConnector>,
}

impl Webhook {
    pub(super) fn new(address: WebhookAddress, secret: Option<SigningSecret>) -> Self {
        Webhook { address, secret, tls: OnceLock::new() }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The receiver does not answer within ten seconds, or not with 2xx. The error names its host, and not its path.
    pub(super) async fn post(&self, id: Uuid, now: Timestamp, body: &str) -> anyhow::Result<()> {
        let request = self.request(&format!("msg_{id}"), now.as_second(), body);
        let sent = tokio::time::timeout(DEADLINE, self.exchange(&request));
        let host = &self.address.authority;
        let status = sent.await.with_context(|| format!("{host} does not answer in {DEADLINE:?}"))?;
        let status = status.with_context(|| format!("{host} does not answer"))?;
        anyhow::ensure!((200..300).contains(&status), "{host} answers {status}, and not 2xx");
        Ok(())
    }

    fn request(&self, id: &str, second: i64, body: &str) -> String {
        let WebhookAddress { authority, path, .. } = &self.address;
        let length = body.len();
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: tenfold\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nwebhook-id: {id}\r\nwebhook-timestamp: {second}\r\n"
        );
        if let Some(secret) = &self.secret {
            head += &format!("webhook-signature: {}\r\n", secret.sign(id, second, body));
        }
        format!("{head}\r\n{body}")
    }

    async fn exchange(&self, request: &str) -> anyhow::Result<u16> {
        let connection = TcpStream::connect((&*self.address.host, self.address.port)).await?;
        if !self.address.is_https {
            return answered(connection, request).await;
        }
        let name = ServerName::try_from(self.address.host.clone())?;
        let shaken = self.tls()?.connect(name, connection).await?;
        answered(shaken, request).await
    }

    fn tls(&self) -> anyhow::Result<TlsConnector> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(self.tls.get_or_init(|| TlsConnector::from(Arc::new(config))).clone())
    }
}

/// Sends a request and reads the status of its answer.
async fn answered(mut connection: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> anyhow::Result<u16> {
    connection.write_all(request.as_bytes()).await?;
    connection.flush().await?;
    let mut head = Vec::new();
    let mut connection = connection.take(HEAD);
    while !head.contains(&b'\n') && connection.read_buf(&mut head).await? > 0 {}
    let line = String::from_utf8_lossy(&head);
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.trim().parse().ok());
    status.context("it does not speak HTTP")
}
