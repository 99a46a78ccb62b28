//! API keys: with one, a program works in an organization, with the permissions of the key.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod revoke;

use serde::Serialize;
use tenfold::http::{Permission, Role};
use tenfold::prelude::*;
use tenfold_auth_api::UserId;
use utoipa::ToSchema;

use crate::entities::{ApiKey, ApiKeyId};
use crate::token::TokenKind;

/// See, make and revoke API keys.
pub(crate) struct WriteApiKeys;

impl Permission for WriteApiKeys {
    const NAME: &'static str = "api_keys.write";
    const ROLES: &'static [Role] = Role::ADMINS;
}

/// An API key, without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApiKeyView {
    id: ApiKeyId,
    name: String,
    /// What the key begins with, to know it by.
    prefix: String,
    /// Those that it was given. It has those of them that its maker has now.
    permissions: Vec<String>,
    /// The user who made it.
    created_by: UserId,
    created_at: Timestamp,
    /// When it stops working; null for never.
    expires_at: Option<Timestamp>,
    /// When it was last used; null for never. A use within five minutes of this is not noted.
    last_used_at: Option<Timestamp>,
}

impl ApiKeyView {
    fn of(key: &ApiKey) -> Self {
        ApiKeyView {
            id: key.id,
            name: key.name.clone(),
            prefix: TokenKind::ApiKey.prefix(key.id.0),
            permissions: permissions_of(&key.permissions),
            created_by: key.created_by,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// The permissions of a key, as they are stored.
pub(crate) fn permissions_of(stored: &serde_json::Value) -> Vec<String> {
    let names = stored.as_array().into_iter().flatten();
    names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}
