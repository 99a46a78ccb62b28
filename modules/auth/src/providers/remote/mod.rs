//! What a provider says. Nothing here touches the database: an answer is waited for outside of transactions, and without holding a place
//! among the requests that run (`elsewhere`).

pub(super) mod exchange;
mod failure;
mod github;
mod id_token;
mod keys;
mod openid;
mod published;
pub(super) mod web;

use std::collections::BTreeMap;
use std::time::Duration;

use tenfold::http::elsewhere;
use tenfold::prelude::*;

use self::exchange::{CodeExchange, ProvenIdentity, Registration};
use self::failure::ProviderFailure;
use self::github::GitHub;
use self::openid::OpenId;
use self::web::Web;
use super::handshake::ProviderHandshake;
use super::settings::{self, LinkByAddress, ProviderSettings};

/// A provider that people sign in with.
pub(super) struct Provider {
    registration: Registration,
    web: Web,
    protocol: Protocol,
    deadline: Duration,
}

enum Protocol {
    OpenId(Box<OpenId>),
    GitHub(Box<GitHub>),
}

impl Protocol {
    /// What the provider of this name speaks.
    fn of(name: &str, issuer: &str) -> anyhow::Result<Self> {
        Ok(match name {
            "github" => Protocol::GitHub(Box::new(GitHub::at(issuer)?)),
            "google" if issuer.is_empty() => Protocol::OpenId(Box::new(OpenId::of(openid::GOOGLE)?)),
            _ => Protocol::OpenId(Box::new(OpenId::of(issuer)?)),
        })
    }
}

impl Provider {
    /// All that are configured, by name. `deadline` is how long one may take for all its answers to a request.
    pub(super) fn all(
        configured: BTreeMap<String, ProviderSettings>,
        deadline: Duration,
    ) -> anyhow::Result<BTreeMap<String, Self>> {
        let web = Web::default();
        let mut all = BTreeMap::new();
        for (name, settings) in configured {
            let protocol = Protocol::of(&name, &settings.issuer)?;
            let registration = Registration { name: name.clone(), settings };
            all.insert(name, Provider { registration, web: web.clone(), protocol, deadline });
        }
        Ok(all)
    }

    pub(super) fn name(&self) -> &str {
        &self.registration.name
    }

    /// Whether an address that it has verified is enough to sign in to the account with that address, or to sign up with it.
    pub(super) fn is_believed_about_addresses(&self) -> bool {
        let Registration { name, settings } = &self.registration;
        match settings.link_by_address {
            LinkByAddress::Always => true,
            LinkByAddress::Never => false,
            LinkByAddress::Known => settings.issuer.is_empty() && settings::has_issuer_of_its_own(name),
        }
    }

    /// Whether an answer may be of this provider, by the issuer that it names, if it names one (RFC 9207).
    pub(super) fn may_answer(&self, issuer: Option<&str>) -> bool {
        match (&self.protocol, issuer) {
            (Protocol::OpenId(openid), Some(issuer)) => openid.is_called(issuer),
            (Protocol::GitHub(_), Some(_)) | (_, None) => true,
        }
    }

    /// The page on which the person signs in there.
    pub(super) async fn sign_in_page(
        &self,
        now: Timestamp,
        handshake: &ProviderHandshake,
        callback: &str,
    ) -> Result<String, ProviderFailure> {
        match &self.protocol {
            Protocol::GitHub(github) => Ok(github.sign_in_page(&self.registration, handshake, callback)),
            Protocol::OpenId(openid) => {
                let page = openid.sign_in_page(&self.web, &self.registration, handshake, (callback, now));
                let page = self.in_time(page).await;
                if let Err(failure) = &page
                    && failure.is_silence()
                {
                    openid.was_silent(now + self.deadline, failure);
                }
                page
            }
        }
    }

    /// Whom the provider has signed in, for the code that it gave the browser.
    pub(super) async fn identity(
        &self,
        now: Timestamp,
        code: &str,
        handshake: &ProviderHandshake,
        callback: &str,
    ) -> Result<ProvenIdentity, ProviderFailure> {
        let exchange = CodeExchange { code, handshake, callback, now };
        match &self.protocol {
            Protocol::GitHub(github) => {
                self.in_time(github.identity(&self.web, &self.registration, exchange)).await
            }
            Protocol::OpenId(openid) => {
                self.in_time(openid.identity(&self.web, &self.registration, exchange)).await
            }
        }
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, ProviderFailure>>,
    ) -> Result<T, ProviderFailure> {
        let silent = || {
            ProviderFailure::silence(format!("no answer within {:?} (auth.provider_deadline)", self.deadline))
        };
        elsewhere(tokio::time::timeout(self.deadline, work)).await.unwrap_or_else(|_| Err(silent()))
    }
}
