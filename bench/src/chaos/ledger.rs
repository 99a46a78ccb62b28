//! What was acknowledged under a fault, against the effects of the jobs.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use harness::Deployment;
use harness::process::block_on;
use tenfold::data::{Clock, Database, DatabaseSettings, EntityExt as _, SystemContext, Timestamp};
use tenfold::jobs::{FinishedJob, JobState, QueuedJob};

use super::application::Effect;

/// Without any progress for this long the backend counts as stuck.
const PATIENCE: Duration = Duration::from_secs(100);

/// A job that was acknowledged.
#[derive(Clone, Copy)]
pub struct AcceptedJob {
    /// Its number.
    pub number: i64,
    /// When the answer was read.
    pub at: Timestamp,
}

/// A moment at which a fault happened.
#[derive(Clone, Copy)]
pub struct Strike {
    /// When.
    pub at: Timestamp,
    /// When the others could go on.
    pub ready: Timestamp,
}

/// What came of it.
pub struct FaultVerdict {
    /// Jobs that were acknowledged.
    pub accepted: usize,
    /// Those without an effect.
    pub lost: usize,
    /// Those with more than one.
    pub duplicated: usize,
    /// Jobs that are still queued, or were given up.
    pub left_over: usize,
    /// Poisonous jobs that were given up.
    pub poison: usize,
    /// Answers other than 202, and none.
    pub refused: usize,
    /// How often a worker was found lost over a job.
    pub repeated: u64,
    /// From the end of a fault, or from the answer if there was none, until the effect of each job that met it.
    pub recovery: Vec<Duration>,
}

/// The database, once nothing more is done.
struct Aftermath {
    effects: Vec<Effect>,
    queued: Vec<QueuedJob>,
    finished: Vec<FinishedJob>,
}

impl FaultVerdict {
    /// Waits until nothing more is done, and judges. Recovery is that of the jobs `watched`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn judge(
        place: &Deployment,
        accepted: &[AcceptedJob],
        watched: impl Fn(i64) -> bool,
        strikes: &[Strike],
        meanwhile: impl FnMut(),
    ) -> anyhow::Result<Self> {
        let found = Aftermath::wait(place, meanwhile)?;
        let mut times: BTreeMap<i64, Vec<Timestamp>> = BTreeMap::new();
        for effect in &found.effects {
            times.entry(effect.number).or_default().push(effect.at);
        }
        let lost = accepted.iter().filter(|job| !times.contains_key(&job.number)).count();
        let is_poison = |job: &&FinishedJob| job.kind == "chaos.poison" && job.state == JobState::Discarded;
        let given_up = found.finished.iter().filter(|job| job.state != JobState::Completed);
        let poison = found.finished.iter().filter(is_poison).count();
        let crashes = |crashes: i64| u64::try_from(crashes).unwrap_or_default();
        Ok(FaultVerdict {
            accepted: accepted.len(),
            lost,
            duplicated: times.values().filter(|times| times.len() > 1).count(),
            left_over: found.queued.len() + given_up.count() - poison,
            poison,
            refused: 0,
            repeated: found.finished.iter().map(|job| crashes(job.crashes)).sum(),
            recovery: recovery(accepted.iter().filter(|job| watched(job.number)), &times, strikes),
        })
    }
}

fn recovery<'a>(
    accepted: impl Iterator<Item = &'a AcceptedJob>,
    times: &BTreeMap<i64, Vec<Timestamp>>,
    strikes: &[Strike],
) -> Vec<Duration> {
    let of = |job: &AcceptedJob| {
        let done = *times.get(&job.number)?.first()?;
        let from = match strikes {
            [] => job.at,
            // Of the first fault that it met.
            strikes => strikes.iter().find(|strike| job.at <= strike.at && strike.at < done)?.ready,
        };
        Some(Duration::try_from(done.duration_since(from)).unwrap_or_default())
    };
    accepted.filter_map(of).collect()
}

impl Aftermath {
    fn wait(place: &Deployment, mut meanwhile: impl FnMut()) -> anyhow::Result<Self> {
        block_on(async {
            let settings = DatabaseSettings { max_rows: 1_000_000, ..DatabaseSettings::default() };
            let clock = Clock::system();
            let database = Database::open(&place.url_from_outside(), &settings, clock.clone(), Vec::new())?;
            let (mut left, mut give_up) = (usize::MAX, clock.now() + PATIENCE);
            loop {
                // A connection that a fault ended is noticed when it is used.
                let queued = database.run(None, queued).await.map_or(usize::MAX, |queued| queued.len());
                if queued == 0 || clock.now() > give_up {
                    break;
                }
                if queued < left {
                    (left, give_up) = (queued, clock.now() + PATIENCE);
                }
                meanwhile();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let found = database.run(None, Aftermath::read).await.context("the database can be read");
            database.close().await;
            found
        })
    }

    async fn read(cx: SystemContext) -> anyhow::Result<Self> {
        Ok(Aftermath {
            effects: Effect::query().all(&cx).await?.iter().cloned().collect(),
            queued: queued(cx.clone()).await?,
            finished: FinishedJob::query().all(&cx).await?.iter().cloned().collect(),
        })
    }
}

async fn queued(cx: SystemContext) -> anyhow::Result<Vec<QueuedJob>> {
    Ok(QueuedJob::query().all(&cx).await?.iter().cloned().collect())
}
