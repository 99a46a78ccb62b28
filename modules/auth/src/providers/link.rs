//! `POST /v1/auth/providers/link`: begins to link a provider to one's own account.

use serde::{Deserialize, Serialize};
use tenfold::http::{ClientAddress, Response, ServerState, State};
use tenfold::prelude::*;
use utoipa::ToSchema;

use crate::service::Identity;
use crate::sessions::Sudo;
use crate::sessions::limited::AnySession;

/// Which provider.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderChoice {
    /// A `name` of the providers' list.
    #[schema(inline)]
    provider: Text<1, 40>,
}

/// Where to go.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderAddress {
    /// The provider's page. Open it in the browser that has sent the request, within ten minutes.
    pub(super) url: String,
}

/// Begins to link an account at a provider to yours, so that you can sign in with it.
///
/// The answer sets a cookie that the browser shows when the provider sends it back; then the account is linked. The password must have
/// been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
#[endpoint(post, "/v1/auth/providers/link", tag = "identity",
    answers(200: ProviderAddress as "application/json"), problems(403, 404, 429, 502),
    example(body = {"provider": "google"}))]
pub(crate) async fn link_provider(
    AnySession(cx): AnySession,
    system: SystemContext,
    _: Sudo,
    client: ClientAddress,
    state: State<ServerState>,
    identity: Use<Identity>,
    Json(chosen): Json<ProviderChoice>,
) -> Result<Response, Problem> {
    begin((&cx, &system), client, &state, &identity, &chosen.provider).await
}

#[cfg(feature = "providers")]
async fn begin(
    (cx, system): (&Context, &SystemContext),
    client: ClientAddress,
    state: &ServerState,
    identity: &Identity,
    provider: &str,
) -> Result<Response, Problem> {
    use tenfold::http::IntoResponse;

    let account = crate::account::own_account(cx)?;
    let begun = super::begin::begin(system, identity, client, provider, Some(account)).await?;
    let answer = Json(ProviderAddress { url: begun.url.clone() }).into_response();
    Ok(begun.keep(answer, state.settings()))
}

/// No provider can be configured.
#[cfg(not(feature = "providers"))]
async fn begin(
    _: (&Context, &SystemContext),
    _: ClientAddress,
    _: &ServerState,
    _: &Identity,
    _: &str,
) -> Result<Response, Problem> {
    Err(Problem::not_found("provider"))
}
