//! A worker: claims, sends heartbeats and rescues until it is stopped.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tenfold_data::Uuid;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{AbortHandle, JoinHandle};

use crate::rows::JobId;
use crate::runner::{Claimed, Jobs};
use crate::store::{HeldJob, Suspects};

/// Runs jobs in the background of a process.
pub struct Worker {
    jobs: Jobs,
    stop: watch::Sender<bool>,
    loops: Vec<JoinHandle<()>>,
    running: RunningJobs,
}

/// The jobs that this process runs, with what cancels them.
#[derive(Clone, Default)]
struct RunningJobs(Arc<RunningState>);

#[derive(Default)]
struct RunningState {
    jobs: Mutex<HashMap<JobId, AtWork>>,
    /// Notified when a job has ended.
    ended: Notify,
}

struct AtWork {
    token: Uuid,
    task: AbortHandle,
    is_suspect: bool,
}

impl Worker {
    /// Starts a worker.
    pub fn start(jobs: Jobs) -> Self {
        let (stop, stopped) = watch::channel(false);
        let running = RunningJobs::default();
        let claims = claim_loop(jobs.clone(), running.clone(), stopped.clone());
        let beats = heartbeat_loop(jobs.clone(), running.clone(), stopped.clone());
        let rescues = rescue_loop(jobs.clone(), stopped.clone());
        let counts = count_loop(jobs.clone(), stopped);
        #[expect(clippy::disallowed_methods, reason = "the loops of a worker are no part of any request")]
        let loops =
            vec![tokio::spawn(claims), tokio::spawn(beats), tokio::spawn(rescues), tokio::spawn(counts)];
        Worker { jobs, stop, loops, running }
    }

    /// Stops claiming, waits for the running jobs, and hands back those that are not done after `patience`.
    /// Returns how many were handed back.
    pub async fn stop(self, patience: Duration) -> usize {
        self.stop.send_replace(true);
        let finished = async {
            loop {
                let ended = self.running.0.ended.notified();
                if self.running.lock().is_empty() {
                    return;
                }
                ended.await;
            }
        };
        // The remaining jobs are interrupted below.
        let _ = tokio::time::timeout(patience, finished).await;
        let left: Vec<_> = self.running.lock().drain().collect();
        for (id, job) in &left {
            job.task.abort();
            if let Err(error) = self.jobs.hand_back(*id, job.token).await {
                tracing::warn!(error = format!("{error:#}"), job = %id, "a job could not be handed back; it will be rescued");
            }
        }
        for handle in self.loops {
            handle.abort();
        }
        left.len()
    }
}

impl RunningJobs {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, AtWork>> {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn suspects_to_claim(&self) -> Suspects {
        if self.lock().values().any(|job| job.is_suspect) { Suspects::None } else { Suspects::One }
    }
}

async fn claim_loop(jobs: Jobs, running: RunningJobs, mut stopped: watch::Receiver<bool>) {
    let permits = Arc::new(Semaphore::new(jobs.settings().concurrency));
    while !*stopped.borrow() {
        let free = permits.available_permits();
        let claimed =
            if free > 0 { jobs.claim(free, running.suspects_to_claim()).await } else { Ok(Vec::new()) };
        let claimed = claimed.unwrap_or_else(|error| {
            tracing::warn!(%error, "no job could be claimed; trying again");
            Vec::new()
        });
        let idle = claimed.is_empty();
        for claimed in claimed {
            start_job(&jobs, &running, &permits, claimed);
        }
        if idle {
            let pause = tokio::time::sleep(jobs.settings().poll);
            tokio::select! {
                () = pause => {}
                () = running.0.ended.notified() => {}
                _ = stopped.changed() => {}
            }
        }
    }
}

fn start_job(jobs: &Jobs, running: &RunningJobs, permits: &Arc<Semaphore>, claimed: Claimed) {
    let Ok(permit) = Arc::clone(permits).try_acquire_owned() else {
        // A claim never takes more jobs than there are free permits, so this is a bug; the rescue would recover the
        // job.
        return tracing::error!(job = %claimed.job.id, "a job was claimed without a permit");
    };
    let (id, token, is_suspect) = (claimed.job.id, claimed.token, claimed.job.is_suspect());
    let (jobs, of_job) = (jobs.clone(), running.clone());
    // The lock is held until the job is recorded, so that it cannot end before.
    let mut at_work = running.lock();
    #[expect(clippy::disallowed_methods, reason = "a job is no part of the request that enqueued it")]
    let task = tokio::spawn(async move {
        jobs.run(claimed).await;
        drop(permit);
        of_job.lock().remove(&id);
        of_job.0.ended.notify_waiters();
    });
    at_work.insert(id, AtWork { token, task: task.abort_handle(), is_suspect });
}

async fn heartbeat_loop(jobs: Jobs, running: RunningJobs, stopped: watch::Receiver<bool>) {
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
    let Some(job) = running.lock().remove(&id) else { return };
    job.task.abort();
    if let Err(error) = jobs.end(id, job.token).await {
        tracing::warn!(error = format!("{error:#}"), job = %id, "a job was ended, but that could not be noted");
    }
    running.0.ended.notify_waiters();
}

/// Drops a job that another worker holds by now; it may also just have ended.
fn abandon(running: &RunningJobs, id: JobId) {
    if let Some(job) = running.lock().remove(&id) {
        job.task.abort();
        tracing::warn!(job = %id, "the lease of a job was lost; its work here is broken off");
    }
    running.0.ended.notify_waiters();
}

async fn rescue_loop(jobs: Jobs, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(jobs.settings().lease / 2);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.changed() => return,
        }
        match jobs.rescue().await {
            Ok(0) => {}
            Ok(rescued) => tracing::warn!(rescued, "jobs of lost workers were freed"),
            Err(error) => tracing::warn!(%error, "lost jobs could not be looked for; trying again"),
        }
    }
}

/// How often a worker counts the unfinished jobs.
const COUNT_EVERY: Duration = Duration::from_secs(10);

async fn count_loop(jobs: Jobs, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(COUNT_EVERY);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.changed() => return,
        }
        if let Err(error) = jobs.count().await {
            tracing::debug!(%error, "the jobs could not be counted; trying again");
        }
    }
}
