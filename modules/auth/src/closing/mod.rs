//! The end of an organization: its owners close it, it can be reopened for some days, then it is erased.
//!
//! A closed organization lets nobody work in it ([`SessionLimit::Closed`](crate::sessions::limited::SessionLimit)); nothing is deleted.
//! [`due`] looks every hour which organizations are due. [`erase`] erases one, and goes on where it was interrupted.

pub(crate) mod close;
pub(crate) mod due;
pub(crate) mod erase;
mod letters;
pub(crate) mod people;
pub(crate) mod reopen;
pub(crate) mod send;

use std::time::Duration;

use serde::Serialize;
use tenfold::data::SystemTx;
use tenfold::prelude::*;
use utoipa::ToSchema;

use self::send::{ClosingMail, SendClosing};
use crate::entities::User;

/// The owners are reminded so long before the end, or at half the time if the pause is shorter than twice this.
const REMINDER: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// An organization that is closed.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClosedOrganization {
    id: OrgId,
    closed_at: Timestamp,
    /// When it will be erased. Until then an owner can reopen it.
    erased_at: Timestamp,
}

/// When the owners of an organization are reminded that was closed now, and when it is erased.
fn ends(now: Timestamp, pause: Duration) -> (Timestamp, Timestamp) {
    let end = now + pause;
    (end - REMINDER.min(pause / 2), end)
}

/// Mails its owners about a closed organization.
async fn tell_owners(
    tx: &SystemTx<'_>,
    organization: OrgId,
    closed_at: Timestamp,
    mail: ClosingMail,
) -> Result<(), DataError> {
    let tenant = tx.within(organization);
    for owner in &User::query().filter(User::role.eq(Role::Owner)).all(&tenant).await? {
        tenant.enqueue(SendClosing { owner: owner.id, closed_at, mail: mail.clone() }).await?;
    }
    Ok(())
}
