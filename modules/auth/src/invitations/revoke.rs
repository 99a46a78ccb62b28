//! `DELETE /v1/invitations/{id}`.

use tenfold::prelude::*;

use crate::entities::{Invitation, InvitationId};
use crate::users::permissions::WriteMembers;

/// Takes an invitation back: its link stops working.
#[endpoint(delete, "/v1/invitations/{id}", tag = "users", example(id = list_invitations))]
pub(crate) async fn revoke_invitation(
    cx: Context,
    _: Require<WriteMembers>,
    Path(id): Path<InvitationId>,
) -> Result<NoContent, Problem> {
    cx.transaction(async |tx| Invitation::delete(tx, id).await).await?;
    Ok(NoContent)
}
