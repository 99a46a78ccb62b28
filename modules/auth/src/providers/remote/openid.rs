//! OpenID Connect: the code flow with PKCE, by a provider's discovery document.

use std::sync::Arc;

use serde::Deserialize;
use tenfold::prelude::*;

use super::exchange::{CodeExchange, ProvenIdentity, Registration};
use super::failure::ProviderFailure;
use super::id_token::{Expected, IdClaims, PersonClaims, SignedToken};
use super::keys::{PublishedKey, PublishedKeys};
use super::published::ProviderDocument;
use super::web::{Credential, Web, WebAddressOfProvider};
use crate::providers::handshake::ProviderHandshake;

/// Google's issuer.
pub(super) const GOOGLE: &str = "https://accounts.google.com";

/// A provider by its issuer, and what it publishes.
pub(super) struct OpenId {
    /// Without a slash at its end.
    issuer: String,
    address: WebAddressOfProvider,
    published: ProviderDocument<PublishedEndpoints>,
    keys: ProviderDocument<Vec<PublishedKey>>,
}

/// What `/.well-known/openid-configuration` says (OpenID Connect Discovery, section 3).
#[derive(Deserialize)]
struct DiscoveryDocument {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// The same, read.
struct PublishedEndpoints {
    issuer: String,
    authorization: WebAddressOfProvider,
    token: WebAddressOfProvider,
    keys: WebAddressOfProvider,
    person: Option<WebAddressOfProvider>,
    /// Whether the client's secret goes into the form, since the header is not supported.
    has_secret_in_form: bool,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    id_token: String,
}

/// What the provider says of a person apart from the ID token.
#[derive(Deserialize)]
struct PersonAnswer {
    sub: String,
    #[serde(flatten)]
    person: PersonClaims,
}

impl OpenId {
    /// The provider of an issuer.
    pub(super) fn of(issuer: &str) -> anyhow::Result<Self> {
        let issuer = issuer.trim_end_matches('/').to_owned();
        let address = WebAddressOfProvider::parse(&format!("{issuer}/.well-known/openid-configuration"));
        let address = address.map_err(anyhow::Error::msg)?;
        Ok(OpenId {
            issuer,
            address,
            published: ProviderDocument::default(),
            keys: ProviderDocument::default(),
        })
    }

    /// Whether this is the issuer's name.
    pub(super) fn is_called(&self, issuer: &str) -> bool {
        issuer.trim_end_matches('/') == self.issuer
    }

    /// The page on which the person signs in (OpenID Connect Core, section 3.1.2.1).
    pub(super) async fn sign_in_page(
        &self,
        web: &Web,
        registration: &Registration,
        handshake: &ProviderHandshake,
        (callback, now): (&str, Timestamp),
    ) -> Result<String, ProviderFailure> {
        let published = self.published(web, now).await?;
        Ok(published.authorization.with_query(&[
            ("response_type", "code"),
            ("client_id", &registration.settings.client_id),
            ("redirect_uri", callback),
            ("scope", "openid email profile"),
            ("state", &handshake.state()),
            ("nonce", &handshake.nonce()),
            ("code_challenge", &handshake.challenge()),
            ("code_challenge_method", "S256"),
        ]))
    }

    /// Whom the provider has signed in.
    pub(super) async fn identity(
        &self,
        web: &Web,
        registration: &Registration,
        exchange: CodeExchange<'_>,
    ) -> Result<ProvenIdentity, ProviderFailure> {
        let published = self.published(web, exchange.now).await?;
        let answer = published.tokens(web, registration, &exchange).await?;
        let claims = self.verified(web, &published, exchange.now, &answer.id_token).await?;
        let expected = Expected {
            issuer: &published.issuer,
            client_id: &registration.settings.client_id,
            nonce: &exchange.handshake.nonce(),
            now: exchange.now,
        };
        claims.check(&expected).map_err(ProviderFailure::answer)?;
        let IdClaims { iss, sub, hd, mut person, .. } = claims;
        // The ID token need not have it: with a code the scope asks for it there (OpenID Connect Core, section 5.4).
        if let (false, Some(address)) = (person.is_complete(), &published.person) {
            let said: PersonAnswer = web.get(address, Credential::Bearer(&answer.access_token)).await?;
            if said.sub != sub {
                return Err(ProviderFailure::answer("what is said of the person is of somebody else (sub)"));
            }
            person = PersonClaims { name: said.person.name.or(person.name), ..said.person };
        }
        let is_google = registration.name == "google" || self.is_called(GOOGLE);
        let verified_email = person.verified_email();
        let verified_email =
            verified_email.filter(|email| !is_google || is_google_authoritative(email, hd.as_deref()));
        Ok(ProvenIdentity { issuer: iss, subject: sub, verified_email, name: person.name })
    }

