//! Forgets the jobs of an organization that is being erased.

use std::collections::BTreeSet;

use tenfold_data::{DataError, EntityExt as _, OrgId, SystemContext, SystemTx, Uuid, sql};

use crate::rows::{FinishedJob, JobId, StepRow, row_count};
use crate::{batch, signals, unique};

/// How many jobs one look reads. No index leads to the jobs of an organization: each enqueue would pay for it.
const LOOK: usize = 500;

/// What is found of a job.
type SeenJob = (JobId, bool, bool);

/// Deletes the jobs of an organization, finished or not, with what their steps have given. One that runs is cancelled: its worker is
/// told at its next heartbeat, and then it is gone from here at the next call. A batch that waits for one of them goes on.
///
/// Jobs that listen to [`given up`](crate::GivenUp) jobs are not told: they would work on what is being erased.
///
/// Returns how many run.
///
/// # Errors
/// A statement failed. What was deleted before stays deleted: it may be repeated.
pub async fn forget_organization(cx: &SystemContext, organization: OrgId) -> Result<usize, DataError> {
    let cx = cx.repeating("a batch at a time");
    let running = unfinished(&cx, organization).await?;
    finished(&cx, organization).await?;
    Ok(running)
}

async fn unfinished(cx: &SystemContext, organization: OrgId) -> Result<usize, DataError> {
    let (mut after, mut running) = (JobId(Uuid::nil()), 0);
    loop {
        let seen: Vec<SeenJob> = sql!(
            "tenfold_jobs.look",
            "SELECT id, lane = $1, token IS NOT NULL FROM
                 (SELECT id, lane, token FROM tenfold_jobs WHERE id > $2 ORDER BY id LIMIT $3) AS seen ORDER BY id"
        )
        .bind(organization)
        .bind(after)
        .bind(row_count(LOOK))
        .bounded()
        .all(cx)
        .await?;
        let of_organization = || seen.iter().filter(|(_, is_own, _)| *is_own);
        let own: Vec<JobId> = of_organization().map(|(id, ..)| *id).collect();
        running += of_organization().filter(|(.., runs)| *runs).count();
        if !own.is_empty() {
            cx.transaction(async |tx| end(tx, organization, &own).await).await?;
        }
        match seen.last() {
            Some((last, ..)) => after = *last,
            None => return Ok(running),
        }
    }
}

/// Deletes those that do not run, and cancels those that do.
async fn end(tx: &SystemTx<'_>, organization: OrgId, jobs: &[JobId]) -> Result<(), DataError> {
    sql!(
        "tenfold_jobs.cancel_many",
        sqlite: "UPDATE tenfold_jobs SET cancel_requested = TRUE WHERE id IN (SELECT value FROM rarray($1))
                 AND token IS NOT NULL",
        postgres: "UPDATE tenfold_jobs SET cancel_requested = TRUE WHERE id = ANY ($1) AND token IS NOT NULL"
    )
    .bind_list(jobs)
    .execute(tx)
    .await?;
    let gone: Vec<(JobId, Option<JobId>)> = sql!(
        "tenfold_jobs.forget",
        sqlite: "DELETE FROM tenfold_jobs WHERE id IN (SELECT value FROM rarray($1)) AND token IS NULL
                 RETURNING id, batch_id",
        postgres: "DELETE FROM tenfold_jobs WHERE id = ANY ($1) AND token IS NULL RETURNING id, batch_id"
    )
    .bind_list(jobs)
    .all(tx)
    .await?;
    let ids: Vec<JobId> = gone.iter().map(|(id, _)| *id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    StepRow::query().filter(StepRow::job_id.any_of(ids.clone())).delete(tx).await?;
    unique::free(tx, &ids).await?;
    let batches: BTreeSet<JobId> = gone.iter().filter_map(|(_, batch)| *batch).collect();
    if !batches.is_empty() {
        batch::release(tx, &Vec::from_iter(batches)).await?;
    }
    tx.signal(signals::jobs_changed(Some(organization)));
    Ok(())
}

async fn finished(cx: &SystemContext, organization: OrgId) -> Result<(), DataError> {
    let mut after = JobId(Uuid::nil());
    loop {
        let seen: Vec<(JobId, Option<OrgId>)> = sql!(
            "tenfold_job_history.look",
            "SELECT id, org_id FROM tenfold_job_history WHERE id > $1 ORDER BY id LIMIT $2"
        )
        .bind(after)
        .bind(row_count(LOOK))
        .bounded()
        .all(cx)
        .await?;
        let own = seen.iter().filter(|(_, owner)| *owner == Some(organization));
        let own: Vec<JobId> = own.map(|(id, _)| *id).collect();
        if !own.is_empty() {
            cx.transaction(async |tx| -> Result<u64, DataError> {
                StepRow::query().filter(StepRow::job_id.any_of(own.clone())).delete(tx).await?;
                FinishedJob::query().filter(FinishedJob::id.any_of(own.clone())).delete(tx).await
            })
            .await?;
        }
        match seen.last() {
            Some((last, _)) => after = *last,
            None => return Ok(()),
        }
    }
}
