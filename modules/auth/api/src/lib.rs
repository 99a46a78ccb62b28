//! The interface of the auth module: what other modules may know about people and organizations.

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;
use utoipa::ToSchema;

id! {
    /// A person who signs in; global.
    AccountId
}

id! {
    /// A person inside one organization.
    UserId
}

/// The part of a user that other modules show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserCard {
    /// The user.
    pub id: UserId,
    /// The user's display name.
    #[schema(value_type = String)]
    pub display_name: String,
}

/// What the auth module does for other modules.
#[module_api(name = "auth", version = 1)]
pub trait Auth {
    /// The cards of users of the caller's organization, in the order of the ids; `None` for an id that is not a
    /// user of this organization.
    #[call(batch_by = "ids", one = "user_card")]
    async fn user_cards(&self, cx: &Context, ids: Vec<UserId>) -> Result<Vec<Option<UserCard>>, CallError>;
}
