//! Ends in batches: jobs that are done while one transaction moves others to the history are moved together by the next.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::ending::Done;
use crate::runner::Jobs;

/// How many jobs one transaction moves to the history.
const BATCH: usize = 500;
/// How often a batch is tried again while the database does not take it.
const TRIES: u32 = 6;

/// Moves jobs that are done to the history. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Finisher(mpsc::Sender<FinishRequest>);

/// A job that is done, and what is told once that is committed.
type FinishRequest = (Done, oneshot::Sender<bool>);

impl Finisher {
    /// A finisher, and the loop that does its work until all clones of the finisher are gone.
    pub(crate) fn new(jobs: Jobs) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(2 * BATCH);
        (Finisher(sender), work(jobs, receiver))
    }

    /// Moves a job to the history, and returns when that is committed. False if its lease was lost, or the database did
    /// not take it.
    pub(crate) async fn finish(&self, done: Done) -> bool {
        let (told, answer) = oneshot::channel();
        self.0.send((done, told)).await.is_ok() && answer.await.unwrap_or(false)
    }
}

async fn work(jobs: Jobs, mut receiver: mpsc::Receiver<FinishRequest>) {
    let mut batch = Vec::new();
    while receiver.recv_many(&mut batch, BATCH).await > 0 {
        // Those that run one after the other lock a row that publishers hold: each has a transaction of its own.
        let (ordered, many): (Vec<_>, Vec<_>) =
            batch.drain(..).partition(|(done, _)| done.order_key.is_some());
        for one in ordered {
            finish_all(&jobs, vec![one]).await;
        }
        if !many.is_empty() {
            finish_all(&jobs, many).await;
        }
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
