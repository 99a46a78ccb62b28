//! `GET /v1/auth/providers/{name}/callback`: a browser comes back from a provider.

use serde::Deserialize;
use tenfold::axum::extract::Query as AnyQuery;
use tenfold::axum::extract::rejection::QueryRejection;
use tenfold::http::{HeaderMap, Response, ServerState, State, StatusCode};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;

use super::begin::{is_for_people, see_other, told};
use super::enter::{ReturningBrowser, enter, link};
use super::handshake::{ProviderHandshake, forget};
use super::remote::Provider;
use super::remote::exchange::ProvenIdentity;
use crate::account::claim::OwnAccount;
use crate::service::{Identity, SignInStep};
use crate::sessions::{Device, SessionCookie};

/// What a provider sends back. It may send more.
#[derive(Deserialize)]
pub(super) struct Returned {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    /// Who answers (RFC 9207).
    iss: Option<String>,
}

/// Signs the person in whom the provider has signed in, or links the provider to the person's account. Answers with a page: what
/// goes wrong is said there.
pub(super) async fn callback(
    cx: SystemContext,
    (own, device): (OwnAccount, Device),
    state: State<ServerState>,
    identity: Use<Identity>,
    headers: HeaderMap,
    Path(provider): Path<String>,
    returned: Result<AnyQuery<Returned>, QueryRejection>,
) -> Result<Response, Problem> {
    let provider = identity.providers.named(&provider)?;
    let handshake = ProviderHandshake::of(&headers, state.settings());
    let answer = match (returned, handshake) {
        (Ok(AnyQuery(returned)), Some(handshake)) if returned.state == Some(handshake.state()) => {
            let back = Back { handshake, returned, provider };
            back.finish(&cx, &identity, ReturningBrowser { own, device }, &state).await
        }
        _ => Err(unknown_attempt()),
    };
    match answer {
        Ok(answer) => Ok(forget(answer, state.settings())),
        Err(problem) if is_for_people(&problem) => Ok(told(&identity, &problem)),
        Err(problem) => Err(problem),
    }
}

/// A browser that began the attempt, and is back.
struct Back<'p> {
    handshake: ProviderHandshake,
    returned: Returned,
    provider: &'p Provider,
}

impl Back<'_> {
    async fn finish(
        self,
        cx: &SystemContext,
        identity: &Identity,
        visitor: ReturningBrowser,
        state: &ServerState,
    ) -> Result<Response, Problem> {
        let attempt = cx.transaction(async |tx| self.handshake.consume(tx).await).await?;
        let attempt = attempt.filter(|(provider, _)| provider == self.provider.name());
        let (_, account): (String, Option<AccountId>) = attempt.ok_or_else(unknown_attempt)?;
        let proven = self.proven(cx, identity).await?;
        let provider = self.provider;
        if let Some(account) = account {
            link(cx, visitor.own, account, provider, proven).await?;
            return Ok(see_other(&identity.providers.page("/#provider?done=linked")));
        }
        Ok(match enter(cx, identity, provider, proven, visitor.device).await? {
            SignInStep::Session(token) => {
                let answer = see_other(&identity.providers.page("/"));
                SessionCookie::of(state).keep_in(answer, &token)
            }
            // Behind `#` it is not sent, and stands in no log.
            SignInStep::Challenge(challenge) => {
                see_other(&identity.providers.page(&format!("/#provider?challenge={challenge}")))
            }
        })
    }

    /// Whom the provider has signed in.
    async fn proven(&self, cx: &SystemContext, identity: &Identity) -> Result<ProvenIdentity, Problem> {
        let provider = self.provider;
        match (self.returned.error.as_deref(), &self.returned.code) {
            (Some("access_denied"), _) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "provider-denied",
                "The provider says that you did not agree",
            )),
            (None, Some(code)) if provider.may_answer(self.returned.iss.as_deref()) => {
                let callback = identity.providers.callback_of(provider.name());
                provider.identity(cx.now(), code, &self.handshake, &callback).await.map_err(|failure| {
                    tracing::warn!(provider = provider.name(), error = %failure, "nobody was signed in by the provider");
                    failure.problem()
                })
            }
            _ => Err(Problem::new(
                StatusCode::BAD_GATEWAY,
                "provider-refused",
                "The provider has signed nobody in",
            )),
        }
    }
}

/// Also for a browser that has another attempt's cookie by now, such as of another tab.
fn unknown_attempt() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "provider-attempt", "This attempt was used, or is too old")
}
