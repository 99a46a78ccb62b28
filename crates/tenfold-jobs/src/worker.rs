//! A worker: claims, sends heartbeats and rescues until it is stopped.

mod beat;
mod running;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use self::running::{AtWork, RunningJobs};
use crate::finish::Finisher;
use crate::runner::{Claimed, Jobs};

/// Runs jobs in the background of a process.
pub struct Worker {
    jobs: Jobs,
    stop: watch::Sender<bool>,
    /// The loops that claim, which end by themselves when the worker is stopped.
    claiming: Vec<JoinHandle<()>>,
    loops: Vec<JoinHandle<()>>,
    running: RunningJobs,
}

/// A queue as one process works on it.
struct WorkerQueue {
    name: &'static str,
    concurrency: usize,
    /// How many jobs of one organization run at once.
    of_one: usize,
    /// A place for each job.
    places: Arc<Semaphore>,
    /// Notified when a place is free again.
    wake: Arc<Notify>,
}

impl Worker {
    /// Starts a worker.
    #[expect(clippy::disallowed_methods, reason = "the loops of a worker are no part of any request")]
    pub fn start(jobs: Jobs) -> Self {
        let (stop, stopped) = watch::channel(false);
        let running = RunningJobs::default();
        let (finisher, finishes) = Finisher::new(jobs.clone());
        let queues: Vec<_> =
            jobs.queues_here().into_iter().map(|queue| WorkerQueue::new(&jobs, queue)).collect();
        let claim = |queue| {
            tokio::spawn(claim_loop(jobs.clone(), queue, running.clone(), finisher.clone(), stopped.clone()))
        };
        let claiming = queues.into_iter().map(claim).collect();
        let loops = vec![
            tokio::spawn(finishes),
            tokio::spawn(beat::heartbeat_loop(jobs.clone(), running.clone(), stopped.clone())),
            tokio::spawn(beat::rescue_loop(jobs.clone(), stopped.clone())),
            tokio::spawn(beat::time_loop(jobs.clone(), stopped.clone())),
            tokio::spawn(beat::count_loop(jobs.clone(), stopped)),
        ];
        Worker { jobs, stop, claiming, loops, running }
    }

    /// Stops claiming, waits for the running jobs, and hands back those that are not done after `patience`.
    /// Returns how many were handed back.
    pub async fn stop(self, patience: Duration) -> usize {
        self.stop.send_replace(true);
        // A claim that is under way still brings jobs, which are started and waited for.
        for claiming in self.claiming {
            let _ = claiming.await;
        }
        // The remaining jobs are interrupted below.
        let _ = tokio::time::timeout(patience, self.running.all_ended()).await;
        let left = self.running.take_unfinished();
        for (id, job) in &left {
            job.task.abort();
            if let Err(error) = self.jobs.hand_back(*id, job.token).await {
                tracing::warn!(error = format!("{error:#}"), job = %id, "a job could not be handed back; it will be rescued");
            }
        }
        // Those whose work is done and whose end is being committed: seconds at most.
        let _ = tokio::time::timeout(Duration::from_secs(10), self.running.all_ended()).await;
        for handle in self.loops {
            handle.abort();
        }
        left.len()
    }
}

impl WorkerQueue {
    fn new(jobs: &Jobs, (name, concurrency): (&'static str, usize)) -> Self {
        let of_one = (concurrency * jobs.settings().organization_share / 100).clamp(1, concurrency);
        let places = Arc::new(Semaphore::new(concurrency));
        WorkerQueue { name, concurrency, of_one, places, wake: Arc::default() }
    }
}

async fn claim_loop(
    jobs: Jobs,
    queue: WorkerQueue,
    running: RunningJobs,
    finisher: Finisher,
    mut stopped: watch::Receiver<bool>,
) {
    let mut after = tenfold_data::Uuid::nil();
    // Before the first look: what is committed after it is told.
    let mut told = jobs.watch(queue.name);
    while !*stopped.borrow() {
        let claimed = claim(&jobs, &queue, &running, &mut after).await;
        let idle = claimed.is_empty();
        for claimed in claimed {
            start_job(&jobs, &queue, &running, &finisher, claimed);
        }
        if idle {
            tokio::select! {
                () = tokio::time::sleep(jobs.settings().poll) => {}
                () = told.changed() => {}
                () = queue.wake.notified() => {}
                _ = stopped.changed() => {}
            }
        }
    }
}

/// Claims as many jobs as there are places.
async fn claim(
    jobs: &Jobs,
    queue: &WorkerQueue,
    running: &RunningJobs,
    after: &mut tenfold_data::Uuid,
) -> Vec<Claimed> {
    let free = queue.places.available_permits();
    if free == 0 {
        return Vec::new();
    }
    let of_lanes = running.of_lanes(queue.name);
    // Jobs of no organization are the application's own.
    let room = |lane: tenfold_data::Uuid| {
        let most = if lane.is_nil() { queue.concurrency } else { queue.of_one };
        most.saturating_sub(of_lanes.get(&lane).copied().unwrap_or(0))
    };
    // First, since a busy queue never comes to an end; one at a time in a process.
    let suspect = if running.has_suspect() { Ok(None) } else { jobs.claim_suspect(queue.name).await };
    let claimed = match suspect {
        Ok(Some(suspect)) => Ok(vec![suspect]),
        Ok(None) => jobs.claim(queue.name, free, of_lanes.len(), room, after).await,
        Err(error) => Err(error),
    };
    claimed.unwrap_or_else(|error| {
        tracing::warn!(%error, queue = queue.name, "no job could be claimed; trying again");
        Vec::new()
    })
}

fn start_job(jobs: &Jobs, queue: &WorkerQueue, running: &RunningJobs, finisher: &Finisher, claimed: Claimed) {
    let Ok(permit) = Arc::clone(&queue.places).try_acquire_owned() else {
        // A claim never takes more jobs than there are places, so this is a bug; the rescue would recover the job.
        return tracing::error!(job = %claimed.job.id, "a job was claimed without a place");
    };
    let (id, token, lane) = (claimed.job.id, claimed.token, claimed.job.lane);
    let is_suspect = claimed.job.is_suspect();
    let place = Slot { permit: Some(permit), wake: Arc::clone(&queue.wake) };
    let (jobs, of_job, finisher) = (jobs.clone(), running.clone(), finisher.clone());
    running.start(id, |start| {
        #[expect(clippy::disallowed_methods, reason = "a job is no part of the request that enqueued it")]
        let task = tokio::spawn(async move {
            // Until the job is known as running, it cannot end.
            let _ = start.await;
            let attempt = jobs.attempt(claimed).await;
            of_job.ending(id, token);
            // The next job can begin while this one's end is committed with others. One that failed ends in a transaction of
            // its own and keeps its place, so that there are no more of these than places.
            let room = match attempt.result {
                Ok(()) => finisher.room().await,
                Err(_) => None,
            };
            if room.is_some() {
                of_job.leave(id, token);
            }
            let _kept = room.is_none().then_some(place);
            jobs.record(attempt, async |done| match room {
                Some(room) => Ok(room.finish(done).await),
                None => Ok(false),
            })
            .await;
            of_job.ended(id, token);
        });
        AtWork {
            token,
            lane,
            queue: queue.name,
            task: task.abort_handle(),
            is_suspect,
            is_ending: false,
            has_place: true,
        }
    });
}

/// A job's place, which is free again when the job is done, or interrupted.
struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    wake: Arc<Notify>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.wake.notify_one();
    }
}
