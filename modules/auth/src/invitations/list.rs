//! `GET /v1/invitations`.

use tenfold::prelude::*;

use super::InvitationView;
use crate::entities::Invitation;
use crate::users::permissions::WriteMembers;

/// The invitations that nobody has accepted yet, the newest first.
#[endpoint(get, "/v1/invitations", tag = "users")]
pub(crate) async fn list_invitations(
    cx: Context,
    _: Require<WriteMembers>,
    page: Page,
) -> Result<Json<Listing<InvitationView>>, Problem> {
    let invitations = Invitation::query().newest_first().page(&page).all(&cx).await?;
    Ok(Json(invitations.listing(invitations.iter().map(InvitationView::of).collect())))
}
