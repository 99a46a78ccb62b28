//! Erases a closed organization with everything that it has.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold::OrganizationErased;
use tenfold::data::SystemTx;
use tenfold::jobs::admin::forget_organization;
use tenfold::prelude::*;

use super::people;
use crate::entities::{ApiKey, Invitation, Organization, Session};
use crate::members::lock;

/// Erases a closed organization: first the other modules what they have, each by an event, then this one. It is a job of no
/// organization, since it forgets the organization's own.
///
/// It may be interrupted anywhere and goes on from there. It ends when no table has a row of the organization any more.
#[derive(Serialize, Deserialize)]
pub(crate) struct EraseOrganization {
    pub organization: OrgId,
}

impl Job for EraseOrganization {
    const KIND: &'static str = "auth.erase_organization";
    const PRIORITY: i64 = 50;
    const TIMEOUT: Duration = Duration::from_secs(60 * 60);

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let (cx, organization) = (job.system(), self.organization);
        // No step: at each attempt it may have been suspended. When it is released, a new job goes on.
        if !cx.transaction(async |tx| begin(tx, organization).await).await? {
            return Ok(());
        }
        forget_jobs(cx, organization).await?;
        job.step_in("publish", async |tx| Ok(tx.publish(OrganizationErased { organization }).await?)).await?;
        let left = cx.tables_with_rows_of(organization).await?;
        let of_others: Vec<String> = left.into_iter().filter(|table| !table.starts_with("auth_")).collect();
        if !of_others.is_empty() {
            let tables = of_others.join(", ");
            return Err(
                TryLater::because(format!("waiting for the modules to erase their rows: {tables}")).into()
            );
        }
        own_rows(cx, organization).await?;
        // What was enqueued for it meanwhile, such as by a job that ran.
        forget_jobs(cx, organization).await?;
        let left = cx.repeating("looked at again").tables_with_rows_of(organization).await?;
        anyhow::ensure!(left.is_empty(), "rows of the organization are left in {}", left.join(", "));
        let organization = Organization::query().filter(Organization::id.eq(organization));
        cx.transaction(async |tx| organization.delete(tx).await).await?;
        tracing::info!(organization = %self.organization, "a closed organization was erased");
        Ok(())
    }
}

/// Whether it is due, and not reopened. From now on it cannot be reopened.
async fn begin(tx: &SystemTx<'_>, id: OrgId) -> anyhow::Result<bool> {
    lock(tx, id).await?;
    let Some(organization) = Organization::find(tx, id).await? else { return Ok(false) };
    // What an operator has suspended stays, as evidence.
    if organization.erase_at.is_none_or(|end| tx.now() < end) || organization.suspended_at.is_some() {
        return Ok(false);
    }
    let since = organization.erasing_at.unwrap_or(tx.now());
    Organization::update(id).set(Organization::erasing_at, Some(since)).run(tx).await?;
    Ok(true)
}

/// Forgets the jobs of the organization, so that none of them works on what is being erased.
async fn forget_jobs(cx: &SystemContext, organization: OrgId) -> anyhow::Result<()> {
    match forget_organization(cx, organization).await? {
        0 => Ok(()),
        running => {
            Err(TryLater::because(format!("waiting for {running} jobs of the organization to end")).into())
        }
    }
}

async fn own_rows(cx: &SystemContext, organization: OrgId) -> Result<(), DataError> {
    let tenant = cx.within(organization);
    Session::erase(&tenant).await?;
    ApiKey::erase(&tenant).await?;
    Invitation::erase(&tenant).await?;
    people::erase(cx, organization).await
}
