//! `GET /v1/auth/identities`: by which accounts elsewhere one signs in.

use serde::Serialize;
use tenfold::prelude::*;
use utoipa::ToSchema;

use crate::account::own_account;
use crate::entities::{LinkedIdentity, LinkedIdentityId};
use crate::service::Identity;
use crate::sessions::limited::AnySession;

/// The most identities of an account: more cannot be linked.
pub(super) const MOST: usize = 20;

/// What a person can sign in with beside the password.
#[derive(Serialize, ToSchema)]
pub(crate) struct IdentityList {
    /// The oldest first.
    items: Vec<IdentityView>,
}

/// An account at a provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct IdentityView {
    id: LinkedIdentityId,
    /// The provider's name in the settings, even if it is not configured any more.
    provider: String,
    /// What people know the provider by.
    title: String,
    /// The address that it gave when it was linked; empty if it gave none.
    email: String,
    created_at: Timestamp,
}

/// The accounts at providers that are linked to yours.
#[endpoint(get, "/v1/auth/identities", tag = "identity")]
pub(crate) async fn list_identities(
    AnySession(cx): AnySession,
    system: SystemContext,
    identity: Use<Identity>,
) -> Result<Json<IdentityList>, Problem> {
    let own = LinkedIdentity::query().filter(LinkedIdentity::account_id.eq(own_account(&cx)?));
    let linked = own.order_by(LinkedIdentity::id).limit(MOST).all(&system).await?;
    let titles = &identity.providers.titles;
    let view = |linked: &LinkedIdentity| IdentityView {
        id: linked.id,
        provider: linked.provider.clone(),
        title: titles.get(&linked.provider).unwrap_or(&linked.provider).clone(),
        email: linked.email.clone(),
        created_at: linked.created_at,
    };
    Ok(Json(IdentityList { items: linked.iter().map(view).collect() }))
}
