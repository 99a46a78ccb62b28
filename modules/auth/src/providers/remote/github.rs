//! GitHub, which speaks OAuth 2.0 and no OpenID Connect: it is asked who the person is.

use serde::Deserialize;

use super::exchange::{CodeExchange, ProvenIdentity, Registration};
use super::failure::ProviderFailure;
use super::web::{Credential, Web, WebAddressOfProvider};
use crate::providers::handshake::ProviderHandshake;

/// github.com, or a GitHub Enterprise Server.
pub(super) struct GitHub {
    issuer: String,
    authorization: WebAddressOfProvider,
    token: WebAddressOfProvider,
    person: WebAddressOfProvider,
    emails: WebAddressOfProvider,
}

#[derive(Deserialize)]
struct GitHubToken {
    access_token: String,
}

#[derive(Deserialize)]
struct GitHubPerson {
    id: u64,
    name: Option<String>,
}

#[derive(Deserialize)]
struct GitHubEmail {
    email: String,
    primary: bool,
    verified: bool,
}

impl GitHub {
    /// github.com for an empty address; else a server of one's own.
    pub(super) fn at(issuer: &str) -> anyhow::Result<Self> {
        let issuer = match issuer.trim_end_matches('/') {
            "" => "https://github.com",
            own => own,
        };
        let api = match issuer {
            "https://github.com" => "https://api.github.com".to_owned(),
            own => format!("{own}/api/v3"),
        };
        let address = |text: String| WebAddressOfProvider::parse(&text).map_err(anyhow::Error::msg);
        Ok(GitHub {
            issuer: issuer.to_owned(),
            authorization: address(format!("{issuer}/login/oauth/authorize"))?,
            token: address(format!("{issuer}/login/oauth/access_token"))?,
            person: address(format!("{api}/user"))?,
            emails: address(format!("{api}/user/emails?per_page=100"))?,
        })
    }

    pub(super) fn sign_in_page(
        &self,
        registration: &Registration,
        handshake: &ProviderHandshake,
        callback: &str,
    ) -> String {
        self.authorization.with_query(&[
            ("response_type", "code"),
            ("client_id", &registration.settings.client_id),
            ("redirect_uri", callback),
            ("scope", "read:user user:email"),
            ("state", &handshake.state()),
            ("code_challenge", &handshake.challenge()),
            ("code_challenge_method", "S256"),
        ])
    }

    /// Whom GitHub has signed in. Of several addresses the primary one counts, if GitHub has verified it.
    pub(super) async fn identity(
        &self,
        web: &Web,
        registration: &Registration,
        exchange: CodeExchange<'_>,
    ) -> Result<ProvenIdentity, ProviderFailure> {
        let verifier = exchange.handshake.verifier();
        let form = [
            ("client_id", &*registration.settings.client_id),
            ("client_secret", registration.settings.client_secret.expose()),
            ("code", exchange.code),
            ("redirect_uri", exchange.callback),
            ("code_verifier", &*verifier),
        ];
        let token: GitHubToken = web.post(&self.token, Credential::None, &form).await?;
        let shown = Credential::Bearer(&token.access_token);
        let person: GitHubPerson = web.get(&self.person, shown).await?;
        let emails: Vec<GitHubEmail> = web.get(&self.emails, shown).await?;
        let primary = emails.into_iter().find(|email| email.primary && email.verified);
        Ok(ProvenIdentity {
            issuer: self.issuer.clone(),
            subject: person.id.to_string(),
            verified_email: primary.map(|primary| primary.email),
            name: person.name,
        })
    }
}
