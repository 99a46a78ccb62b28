//! The loads that every queue of jobs is measured with. The peers of other workspaces share this file by its path.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use tokio::sync::Notify;

use crate::line::{Line, micros};

/// Tasks that enqueue at the same time.
pub const ENQUEUERS: usize = 16;
/// Jobs in one transaction of the loads that do not enqueue one by one.
pub const BATCH: usize = 100;
/// A queue that has not run a batch after this time fails the benchmark.
const PATIENCE: Duration = Duration::from_secs(60);

/// A load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum QueueLoad {
    /// Jobs that do nothing, from before they are enqueued until they have run.
    Noop,
    /// The same with jobs that wait for 10 ms.
    TenMs,
    /// From the commit of a single job to the beginning of its run, on an idle queue.
    Start,
    /// A transaction for each job; no worker runs.
    EnqueueOne,
    /// A transaction for a hundred jobs; no worker runs.
    #[value(name = "enqueue_100")]
    EnqueueHundred,
}

impl QueueLoad {
    /// The name, as on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// How long a job of this load takes.
    pub fn pause(self) -> Duration {
        if self == QueueLoad::TenMs { Duration::from_millis(10) } else { Duration::ZERO }
    }

    /// Whether a worker runs meanwhile.
    fn is_run(self) -> bool {
        !matches!(self, QueueLoad::EnqueueOne | QueueLoad::EnqueueHundred)
    }
}

/// What the peer is told.
#[derive(Clone, Debug, clap::Args)]
pub struct QueueArguments {
    /// Which queue.
    #[arg(long)]
    pub case: String,
    /// Jobs that wait for another day.
    #[arg(long)]
    pub waiting: usize,
    /// How long each load lasts.
    #[arg(long, default_value_t = 1.0)]
    pub seconds: f64,
    /// Makes the tables and the waiting jobs, instead of measuring.
    #[arg(long)]
    pub fill: bool,
    /// Only this load, for a profiler.
    #[arg(long)]
    pub load: Option<QueueLoad>,
}

/// A queue of jobs.
#[allow(async_fn_in_trait, reason = "only this program's own types implement it")]
pub trait JobQueue: Send + Sync + 'static {
    /// A running worker.
    type Worker;

    /// Enqueues jobs in one transaction. `who` tells the enqueuers apart; a job's argument is this number.
    fn enqueue(
        &self,
        load: QueueLoad,
        who: usize,
        count: usize,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Starts a worker whose jobs call [`Gauge::run`].
    async fn start(&self, load: QueueLoad, gauge: Arc<Gauge>) -> anyhow::Result<Self::Worker>;

    /// Whether no job is left whose end is not recorded.
    async fn is_done(&self, load: QueueLoad) -> anyhow::Result<bool>;

    /// Stops the worker.
    async fn stop(&self, worker: Self::Worker) -> anyhow::Result<()>;

    /// Removes the jobs that were enqueued without a worker.
    async fn clear(&self, load: QueueLoad) -> anyhow::Result<()>;
}

/// Counts the runs of jobs, for each enqueuer.
pub struct Gauge {
    pause: Duration,
    slots: Vec<RunSlot>,
}

#[derive(Default)]
struct RunSlot {
    left: AtomicUsize,
    runs: Mutex<Vec<JobRun>>,
    done: Notify,
}

/// A run of a job.
#[derive(Clone, Copy)]
struct JobRun {
    began: Instant,
    ended: Instant,
}

impl Gauge {
    fn new(load: QueueLoad) -> Arc<Self> {
        let slots = (0..ENQUEUERS).map(|_| RunSlot::default()).collect();
        Arc::new(Gauge { pause: load.pause(), slots })
    }

    /// What every job does; `who` enqueued it.
    pub async fn run(&self, who: usize) {
        let began = Instant::now();
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
        let slot = &self.slots[who];
        slot.runs().push(JobRun { began, ended: Instant::now() });
        if slot.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            slot.done.notify_one();
        }
    }

    fn expect(&self, who: usize, count: usize) {
        self.slots[who].left.store(count, Ordering::Release);
    }

    /// The runs of the jobs that were expected, once all have ended.
    async fn runs(&self, who: usize) -> anyhow::Result<Vec<JobRun>> {
        let slot = &self.slots[who];
        let late = || anyhow::anyhow!("{} jobs did not run", slot.left.load(Ordering::Acquire));
        tokio::time::timeout(PATIENCE, slot.done.notified()).await.map_err(|_| late())?;
        Ok(std::mem::take(&mut *slot.runs()))
    }
}

