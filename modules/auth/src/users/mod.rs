//! The users of an organization.

pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod patch;
pub(crate) mod permissions;
pub(crate) mod remove;
pub(crate) mod role;

use serde::Serialize;
use tenfold::http::person;
use tenfold::prelude::*;
use tenfold_auth_api::UserId;
use utoipa::ToSchema;

use crate::entities::{Theme, User};

/// A user with profile, settings and permissions.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserView {
    id: UserId,
    email: String,
    role: Role,
    profile: ProfileView,
    settings: SettingsView,
    /// Permissions in addition to those of the role.
    permissions: Vec<String>,
}

/// A user's profile, as others see it.
#[derive(Serialize, ToSchema)]
struct ProfileView {
    display_name: String,
    title: Option<String>,
}

/// A user's preferences.
#[derive(Serialize, ToSchema)]
struct SettingsView {
    theme: Theme,
    /// A BCP 47 tag such as `en` or `de-CH`.
    locale: String,
}

/// A view of one user. A loop over a list costs three statements in all, not three per user.
async fn view(cx: &Context, user: &User) -> Result<UserView, Problem> {
    let profile = user.profile.get(cx).await?;
    let settings = user.settings.get(cx).await?;
    let permissions = user.permissions.get(cx).await?;
    Ok(UserView {
        id: user.id,
        email: user.email.clone(),
        role: user.role,
        profile: ProfileView { display_name: profile.display_name.clone(), title: profile.title.clone() },
        settings: SettingsView { theme: settings.theme, locale: settings.locale.clone() },
        permissions: permissions.iter().map(|permission| permission.name.clone()).collect(),
    })
}

/// The role of the user of a request; for an API key that of its maker.
///
/// # Errors
/// 401 without a session or a key.
pub(crate) async fn acting_role(tx: &Tx<'_>, cx: &Context) -> Result<Role, Problem> {
    let principal = cx.principal().ok_or_else(Problem::unauthenticated)?;
    Ok(User::get(tx, UserId(principal.user)).await?.role)
}

/// The user of a request.
///
/// # Errors
/// 401 without a session, 403 for an API key.
pub(crate) fn own_user(cx: &Context) -> Result<UserId, Problem> {
    person(cx).map(|principal| UserId(principal.user))
}
