//! Mails invitations again.

use std::time::Duration;

use tenfold::prelude::*;

use crate::entities::{AccountStanding, Invitation, InvitationId, Organization, User};
use crate::invitations::LIFETIME;
use crate::invitations::send::SendInvitation;

/// For this long after a mail was asked for here, the same invitation is not mailed again.
const NOT_AGAIN: Duration = Duration::from_secs(60);

/// Mails an invitation again; from now on it works as long as a new one.
pub(super) async fn again(cx: &SystemContext, organization: OrgId, id: InvitationId) -> Result<(), Problem> {
    let found = Organization::get(cx, organization).await?;
    if found.suspended_at.is_some() || found.closed_at.is_some() {
        return Err(Problem::conflict(
            "the organization is suspended or closed: its invitations do not work",
        ));
    }
    let tenant = cx.within(organization);
    let invitation = Invitation::get(&tenant, id).await?;
    let gone = || {
        Problem::conflict("the person who has invited is suspended or has left: the invitation does not work")
    };
    let inviter = User::find(&tenant, invitation.invited_by).await?.ok_or_else(gone)?;
    if AccountStanding::get(cx, inviter.account_id).await?.suspended_at.is_some() {
        return Err(gone());
    }
    tenant
        .transaction(async |tx| -> Result<(), DataError> {
            Invitation::update(id).set(Invitation::expires_at, tx.now() + LIFETIME).run(tx).await?;
            let once = JobOptions::new().unique_for(id.to_string(), NOT_AGAIN);
            tx.enqueue_with(SendInvitation { invitation: id }, once).await.map(drop)
        })
        .await?;
    Ok(())
}