impl RunSlot {
    fn runs(&self) -> std::sync::MutexGuard<'_, Vec<JobRun>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs each load for `seconds` and prints a line for each.
///
/// # Errors
/// When the queue fails.
pub async fn measure_all<Q: JobQueue>(queue: Q, arguments: &QueueArguments) -> anyhow::Result<()> {
    let queue = Arc::new(queue);
    let span = Duration::from_secs_f64(arguments.seconds);
    for load in QueueLoad::value_variants().iter().filter(|load| arguments.load.is_none_or(|l| l == **load)) {
        let gauge = Gauge::new(*load);
        let worker = if load.is_run() { Some(queue.start(*load, Arc::clone(&gauge)).await?) } else { None };
        if worker.is_some() {
            // Connections, prepared statements, and whatever a worker does at its start.
            run(&queue, &gauge, *load, span / 4).await?;
        }
        let began = Instant::now();
        let times = run(&queue, &gauge, *load, span).await?;
        let rate = (jobs_of(*load) * times.len()) as f64 / began.elapsed().as_secs_f64();
        match worker {
            Some(worker) => queue.stop(worker).await?,
            None => queue.clear(*load).await?,
        }
        let line = Line::new(&arguments.case).with("work", load.name()).with("waiting", arguments.waiting);
        let line = if *load == QueueLoad::Start { line } else { line.with("per_second", rate.round()) };
        let line = line.with("n", times.len()).with("p50_us", micros(&times, 0.5));
        line.with("p99_us", micros(&times, 0.99)).print();
    }
    Ok(())
}

/// Jobs for each measured time.
fn jobs_of(load: QueueLoad) -> usize {
    if load == QueueLoad::EnqueueHundred { BATCH } else { 1 }
}

/// A load for a span, until the end of every job is recorded.
async fn run<Q: JobQueue>(
    queue: &Arc<Q>,
    gauge: &Arc<Gauge>,
    load: QueueLoad,
    span: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let enqueuers = if load == QueueLoad::Start { 1 } else { ENQUEUERS };
    let until = Instant::now() + span;
    let tasks: Vec<_> = (0..enqueuers)
        .map(|who| {
            let (queue, gauge) = (Arc::clone(queue), Arc::clone(gauge));
            tokio::spawn(async move {
                let mut times = Vec::new();
                for turn in 0.. {
                    times.extend(piece(&*queue, &gauge, load, who, turn).await?);
                    if Instant::now() >= until {
                        break;
                    }
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    while load.is_run() && !queue.is_done(load).await? {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(times)
}

/// One transaction, and for most loads the runs of its jobs.
async fn piece<Q: JobQueue>(
    queue: &Q,
    gauge: &Gauge,
    load: QueueLoad,
    who: usize,
    turn: usize,
) -> anyhow::Result<Vec<Duration>> {
    let count = if matches!(load, QueueLoad::EnqueueOne | QueueLoad::Start) { 1 } else { BATCH };
    if load == QueueLoad::Start {
        // Between 5 and 30 ms, so that the moments do not keep step with a queue that polls.
        tokio::time::sleep(Duration::from_micros(5_000 + (turn as u64 * 7_919) % 25_000)).await;
    }
    gauge.expect(who, count);
    let began = Instant::now();
    queue.enqueue(load, who, count).await?;
    let committed = Instant::now();
    match load {
        QueueLoad::EnqueueOne | QueueLoad::EnqueueHundred => Ok(vec![committed - began]),
        // A worker may begin before the enqueuer hears of its commit.
        QueueLoad::Start => Ok(gauge
            .runs(who)
            .await?
            .iter()
            .map(|run| run.began.saturating_duration_since(committed))
            .collect()),
        _ => Ok(gauge.runs(who).await?.iter().map(|run| run.ended - began).collect()),
    }
}
