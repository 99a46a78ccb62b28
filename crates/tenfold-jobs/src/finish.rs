//! Ends in batches: jobs that are done while one transaction moves others to the history are moved together by the next.
//!
//! A job that runs in an order has a transaction of its own: it locks a row that publishers hold until they commit. A few of
//! these end at once, and hold up no other job.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::ending::Done;
use crate::runner::Jobs;

/// How many jobs one transaction moves to the history.
const BATCH: usize = 500;
/// How many jobs of orders end at once: each has a connection, and may wait for a publisher.
const ORDERED: usize = 4;
/// How often a batch is tried again while the database does not take it.
const TRIES: u32 = 6;

/// Moves jobs that are done to the history. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Finisher {
    together: mpsc::Sender<FinishRequest>,
    ordered: mpsc::Sender<FinishRequest>,
}

/// Room for a job that is about to end: there is room for so many that a batch fills up, and no more.
pub(crate) struct FinishRoom<'f>(mpsc::Permit<'f, FinishRequest>);

/// A job that is done, and what is told once that is committed.
type FinishRequest = (Done, oneshot::Sender<bool>);

impl Finisher {
    /// A finisher, and what does its work until all clones of the finisher are gone.
    pub(crate) fn new(jobs: Jobs) -> (Self, impl Future<Output = ()> + Send) {
        let (together, batches) = mpsc::channel(2 * BATCH);
        let (ordered, each) = mpsc::channel(16 * ORDERED);
        let each = Arc::new(Mutex::new(each));
        let of_orders: Vec<_> = (0..ORDERED).map(|_| finish_each(jobs.clone(), Arc::clone(&each))).collect();
        let work = async move {
            tokio::join!(finish_batches(jobs, batches), join_all(of_orders));
        };
        (Finisher { together, ordered }, work)
    }

    /// Waits until there is room for the end of this job. None if the work has ended.
    pub(crate) async fn room(&self, done: &Done) -> Option<FinishRoom<'_>> {
        let queue = if done.order_key.is_some() { &self.ordered } else { &self.together };
        queue.reserve().await.ok().map(FinishRoom)
    }
}

impl FinishRoom<'_> {
    /// Moves a job to the history, and returns when that is committed. False if its lease was lost, or the database did
    /// not take it.
    pub(crate) async fn finish(self, done: Done) -> bool {
        let (told, answer) = oneshot::channel();
        self.0.send((done, told));
        answer.await.unwrap_or(false)
    }
}

async fn finish_batches(jobs: Jobs, mut receiver: mpsc::Receiver<FinishRequest>) {
    let mut batch = Vec::new();
    while receiver.recv_many(&mut batch, BATCH).await > 0 {
        finish_all(&jobs, batch.split_off(0)).await;
    }
}

async fn finish_each(jobs: Jobs, receiver: Arc<Mutex<mpsc::Receiver<FinishRequest>>>) {
    loop {
        let next = receiver.lock().await.recv().await;
        let Some(one) = next else { return };
        finish_all(&jobs, vec![one]).await;
    }
}

async fn finish_all(jobs: &Jobs, batch: Vec<FinishRequest>) {
    let (done, told): (Vec<Done>, Vec<_>) = batch.into_iter().unzip();
    let mut pause = Duration::from_millis(50);
    for attempt in 1..=TRIES {
        match jobs.complete(&done).await {
            Ok(ended) => {
                for (done, told) in done.iter().zip(told) {
                    // A job that was cancelled meanwhile no longer waits for the answer.
                    let _ = told.send(ended.contains(&done.id));
                }
                return;
            }
            // A second run changes nothing that the first has committed: the tokens are gone.
            Err(error) => {
                tracing::warn!(%error, attempt, jobs = done.len(), "jobs that are done could not be noted; trying again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
    }
}
