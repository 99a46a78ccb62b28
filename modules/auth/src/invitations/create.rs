//! `POST /v1/invitations`.

use serde::Deserialize;
use tenfold::http::ClientAddress;
use tenfold::prelude::*;
use utoipa::ToSchema;

use super::send::SendInvitation;
use super::{InvitationView, LIFETIME, first_day};
use crate::account::confirmed::require_reached;
use crate::account::lock_own::lock_own;
use crate::email::Email;
use crate::entities::{Invitation, InvitationId, InvitationRow, Organization, User};
use crate::members::{GrantedRole, within_reach};
use crate::service::Identity;
use crate::sessions::MaybeSudo;
use crate::throttle::AddressCount;
use crate::users::own_user;
use crate::users::permissions::WriteMembers;

/// Whom to invite.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewInvitation {
    email: Email,
    /// The role that the person will have.
    role: GrantedRole,
}

/// Invites somebody, with or without an account, by a mail whose link works for seven days.
///
/// An address that is invited already, or is that of a user of the organization, is a 409. Nobody gives a role above their own; an
/// invitation works as long as its inviter could make it. A mail must have reached your address, else it is a 403
/// `address-unconfirmed`; after many mails a client's address has to wait, and an organization after 20 invitations on its first day, a
/// 429. To invite an owner, the password must have been typed within the last ten minutes: at sign-in, or with `POST /v1/auth/sudo`.
#[endpoint(post, "/v1/invitations", tag = "users", problems(403, 409, 429),
    example(body = {"email": "grace@new.test", "role": "member"}))]
pub(crate) async fn create_invitation(
    cx: Context,
    system: SystemContext,
    _: Require<WriteMembers>,
    sudo: MaybeSudo,
    client: ClientAddress,
    identity: Use<Identity>,
    Json(new): Json<NewInvitation>,
) -> Result<Created<InvitationView>, Problem> {
    let invited_by = own_user(&cx)?;
    let role = new.role.role();
    within_reach(User::get(&cx, invited_by).await?.role, &[role])?;
    if role == Role::Owner {
        sudo.require()?;
    }
    let email = new.email.into_inner();
    let is_user = User::query().filter(User::email.eq(email.clone())).first(&cx).await?.is_some();
    if is_user {
        return Err(Problem::conflict("this person is a user of the organization already"));
    }
    let organization = Organization::get(&system, cx.tenant()).await?;
    let invitation = system
        .transaction(async |tx| -> Result<Invitation, Problem> {
            identity.throttle.count_address(tx, AddressCount::Mails, client).await?;
            require_reached(&lock_own(tx, &cx).await?)?;
            first_day::count(tx, &organization, identity.first_day_invitations).await?;
            let tx = &tx.within(cx.tenant());
            let (id, org_id, now) = (InvitationId(tx.new_id()), tx.tenant(), tx.now());
            let invitation = InvitationRow {
                id,
                org_id,
                email,
                role,
                invited_by,
                secret_hash: None,
                created_at: now,
                expires_at: now + LIFETIME,
            };
            let invitation = invitation.insert(tx).await.on_conflict(Invitation::unique_email, || {
                Problem::conflict("this address is invited already: delete that invitation first")
            })?;
            tx.enqueue(SendInvitation { invitation: id }).await?;
            Ok(invitation)
        })
        .await?;
    let location = format!("/v1/invitations/{}", invitation.id);
    Ok(Created { location, body: InvitationView::of(&invitation) })
}
