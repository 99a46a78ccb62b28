//! Ends in batches: jobs that are done while one transaction moves others to the history are moved together by the next.
//!
//! An end waits for no open transaction of a request. If one holds the key of its order, because it has published an event, the next
//! job of that key is let run a moment later.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::ending::Done;
use crate::runner::Jobs;

/// How many jobs one transaction moves to the history.
const BATCH: usize = 500;
/// How often a batch is tried again while the database does not take it.
const TRIES: u32 = 6;
/// The pause between two looks at keys that publishers hold.
const PAUSE: Duration = Duration::from_millis(20);
/// How many looks a key has, for longer than a transaction may be open. Then it is left to the rescue.
const LOOKS: u32 = 500;

/// Moves jobs that are done to the history. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Finisher(mpsc::Sender<FinishRequest>);

/// Room for a job that is about to end: there is room for so many that a batch fills up, and no more.
pub(crate) struct FinishRoom<'f>(mpsc::Permit<'f, FinishRequest>);

/// A job that is done, and what is told once that is committed.
type FinishRequest = (Done, oneshot::Sender<bool>);

impl Finisher {
    /// A finisher, and what does its work until all clones of the finisher are gone.
    pub(crate) fn new(jobs: Jobs) -> (Self, impl Future<Output = ()> + Send) {
        let (finisher, batches) = mpsc::channel(2 * BATCH);
        let (held, keys) = mpsc::unbounded_channel();
        let work = async move {
            tokio::join!(finish_batches(&jobs, batches, held), release_keys(&jobs, keys));
        };
        (Finisher(finisher), work)
    }

    /// Waits until there is room for the end of a job. None if the work has ended.
    pub(crate) async fn room(&self) -> Option<FinishRoom<'_>> {
        self.0.reserve().await.ok().map(FinishRoom)
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

async fn finish_batches(
    jobs: &Jobs,
    mut receiver: mpsc::Receiver<FinishRequest>,
    held: mpsc::UnboundedSender<String>,
) {
    let mut batch = Vec::new();
    while receiver.recv_many(&mut batch, BATCH).await > 0 {
        for key in finish_all(jobs, batch.split_off(0)).await {
            // The receiver lives as long as this.
            let _ = held.send(key);
        }
    }
}

/// Returns the keys whose next jobs still wait.
async fn finish_all(jobs: &Jobs, batch: Vec<FinishRequest>) -> Vec<String> {
    let (done, told): (Vec<Done>, Vec<_>) = batch.into_iter().unzip();
    let mut pause = Duration::from_millis(50);
    for attempt in 1..=TRIES {
        match jobs.complete(&done).await {
            Ok(completed) => {
                for (done, told) in done.iter().zip(told) {
                    // A job that was cancelled meanwhile no longer waits for the answer.
                    let _ = told.send(completed.ended.contains(&done.id));
                }
                return completed.held_keys;
            }
            // A second run changes nothing that the first has committed: the tokens are gone.
            Err(error) => {
                tracing::warn!(%error, attempt, jobs = done.len(), "jobs that are done could not be noted; trying again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
    }
    Vec::new()
}

/// Lets the next jobs of keys run that publishers hold, as soon as they do no longer.
async fn release_keys(jobs: &Jobs, mut receiver: mpsc::UnboundedReceiver<String>) {
    // With how many looks each has had.
    let mut keys: BTreeMap<String, u32> = BTreeMap::new();
    loop {
        if keys.is_empty() {
            let Some(key) = receiver.recv().await else { return };
            keys.insert(key, 0);
        }
        tokio::time::sleep(PAUSE).await;
        while let Ok(key) = receiver.try_recv() {
            keys.insert(key, 0);
        }
        match jobs.release_keys(keys.keys().cloned().collect()).await {
            Ok(held) => keys.retain(|key, _| held.contains(key)),
            Err(error) => {
                tracing::warn!(%error, "the next jobs of some keys could not be released; trying again")
            }
        }
        keys.values_mut().for_each(|looks| *looks += 1);
        keys.retain(|_, looks| *looks < LOOKS);
    }
}
