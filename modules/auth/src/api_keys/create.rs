//! `POST /v1/api-keys`.

use serde::{Deserialize, Serialize};
use tenfold::http::List;
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::{ApiKeyView, WriteApiKeys};
use crate::account::lock_own::lock_own;
use crate::entities::{ApiKey, ApiKeyId, ApiKeyRow};
use crate::links::NoticeKind;
use crate::links::notice::SendNotice;
use crate::service::Identity;
use crate::sessions::Sudo;
use crate::token::{Token, TokenKind};
use crate::users::own_user;

type KeyName = DisplayName<100>;
type PermissionNames = List<Text<1, 100>, 1, 100>;

/// A new API key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewApiKey {
    /// What the key is for.
    name: KeyName,
    /// The permissions that it will have: some of yours.
    permissions: PermissionNames,
    /// When it stops working; never if it is left out.
    expires_at: Option<Timestamp>,
}

/// An API key with its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct IssuedApiKey {
    /// Send it as `Authorization: Bearer`. It is shown this once.
    key: String,
    #[serde(flatten)]
    about: ApiKeyView,
}

/// Makes an API key: with it a program works in this organization.
///
/// The key can do no more than you can: it loses a permission when you lose it, and ends when you leave the organization. Until your
/// address is confirmed, it ends as well when somebody takes the account over by mail, such as by a forgotten password. The password must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
#[endpoint(post, "/v1/api-keys", tag = "api keys", problems(403),
    example(body = {"name": "Nightly export", "permissions": ["members.read"]}))]
pub(crate) async fn create_api_key(
    cx: Context,
    system: SystemContext,
    _: Require<WriteApiKeys>,
    _: Sudo,
    identity: Use<Identity>,
    Json(new): Json<NewApiKey>,
) -> Result<Created<IssuedApiKey>, Problem> {
    let created_by = own_user(&cx)?;
    let permissions = granted(&cx, &new)?;
    let id = ApiKeyId(cx.new_id());
    let token = Token::fresh(TokenKind::ApiKey, cx.tenant(), id.0).map_err(Problem::internal)?;
    let row = ApiKeyRow {
        id,
        org_id: cx.tenant(),
        name: new.name.into_inner(),
        secret_hash: token.secret_hash(),
        permissions: permissions.into(),
        created_by,
        created_at: cx.now(),
        expires_at: new.expires_at,
        last_used_at: None,
    };
    let key = system
        .transaction(async |tx| -> Result<ApiKey, Problem> {
            let account = lock_own(tx, &cx).await?;
            tx.enqueue(SendNotice::to(account.id, NoticeKind::ApiKey)).await?;
            Ok(row.insert(&tx.within(cx.tenant())).await?)
        })
        .await?;
    let body = IssuedApiKey { key: identity.sign(&token), about: ApiKeyView::of(&key) };
    Ok(Created { location: format!("/v1/api-keys/{id}"), body })
}

/// The permissions of the new key, each once.
fn granted(cx: &Context, new: &NewApiKey) -> Result<Vec<String>, Problem> {
    if new.expires_at.is_some_and(|end| end <= cx.now()) {
        return Err(Problem::invalid("expires_at: it is in the past"));
    }
    let own = cx.principal().map(|principal| &principal.permissions).ok_or_else(Problem::unauthenticated)?;
    let mut granted: Vec<String> = new.permissions.iter().map(|name| name.to_string()).collect();
    granted.sort_unstable();
    granted.dedup();
    match granted.iter().find(|name| !own.contains(*name)) {
        Some(name) => Err(Problem::invalid(format!("permissions: you do not have {name:?} yourself"))),
        None => Ok(granted),
    }
}
