//! Posts a message to a webhook, signed as Standard Webhooks say. No redirect is followed.

use std::time::Duration;

use tenfold::data::Uuid;
use tenfold::prelude::Timestamp;
use tenfold_outbound::{Method, OutboundClient, OutboundRequest, OutboundUrl};

use super::signature::SigningSecret;

/// How long a delivery may take in all.
const DEADLINE: Duration = Duration::from_secs(10);

/// A receiver of alerts.
pub(super) struct Webhook {
    url: OutboundUrl,
    secret: Option<SigningSecret>,
    client: OutboundClient,
}

impl Webhook {
    pub(super) fn new(url: OutboundUrl, secret: Option<SigningSecret>) -> Self {
        Webhook { url, secret, client: OutboundClient::default() }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The receiver does not answer within ten seconds, or not with 2xx. The error names its host, and not its path.
    pub(super) async fn post(&self, id: Uuid, now: Timestamp, body: &str) -> anyhow::Result<()> {
        let (id, second) = (format!("msg_{id}"), now.as_second());
        let mut request = OutboundRequest::new(Method::POST, DEADLINE)
            .body("application/json", body.to_owned().into())
            .header("webhook-id", &id)
            .header("webhook-timestamp", &second.to_string())
            .status_only();
        if let Some(secret) = &self.secret {
            request = request.header("webhook-signature", &secret.sign(&id, second, body));
        }
        let answer = self.client.send(&self.url, request).await?;
        let (host, status) = (self.url.host(), answer.status);
        anyhow::ensure!(answer.is_success(), "{host} answers {status}, and not 2xx");
        Ok(())
    }
}
