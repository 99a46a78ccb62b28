//! `PATCH /v1/auth/profile`: one's own profile and settings.

use tenfold::prelude::*;

use crate::users::UserView;
use crate::users::own_user;
use crate::users::patch::{UserPatch, apply};

/// Changes your own profile and settings in this organization.
#[endpoint(patch, "/v1/auth/profile", tag = "identity",
    example(body = {"profile": {"display_name": "Ada Lovelace"}, "settings": {"theme": "dark", "locale": "en"}}))]
pub(crate) async fn patch_profile(
    cx: Context,
    Json(patch): Json<UserPatch>,
) -> Result<Json<UserView>, Problem> {
    let own = own_user(&cx)?;
    apply(&cx, own, patch).await
}
