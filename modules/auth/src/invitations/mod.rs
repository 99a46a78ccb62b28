//! Invitations: people who are asked to join an organization.

pub(crate) mod accept;
pub(crate) mod create;
mod first_day;
pub(crate) mod list;
pub(crate) mod revoke;
pub(crate) mod send;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tenfold::data::Uuid;
use tenfold::prelude::*;
use tenfold_auth_api::UserId;
use utoipa::ToSchema;

use crate::entities::{Invitation, InvitationId};

/// How long an invitation can be accepted.
pub(crate) const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// An invitation that nobody has accepted yet.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationView {
    id: InvitationId,
    email: String,
    role: Role,
    /// The user who invited.
    invited_by: UserId,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl InvitationView {
    fn of(invitation: &Invitation) -> Self {
        InvitationView {
            id: invitation.id,
            email: invitation.email.clone(),
            role: invitation.role,
            invited_by: invitation.invited_by,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
        }
    }
}

/// The bytes of a token's secret.
const SECRET: usize = 32;

/// The token of an invitation. It begins with the organization, so that it is looked up there.
struct InvitationToken {
    organization: OrgId,
    hash: Vec<u8>,
}

impl InvitationToken {
    /// A fresh token: its text, and what is kept of it.
    fn fresh(organization: OrgId) -> Result<(String, Self), getrandom::Error> {
        let mut secret = [0; SECRET];
        getrandom::fill(&mut secret)?;
        let text = URL_SAFE_NO_PAD.encode([organization.0.as_bytes(), &secret[..]].concat());
        Ok((text, InvitationToken { organization, hash: Sha256::digest(secret).to_vec() }))
    }

    /// Reads a token.
    fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (organization, secret) = bytes.split_at_checked(16)?;
        if secret.len() != SECRET {
            return None;
        }
        let organization = OrgId(Uuid::from_slice(organization).ok()?);
        Some(InvitationToken { organization, hash: Sha256::digest(secret).to_vec() })
    }
}
