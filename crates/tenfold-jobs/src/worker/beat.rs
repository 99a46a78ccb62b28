//! What a worker does again and again, beside its jobs.

use std::collections::HashSet;
use std::time::Duration;

use tenfold_data::Uuid;
use tokio::sync::watch;

use super::running::RunningJobs;
use crate::rows::JobId;
use crate::runner::Jobs;
use crate::store::HeldJob;

/// Extends the leases of the running jobs.
pub(super) async fn heartbeat_loop(jobs: Jobs, running: RunningJobs, stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(jobs.settings().lease / 3);
    let mut strangers = HashSet::new();
    // Also while the worker stops: running jobs must not be rescued meanwhile.
    loop {
        ticks.tick().await;
        if running.lock().is_empty() {
            if *stopped.borrow() {
                return;
            }
            continue;
        }
        let before: Vec<JobId> = running.lock().keys().copied().collect();
        let held = match jobs.heartbeat().await {
            Ok(held) => held,
            Err(error) => {
                tracing::warn!(%error, "no heartbeat; trying again");
                continue;
            }
        };
        for id in before {
            match held.iter().find(|job| job.id == id) {
                Some(job) if job.to_be_ended => end(&jobs, &running, id).await,
                Some(_) => {}
                None => abandon(&running, id),
            }
        }
        strangers = disown(&jobs, &running, held, &strangers).await;
    }
}

/// Gives up the jobs that this process holds but does not run: a claim whose answer was lost with the connection, or a
/// job whose end could not be recorded. Heartbeats would hold them for ever. A job that is unknown at one beat may
/// just have been claimed or ended, so it is given up at the next. Returns the jobs that were unknown at this beat.
async fn disown(
    jobs: &Jobs,
    running: &RunningJobs,
    mut held: Vec<HeldJob>,
    before: &HashSet<(JobId, Uuid)>,
) -> HashSet<(JobId, Uuid)> {
    {
        let at_work = running.lock();
        held.retain(|job| at_work.get(&job.id).is_none_or(|at_work| at_work.token != job.token));
    }
    let (again, new): (Vec<_>, Vec<_>) =
        held.into_iter().map(|job| (job.id, job.token)).partition(|stranger| before.contains(stranger));
    for (id, token) in again {
        tracing::warn!(job = %id, "this worker holds a job that it does not work on: it is given up");
        if let Err(error) = jobs.disown(id, token).await {
            tracing::warn!(error = format!("{error:#}"), job = %id, "it could not be given up; trying again");
        }
    }
    new.into_iter().collect()
}

/// Ends a job whose cancellation was requested.
async fn end(jobs: &Jobs, running: &RunningJobs, id: JobId) {
    let Some(token) = running.interrupt(id) else { return };
    if let Err(error) = jobs.end(id, token).await {
        tracing::warn!(error = format!("{error:#}"), job = %id, "a job was ended, but that could not be noted");
    }
}

/// Drops a job that another worker holds by now; it may also just have ended.
fn abandon(running: &RunningJobs, id: JobId) {
    if running.interrupt(id).is_some() {
        tracing::warn!(job = %id, "the lease of a job was lost; its work here is broken off");
    }
}

/// How many looks at leases there are to one at batches, which hardly ever need it.
const LOOKS_TO_BATCHES: u32 = 4;

/// Frees the jobs of lost workers. It looks several times in the length of a lease, so that a lease that stands still is freed
/// not much later.
pub(super) async fn rescue_loop(jobs: Jobs, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(jobs.settings().lease / 4);
    for look in (0..LOOKS_TO_BATCHES).cycle() {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.changed() => return,
        }
        match jobs.rescue().await {
            Ok(0) => {}
            Ok(rescued) => tracing::warn!(rescued, "jobs of lost workers were freed"),
            Err(error) => tracing::warn!(%error, "lost jobs could not be looked for; trying again"),
        }
        if look == 0
            && let Err(error) = jobs.release_batches().await
        {
            tracing::warn!(%error, "finished batches could not be looked for; trying again");
        }
    }
}

/// The longest pause of the loop that keeps the time, whatever is due next: a job may be scheduled for earlier.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Fires schedules, and makes jobs available whose time has come.
pub(super) async fn time_loop(jobs: Jobs, mut stopped: watch::Receiver<bool>) {
    let longest = LONGEST_PAUSE.min(jobs.settings().poll);
    loop {
        let pause = jobs.keep_time().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what is due could not be looked for; trying again");
            None
        });
        let pause = pause.map_or(longest, |pause| pause.min(longest));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.changed() => return,
        }
    }
}

/// How often a worker counts the unfinished jobs.
const COUNT_EVERY: Duration = Duration::from_secs(10);

/// Counts the unfinished jobs and looks how long they wait, for the observer, and warns of those that nothing here runs.
pub(super) async fn count_loop(jobs: Jobs, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(COUNT_EVERY);
    let mut warned = HashSet::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.changed() => return,
        }
        if let Err(error) = jobs.count().await {
            tracing::debug!(%error, "the jobs could not be counted; trying again");
        }
        if let Err(error) = jobs.report_waits().await {
            tracing::debug!(%error, "it is not known how long jobs wait; trying again");
        }
        for queue in jobs.undeclared_queues().await.unwrap_or_default() {
            if warned.insert(queue.clone()) {
                tracing::warn!(queue, "jobs wait in a queue that no module of this process declares");
            }
        }
    }
}
