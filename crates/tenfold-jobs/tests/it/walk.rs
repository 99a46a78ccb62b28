//! Random walks through the states of jobs, beside a model that says what each operation may do.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_jobs::{Job, JobContext, JobId, JobState, Jobs, Snooze, TryLater};

use crate::fixture::{Diary, World};
use crate::on_both;

/// Ends as its number and attempt say.
#[derive(Serialize, Deserialize)]
struct Fickle {
    number: u64,
}

/// How an attempt ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Succeeds,
    Fails,
    Waits,
    Snoozes,
}

const MOST: i64 = 3;

/// The way of the nth run of a job: the same in the job and in the model.
fn way(number: u64, run: u64) -> Way {
    match mix(number.wrapping_mul(31).wrapping_add(run)) % 5 {
        0 | 1 => Way::Fails,
        2 => Way::Waits,
        3 => Way::Snoozes,
        _ => Way::Succeeds,
    }
}

impl Job for Fickle {
    const KIND: &'static str = "test.fickle";
    const MAX_ATTEMPTS: u32 = MOST as u32;

    async fn run(self, job: JobContext) -> anyhow::Result<()> {
        let diary = job.service::<Diary>()?;
        let name = format!("ran {}", self.number);
        let run = diary.read().iter().filter(|line| **line == name).count();
        diary.note(&name);
        match way(self.number, u64::try_from(run)?) {
            Way::Succeeds => Ok(()),
            Way::Fails => anyhow::bail!("told to fail"),
            Way::Waits => Err(TryLater::because("told to wait").after(Duration::from_secs(20)).into()),
            Way::Snoozes => Err(Snooze::after(Duration::from_secs(30)).into()),
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the next number of a seed.
fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What the model knows of a job.
#[derive(Debug)]
struct KnownJobs {
    number: u64,
    state: JobState,
    runs: u64,
    attempt: i64,
    most: i64,
}

impl KnownJobs {
    fn is_over(&self) -> bool {
        matches!(self.state, JobState::Completed | JobState::Discarded | JobState::Cancelled)
    }

    /// An attempt.
    fn run(&mut self) {
        let way = way(self.number, self.runs);
        self.runs += 1;
        match way {
            Way::Succeeds => (self.state, self.attempt) = (JobState::Completed, self.attempt + 1),
            Way::Fails => {
                self.attempt += 1;
                self.state =
                    if self.attempt >= self.most { JobState::Discarded } else { JobState::Retryable };
            }
            Way::Waits => self.state = JobState::Retryable,
            Way::Snoozes => self.state = JobState::Scheduled,
        }
    }
}

struct Walk<'w> {
    world: &'w World,
    jobs: Jobs,
    known: BTreeMap<JobId, KnownJobs>,
    random: u64,
}

impl Walk<'_> {
    fn next(&mut self, below: u64) -> u64 {
        self.random = mix(self.random);
        self.random % below
    }

    /// A job that was enqueued, at random.
    fn any(&mut self) -> Option<JobId> {
        let place = usize::try_from(self.next(64)).ok()?;
        let count = self.known.len().max(1);
        self.known.keys().nth(place % count).copied()
    }

    async fn enqueue(&mut self) {
        let number = u64::try_from(self.known.len()).unwrap_or(0);
        let id = self.world.enqueue(Fickle { number }).await;
        let known = KnownJobs { number, state: JobState::Available, runs: 0, attempt: 0, most: MOST };
        self.known.insert(id, known);
    }

    /// Runs what is due, after a time that makes everything due, or none.
    async fn run_due(&mut self, pass: Duration) {
        self.world.clock.advance(pass);
        let due = |known: &KnownJobs| match known.state {
            JobState::Available => true,
            JobState::Retryable | JobState::Scheduled => !pass.is_zero(),
            _ => false,
        };
        let expected = self.known.values_mut().filter(|known| due(known));
        let expected = expected.map(KnownJobs::run).count();
        assert_eq!(self.jobs.run_due().await.expect("they run"), expected, "of {:?}", self.known);
    }

    async fn cancel(&mut self) {
        let Some(id) = self.any() else { return };
        let cancelled = self.jobs.cancel(id).await;
        let known = self.known.get_mut(&id).expect("it is one of them");
        assert_eq!(cancelled.is_ok(), !known.is_over(), "{known:?}");
        if cancelled.is_ok() {
            known.state = JobState::Cancelled;
        }
    }

    async fn retry(&mut self) {
        let Some(id) = self.any() else { return };
        let retried = self.jobs.retry(id).await;
        let known = self.known.get_mut(&id).expect("it is one of them");
        assert_eq!(retried.is_ok(), known.state != JobState::Completed, "{known:?}");
        if retried.is_ok() {
            if known.is_over() {
                known.most = known.most.max(known.attempt + 1);
            }
            known.state = JobState::Available;
        }
    }

    /// Every job is in one place, in the state that the model says.
    async fn compare(&self) {
        for (id, known) in &self.known {
            let (queued, finished) = (self.world.queued(*id).await, self.world.finished(*id).await);
            assert_eq!(
                (queued.is_some(), finished.is_some()),
                (!known.is_over(), known.is_over()),
                "{known:?}"
            );
            let found = match (queued, finished) {
                (Some(job), _) => (job.state, job.attempt, job.max_attempts),
                (None, Some(job)) => (job.state, job.attempt, job.max_attempts),
                (None, None) => panic!("{known:?} is lost"),
            };
            assert_eq!(found, (known.state, known.attempt, known.most), "{known:?}");
        }
    }
}

on_both!(async fn every_walk_through_the_states_is_as_the_model_says(world) {
    for seed in 0..4 {
        world.diary.clear();
        let jobs = world.jobs(|registry, _| registry.register::<Fickle>());
        let mut walk = Walk { world, jobs, known: BTreeMap::new(), random: seed };
        for _ in 0..60 {
            match walk.next(10) {
                0..4 => walk.enqueue().await,
                4 | 5 => walk.run_due(Duration::ZERO).await,
                // Long enough for every pause.
                6 | 7 => walk.run_due(Duration::from_secs(60)).await,
                8 => walk.cancel().await,
                _ => walk.retry().await,
            }
            walk.compare().await;
        }
        // Nothing of this walk is left for the next.
        for id in walk.known.keys().copied().collect::<Vec<_>>() {
            let _ = walk.jobs.cancel(id).await;
        }
    }
});
