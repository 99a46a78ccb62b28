//! `PATCH /v1/users/{id}`.

use serde::Deserialize;
use tenfold::http::nullable;
use tenfold::prelude::*;
use tenfold_auth_api::UserId;
use utoipa::ToSchema;

use super::permissions::WriteMembers;
use super::{UserView, acting_role, view};
use crate::entities::{Profile, Theme, User, UserSettings};
use crate::members::within_reach;

/// Long enough for any BCP 47 tag (RFC 5646, section 4.4.1).
type LocaleTag = Text<2, 35>;

/// The changes; omitted fields stay as they are. A null title removes the title.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserPatch {
    #[serde(default)]
    profile: ProfilePatch,
    #[serde(default)]
    settings: SettingsPatch,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProfilePatch {
    display_name: Option<DisplayName<100>>,
    #[serde(default, deserialize_with = "nullable")]
    title: Option<Option<DisplayName<100>>>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SettingsPatch {
    theme: Option<Theme>,
    locale: Option<LocaleTag>,
}

/// Changes a user's profile and settings.
///
/// A user with a role above your own is out of your reach.
#[endpoint(patch, "/v1/users/{id}", tag = "users",
    example(id = list_users, body = {"profile": {"display_name": "Ada Lovelace"}, "settings": {"theme": "dark", "locale": "en"}}))]
pub(crate) async fn patch_user(
    cx: Context,
    _: Require<WriteMembers>,
    Path(id): Path<UserId>,
    Json(patch): Json<UserPatch>,
) -> Result<Json<UserView>, Problem> {
    apply(&cx, id, patch).await
}

/// Changes a user whose role is not above that of the caller, and shows it.
pub(crate) async fn apply(cx: &Context, id: UserId, patch: UserPatch) -> Result<Json<UserView>, Problem> {
    cx.transaction(async |tx| -> Result<(), Problem> {
        within_reach(acting_role(tx, cx).await?, &[User::get(tx, id).await?.role])?;
        Profile::update(id)
            .set_if(Profile::display_name, patch.profile.display_name.map(DisplayName::into_inner))
            .set_if(Profile::title, patch.profile.title.map(|title| title.map(DisplayName::into_inner)))
            .run(tx)
            .await?;
        UserSettings::update(id)
            .set_if(UserSettings::theme, patch.settings.theme)
            .set_if(UserSettings::locale, patch.settings.locale.map(Text::into_inner))
            .run(tx)
            .await?;
        Ok(())
    })
    .await?;
    let user = User::get(cx, id).await?;
    Ok(Json(view(cx, &user).await?))
}
