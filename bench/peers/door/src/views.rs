//! The JSON of the reference backend.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The user of the session.
pub struct Principal {
    /// Whose rows.
    pub organization: Uuid,
    /// As which user.
    pub user: Uuid,
    /// Which person.
    pub account: Uuid,
    /// What they may do, sorted.
    pub permissions: Vec<String>,
}

/// `GET /v1/auth/session`.
#[derive(Serialize)]
pub struct SessionView {
    pub organization: OrganizationView,
    pub user: SignedInUser,
    pub organizations: Vec<OrganizationView>,
    pub permissions: Vec<String>,
    /// What an API key's session is limited to; a person's is not.
    pub limit: Option<String>,
}

/// An organization.
#[derive(Clone, Serialize)]
pub struct OrganizationView {
    pub id: Uuid,
    pub name: String,
    pub erased_at: Option<String>,
}

/// The user of the session.
#[derive(Serialize)]
pub struct SignedInUser {
    pub id: Uuid,
    pub email: String,
    pub role: String,
}

/// A user.
#[derive(Serialize)]
pub struct UserView {
    pub id: Uuid,
    pub email: String,
    pub role: String,
    pub profile: ProfileView,
    pub settings: SettingsView,
    pub permissions: Vec<String>,
}

/// How a user is shown.
#[derive(Default, Serialize)]
pub struct ProfileView {
    pub display_name: String,
    pub title: Option<String>,
}

/// How a user likes it.
#[derive(Default, Serialize)]
pub struct SettingsView {
    pub theme: String,
    pub locale: String,
}

/// `GET /v1/users`.
#[derive(Serialize)]
pub struct Listing {
    pub items: Vec<UserView>,
    pub next_cursor: Option<String>,
}

/// `PATCH /v1/users/{id}`, as much of it as is measured.
#[derive(Deserialize)]
pub struct UserPatch {
    pub profile: ProfilePatch,
    pub settings: SettingsPatch,
}

/// A new name.
#[derive(Deserialize)]
pub struct ProfilePatch {
    pub display_name: String,
}

/// A new theme.
#[derive(Deserialize)]
pub struct SettingsPatch {
    pub theme: String,
}

/// `POST /v1/files`.
#[derive(Serialize)]
pub struct Accepted {
    pub id: Uuid,
    pub status: &'static str,
}

impl Listing {
    /// A page of `limit`, of `users` one more where there is another page.
    pub fn new(mut items: Vec<UserView>, limit: usize) -> Self {
        let is_more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| is_more).map(|last| {
            let after = serde_json::json!([last.email, last.id]);
            URL_SAFE_NO_PAD.encode(format!(r#"{{"l":"auth_users:email,id","a":{after}}}"#))
        });
        Listing { items, next_cursor }
    }
}

impl SessionView {
    /// Of a principal's memberships, with the organizations in any order.
    pub fn new(
        principal: Principal,
        user: SignedInUser,
        memberships: &[Uuid],
        found: &[OrganizationView],
    ) -> Option<Self> {
        let named = |id: &Uuid| found.iter().find(|organization| organization.id == *id).cloned();
        let organizations = memberships.iter().map(named).collect::<Option<Vec<_>>>()?;
        let organization = named(&principal.organization)?;
        let permissions = principal.permissions;
        Some(SessionView { organization, user, organizations, permissions, limit: None })
    }
}
