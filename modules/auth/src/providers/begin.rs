//! `GET /v1/auth/providers/{name}/start`: sends a browser to a provider.

use tenfold::http::{
    ClientAddress, HeaderValue, HttpSettings, IntoResponse, Response, ServerState, State, StatusCode, header,
};
use tenfold::prelude::*;
use tenfold_auth_api::AccountId;

use super::handshake::{ProviderHandshake, store};
use crate::service::Identity;
use crate::throttle::AddressCount;

/// An attempt that has begun.
pub(super) struct Begun {
    /// The provider's page.
    pub(super) url: String,
    handshake: ProviderHandshake,
}

impl Begun {
    /// Adds the cookie to an answer.
    pub(super) fn keep(&self, answer: Response, settings: &HttpSettings) -> Response {
        self.handshake.keep(answer, settings)
    }
}

/// Begins an attempt: to sign in, or to link the provider to an account.
///
/// # Errors
/// 404 for an unknown provider, 429 if the address has begun many, 502 if the provider cannot be asked where to go.
pub(super) async fn begin(
    cx: &SystemContext,
    identity: &Identity,
    client: ClientAddress,
    provider: &str,
    account: Option<AccountId>,
) -> Result<Begun, Problem> {
    let asked = identity.providers.named(provider)?;
    let handshake = ProviderHandshake::fresh().map_err(Problem::internal)?;
    cx.transaction(async |tx| -> Result<(), Problem> {
        identity.throttle.count_address(tx, AddressCount::ProviderStarts, client).await?;
        Ok(store(tx, &handshake, provider, account).await?)
    })
    .await?;
    let callback = identity.providers.callback_of(provider);
    let url = asked.sign_in_page(cx.now(), &handshake, &callback).await.map_err(|failure| {
        tracing::warn!(provider, error = %failure, "the provider cannot be asked");
        failure.problem()
    })?;
    Ok(Begun { url, handshake })
}

/// Sends a browser to a provider.
pub(super) async fn start(
    cx: SystemContext,
    client: ClientAddress,
    state: State<ServerState>,
    identity: Use<Identity>,
    Path(provider): Path<String>,
) -> Result<Response, Problem> {
    match begin(&cx, &identity, client, &provider, None).await {
        Ok(begun) => Ok(begun.keep(see_other(&begun.url), state.settings())),
        Err(problem) if is_for_people(&problem) => Ok(told(&identity, &problem)),
        Err(problem) => Err(problem),
    }
}

/// Whether a page says the problem. Others are ours, or of an address that nobody has linked to.
pub(super) fn is_for_people(problem: &Problem) -> bool {
    problem.status() != StatusCode::NOT_FOUND
        && (problem.status().is_client_error() || problem.status() == StatusCode::BAD_GATEWAY)
}

/// Sends the browser to the page, which says what was wrong.
pub(super) fn told(identity: &Identity, problem: &Problem) -> Response {
    let kind = problem.kind().rsplit(':').next().unwrap_or_default();
    see_other(&identity.providers.page(&format!("/#provider?problem={kind}")))
}

/// A redirect that nobody keeps. The address of the page that it leaves, which has a code in it, is told to nobody.
pub(super) fn see_other(url: &str) -> Response {
    let Ok(location) = HeaderValue::try_from(url) else {
        return Problem::internal("the provider's address cannot be a header").into_response();
    };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}
