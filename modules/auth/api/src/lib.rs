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

/// Where the mails to a user go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserContact {
    /// The address, which is confirmed.
    pub email: String,
    /// The user's locale, a BCP 47 tag such as `de-CH`.
    pub locale: String,
    /// The name of the organization.
    pub organization: String,
}

/// What the auth module does for other modules.
#[module_api(name = "auth", version = 1)]
pub trait Auth {
    /// The cards of users of the caller's organization, in the order of the ids; `None` for an id that is not a
    /// user of this organization.
    #[call(batch_by = "ids", one = "user_card")]
    async fn user_cards(&self, cx: &Context, ids: Vec<UserId>) -> Result<Vec<Option<UserCard>>, CallError>;

    /// Where the mails to a user of the caller's organization go; `None` for one who gets none: there is no such user, the address is not
    /// confirmed, the person is suspended, or the organization is closed or suspended.
    #[call]
    async fn user_contact(&self, cx: &Context, user: UserId) -> Result<Option<UserContact>, CallError>;
}
