//! What a browser keeps while its person is at a provider, and what it is known by when it comes back.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use tenfold::data::SystemTx;
use tenfold::http::{HeaderMap, HeaderValue, HttpSettings, Response, cookie, header};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;

/// How long a person may stay at the provider.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// What binds an attempt to the browser that began it. The browser keeps it in a cookie, and what the provider is given follows from it:
/// nothing of it is stored here but a hash.
pub(super) struct ProviderHandshake([u8; 32]);

impl ProviderHandshake {
    /// A new one, by random bytes of the system.
    pub(super) fn fresh() -> Result<Self, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(ProviderHandshake(secret))
    }

    /// The one of the browser that sends a request.
    pub(super) fn of(headers: &HeaderMap, settings: &HttpSettings) -> Option<Self> {
        let text = cookie(headers, cookie_name(settings))?;
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(ProviderHandshake)
    }

    /// What comes back with the browser (RFC 6749, section 10.12).
    pub(super) fn state(&self) -> String {
        self.derived(b"state")
    }

    /// What the ID token must repeat (OpenID Connect Core, section 3.1.2.1).
    pub(super) fn nonce(&self) -> String {
        self.derived(b"nonce")
    }

    /// What shows that the one who has the code began the attempt (RFC 7636, section 4.1).
    pub(super) fn verifier(&self) -> String {
        self.derived(b"verifier")
    }

    /// The S256 challenge of the verifier (RFC 7636, section 4.2).
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier()))
    }

    /// The answer with the cookie.
    pub(super) fn keep(&self, answer: Response, settings: &HttpSettings) -> Response {
        with_cookie(answer, settings, &URL_SAFE_NO_PAD.encode(self.0), LIFETIME)
    }

    fn derived(&self, what: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::new().chain_update(what).chain_update(self.0).finalize())
    }

    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0).to_vec()
    }

    /// Uses the attempt up: gives its provider, and the account that the provider is linked to. None for one that is unknown, was used,
    /// or is older than ten minutes.
    pub(super) async fn consume(
        &self,
        tx: &SystemTx<'_>,
    ) -> Result<Option<(String, Option<AccountId>)>, DataError> {
        sql!(
            "auth_provider_attempts.consume",
            "DELETE FROM auth_provider_attempts WHERE secret_hash = $1 AND expires_at > $2 RETURNING provider, account_id"
        )
        .changes("auth_provider_attempts")
        .bind(self.hash())
        .bind(tx.now())
        .first(tx)
        .await
    }
}

/// Stores that an attempt has begun.
pub(super) async fn store(
    tx: &SystemTx<'_>,
    handshake: &ProviderHandshake,
    provider: &str,
    account: Option<AccountId>,
) -> Result<(), DataError> {
    sql!(
        "auth_provider_attempts.insert",
        "INSERT INTO auth_provider_attempts (secret_hash, provider, account_id, expires_at) VALUES ($1, $2, $3, $4)"
    )
    .changes("auth_provider_attempts")
    .bind(handshake.hash())
    .bind(provider.to_owned())
    .bind(account)
    .bind(tx.now() + LIFETIME)
    .execute(tx)
    .await
    .map(drop)
}

/// Takes the cookie away.
pub(super) fn forget(answer: Response, settings: &HttpSettings) -> Response {
    with_cookie(answer, settings, "", Duration::ZERO)
}

fn with_cookie(mut answer: Response, settings: &HttpSettings, value: &str, age: Duration) -> Response {
    let (name, age) = (cookie_name(settings), age.as_secs());
    let secure = if settings.https { "; Secure" } else { "" };
    // Lax: the provider's redirect comes from another site.
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
    if let Ok(value) = HeaderValue::try_from(cookie) {
        answer.headers_mut().append(header::SET_COOKIE, value);
    }
    answer
}

/// Browsers keep a `__Host-` cookie on https only.
fn cookie_name(settings: &HttpSettings) -> &'static str {
    if settings.https { "__Host-tenfold-provider" } else { "tenfold-provider" }
}
