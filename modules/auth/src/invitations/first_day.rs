//! The limit for new organizations: whoever signs up could otherwise mail strangers by inviting them.

use std::time::Duration;

use tenfold::data::SystemTx;
use tenfold::prelude::*;

use crate::entities::Organization;
use crate::throttle::refused;

/// How long an organization is new.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Counts an invitation of an organization that is new. One that is taken back stays counted: its mail may have been sent.
///
/// # Errors
/// 429 `too-many-attempts` when `limit` were counted.
pub(super) async fn count(tx: &SystemTx<'_>, organization: &Organization, limit: u32) -> Result<(), Problem> {
    let end = organization.created_at + DAY;
    if end <= tx.now() {
        return Ok(());
    }
    let counted = sql!(
        "auth_organizations.count_invitation",
        "UPDATE auth_organizations SET first_day_invitations = first_day_invitations + 1
         WHERE id = $1 AND first_day_invitations < $2"
    )
    .changes_only(Organization::TABLE, [organization.id])
    .bind(organization.id)
    .bind(i64::from(limit))
    .execute(tx)
    .await?;
    if counted > 0 {
        return Ok(());
    }
    let wait = tx.now().duration_until(end).unsigned_abs();
    Err(refused(wait, "a new organization invites few people on its first day"))
}
