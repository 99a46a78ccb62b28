//! The jobs that this process runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenfold_data::Uuid;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;

use crate::rows::JobId;

/// The jobs that this process runs, with what cancels them.
#[derive(Clone, Default)]
pub(super) struct RunningJobs(Arc<RunningState>);

#[derive(Default)]
struct RunningState {
    jobs: Mutex<HashMap<JobId, AtWork>>,
    /// Notified when a job has ended.
    ended: Notify,
}

/// A job that runs.
pub(super) struct AtWork {
    pub token: Uuid,
    pub lane: Uuid,
    pub queue: &'static str,
    pub task: AbortHandle,
    pub is_suspect: bool,
    /// Its work is done, and its end is being recorded.
    pub is_ending: bool,
    /// Whether it takes a place of its queue.
    pub has_place: bool,
}

impl RunningJobs {
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<JobId, AtWork>> {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a job with `spawn`, which is given what the job must wait for.
    pub(super) fn start(&self, id: JobId, spawn: impl FnOnce(oneshot::Receiver<()>) -> AtWork) {
        let (go, start) = oneshot::channel();
        let at_work = spawn(start);
        self.lock().insert(id, at_work);
        // A runtime that is shutting down has dropped the job.
        let _ = go.send(());
    }

    /// A job's work is done.
    pub(super) fn ending(&self, id: JobId, token: Uuid) {
        if let Some(job) = self.lock().get_mut(&id).filter(|job| job.token == token) {
            job.is_ending = true;
        }
    }

    /// A job whose work is done takes no place any more.
    pub(super) fn leave(&self, id: JobId, token: Uuid) {
        if let Some(job) = self.lock().get_mut(&id).filter(|job| job.token == token) {
            job.has_place = false;
        }
    }

    /// A job's end is recorded.
    pub(super) fn ended(&self, id: JobId, token: Uuid) {
        let mut jobs = self.lock();
        // This process may have claimed it again meanwhile.
        if jobs.get(&id).is_some_and(|job| job.token == token) {
            jobs.remove(&id);
        }
        drop(jobs);
        self.0.ended.notify_waiters();
    }

    /// Interrupts a job, unless its end is being recorded. Returns its token.
    pub(super) fn interrupt(&self, id: JobId) -> Option<Uuid> {
        let mut jobs = self.lock();
        if jobs.get(&id).is_none_or(|job| job.is_ending) {
            return None;
        }
        let job = jobs.remove(&id)?;
        drop(jobs);
        job.task.abort();
        self.0.ended.notify_waiters();
        Some(job.token)
    }

    /// Waits until no job runs.
    pub(super) async fn all_ended(&self) {
        loop {
            let ended = self.0.ended.notified();
            if self.lock().is_empty() {
                return;
            }
            ended.await;
        }
    }

    /// Removes the jobs whose work is not done.
    pub(super) fn take_unfinished(&self) -> Vec<(JobId, AtWork)> {
        self.lock().extract_if(|_, job| !job.is_ending).collect()
    }

    /// How many jobs of each lane take a place in a queue.
    pub(super) fn of_lanes(&self, queue: &str) -> HashMap<Uuid, usize> {
        let mut of_lanes = HashMap::new();
        for job in self.lock().values().filter(|job| job.queue == queue && job.has_place) {
            *of_lanes.entry(job.lane).or_default() += 1;
        }
        of_lanes
    }

    pub(super) fn has_suspect(&self) -> bool {
        self.lock().values().any(|job| job.is_suspect)
    }
}
