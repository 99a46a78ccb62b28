//! Looks which closed organizations are due: to remind their owners, to be erased.

use serde::{Deserialize, Serialize};
use tenfold::prelude::*;

use super::erase::EraseOrganization;
use super::send::ClosingMail;
use super::tell_owners;
use crate::entities::Organization;
use crate::members::lock;

/// Reminds the owners of organizations that are soon erased, and has those erased that are due.
#[derive(Serialize, Deserialize)]
pub(crate) struct DueClosings {}

impl Job for DueClosings {
    const KIND: &'static str = "auth.due_closings";

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let cx = job.system().repeating("each closed organization by itself");
        for (organization,) in to_remind(&cx).await? {
            remind(&cx, organization).await?;
        }
        for (organization,) in to_erase(&cx).await? {
            // Where it goes on already, this is the same job.
            let once = JobOptions::new().unique(organization.to_string());
            cx.transaction(async |tx| tx.enqueue_with(EraseOrganization { organization }, once).await)
                .await?;
        }
        Ok(())
    }
}

/// Some of those that are due; the next hour takes the next ones.
async fn to_remind(cx: &SystemContext) -> Result<Vec<(OrgId,)>, DataError> {
    sql!(
        "auth_organizations.to_remind",
        "SELECT id FROM auth_organizations WHERE remind_at IS NOT NULL AND remind_at <= $1
             AND suspended_at IS NULL ORDER BY remind_at LIMIT 100"
    )
    .bind(cx.now())
    .bounded()
    .all(cx)
    .await
}

async fn to_erase(cx: &SystemContext) -> Result<Vec<(OrgId,)>, DataError> {
    sql!(
        "auth_organizations.to_erase",
        "SELECT id FROM auth_organizations WHERE erase_at IS NOT NULL AND erase_at <= $1
             AND suspended_at IS NULL ORDER BY erase_at LIMIT 100"
    )
    .bind(cx.now())
    .bounded()
    .all(cx)
    .await
}

async fn remind(cx: &SystemContext, id: OrgId) -> Result<(), DataError> {
    cx.transaction(async |tx| -> Result<(), DataError> {
        lock(tx, id).await?;
        let organization = Organization::find(&*tx, id).await?;
        // It may have been reopened or suspended meanwhile. The end of a suspended one moves when it is released.
        let due = organization.filter(|found| found.suspended_at.is_none());
        let due = due.filter(|found| found.remind_at.is_some_and(|at| at <= tx.now()));
        let Some(closed_at) = due.and_then(|found| found.closed_at) else { return Ok(()) };
        Organization::update(id).set(Organization::remind_at, None).run(&*tx).await?;
        tell_owners(tx, id, closed_at, ClosingMail::Reminder).await
    })
    .await
}