    /// What an ID token says, once its signature is checked. The keys are read again, once, if none of those that are known fits.
    async fn verified(
        &self,
        web: &Web,
        published: &PublishedEndpoints,
        now: Timestamp,
        text: &str,
    ) -> Result<IdClaims, ProviderFailure> {
        let token = SignedToken::parse(text).map_err(ProviderFailure::answer)?;
        let known = self.keys.known(now);
        if let Some(keys) = &known
            && let Some(claims) = token.verified(keys).map_err(ProviderFailure::answer)?
        {
            return Ok(claims);
        }
        let ask = async {
            let keys: PublishedKeys = web.get(&published.keys, Credential::None).await?;
            Ok(keys.readable())
        };
        let keys = self.keys.read(now, known.as_ref(), ask).await?;
        let claims = token.verified(&keys).map_err(ProviderFailure::answer)?;
        claims.ok_or_else(|| {
            ProviderFailure::answer("the ID token is signed with a key that the provider does not publish")
        })
    }

    async fn published(&self, web: &Web, now: Timestamp) -> Result<Arc<PublishedEndpoints>, ProviderFailure> {
        if let Some(published) = self.published.known(now) {
            return Ok(published);
        }
        let ask = async {
            let document: DiscoveryDocument = web.get(&self.address, Credential::None).await?;
            self.read(document).map_err(ProviderFailure::answer)
        };
        self.published.read(now, None, ask).await
    }

    /// Notes that it has not said in time where people sign in: an answer that nobody waits for any more notes nothing.
    pub(super) fn was_silent(&self, now: Timestamp, failure: &ProviderFailure) {
        self.published.fail(now, failure);
    }

    fn read(&self, document: DiscoveryDocument) -> Result<PublishedEndpoints, &'static str> {
        if !self.is_called(&document.issuer) {
            return Err("the discovery document is of another issuer");
        }
        let address = |text: &str| -> Result<WebAddressOfProvider, &'static str> {
            let address = WebAddressOfProvider::parse(text);
            let address = address.map_err(|_| "the discovery document has an address that is not https")?;
            let is_safe = address.is_as_safe_as(&self.address);
            is_safe.then_some(address).ok_or("the discovery document has an address that is not https")
        };
        let methods = document.token_endpoint_auth_methods_supported.unwrap_or_default();
        let has = |method: &str| methods.iter().any(|known| known == method);
        Ok(PublishedEndpoints {
            authorization: address(&document.authorization_endpoint)?,
            token: address(&document.token_endpoint)?,
            keys: address(&document.jwks_uri)?,
            person: document.userinfo_endpoint.as_deref().map(address).transpose()?,
            has_secret_in_form: has("client_secret_post") && !has("client_secret_basic"),
            issuer: document.issuer,
        })
    }
}

impl PublishedEndpoints {
    /// Exchanges a code for tokens (OpenID Connect Core, section 3.1.3.1).
    async fn tokens(
        &self,
        web: &Web,
        registration: &Registration,
        exchange: &CodeExchange<'_>,
    ) -> Result<TokenAnswer, ProviderFailure> {
        let verifier = exchange.handshake.verifier();
        let (id, secret) = (&*registration.settings.client_id, registration.settings.client_secret.expose());
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", exchange.code),
            ("redirect_uri", exchange.callback),
            ("code_verifier", &*verifier),
        ];
        let credential = match self.has_secret_in_form {
            true => {
                form.extend([("client_id", id), ("client_secret", secret)]);
                Credential::None
            }
            false => Credential::Client(id, secret),
        };
        web.post(&self.token, credential, &form).await
    }
}

/// Whether Google decides whose an address is: one of Gmail, or of an organization at Google, whose domain the ID token names. Others it
/// has verified once, and they may have passed to somebody else since (Google Identity, "Verify the Google ID token on your server side").
fn is_google_authoritative(email: &str, domain: Option<&str>) -> bool {
    email.to_ascii_lowercase().ends_with("@gmail.com") || domain.is_some_and(|domain| !domain.is_empty())
}
