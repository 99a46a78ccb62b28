//! The run: a thread keeps the times, each request is a task, and what became of it is counted in one place.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::arrivals::{Arrival, Arrivals, LoadRate};
use crate::connections::Connections;
use crate::document::ApiDocument;
use crate::exchange::Exchanges;
use crate::prepare::{Prepared, prepare};
use crate::report::LoadReport;
use crate::scenario::Scenario;
use crate::tally::Tally;
use crate::target::LoadTarget;
use crate::visitor::Visitor;

/// What is sent, where to, how often and how long.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// The application.
    pub target: LoadTarget,
    /// Requests a second.
    pub rate: LoadRate,
    /// How long requests are sent before those that count.
    pub warm_up: Duration,
    /// How long the measured requests are sent.
    pub duration: Duration,
    /// The most connections at once.
    pub connections: usize,
    /// How long an answer may take.
    pub timeout: Duration,
    /// The same seed gives the same requests at the same times.
    pub seed: u64,
    /// Who sends what; without one, the example's account calls what it can by the examples of the API's document.
    pub scenario: Option<Scenario>,
}

/// What is told during a run.
#[derive(Debug)]
pub enum LoadNews<'r> {
    /// What will be done, once, before the first request.
    Begins(&'r str),
    /// A line for a terminal, about once a second.
    Continues(&'r str),
}

/// After an interruption, requests that are under way are awaited for so long.
const GRACE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_secs(1);
/// How soon the thread that keeps the times notices that it is no longer needed.
const NOTICE: Duration = Duration::from_millis(100);

/// Sends the load. When `stop` is ready, the run ends early, with the report so far.
///
/// # Errors
/// When the load cannot begin: the application does not answer, an account cannot sign in, a step of the scenario
/// does not fit the API or fails, or it is not on this machine and the scenario names no accounts for it.
pub async fn run(
    plan: &LoadPlan,
    stop: impl Future<Output = ()>,
    tell: &mut dyn FnMut(LoadNews<'_>),
) -> anyhow::Result<LoadReport> {
    check_reach(plan)?;
    let mut stop = pin!(stop);
    let connections = Connections::new(plan.target.clone(), plan.connections);
    let visitor = Visitor::new(&connections, plan.timeout)?;
    let prepared = tokio::select! {
        prepared = prepared(plan, &visitor) => prepared?,
        () = &mut stop => anyhow::bail!("interrupted before the first request"),
    };
    let host = visitor.host().clone();
    tell(LoadNews::Begins(&announcement(plan, &prepared)));
    let mix = prepared.mix();
    let (over, is_over) = watch::channel(false);
    let exchanges = Exchanges {
        connections,
        steps: prepared.steps,
        host,
        start: Instant::now(),
        timeout: plan.timeout,
        over: is_over,
    };
    let exchanges = Arc::new(exchanges);
    let arrivals = Arrivals::new(plan.seed, plan.rate, plan.warm_up, plan.duration, mix);
    let end = exchanges.start + plan.warm_up + plan.duration;
    let due = keep_times(arrivals, exchanges.start, end)?;
    let mut flight = Flight::new(plan, Arc::clone(&exchanges), over);
    flight.fly(due, stop, tell).await?;
    Ok(LoadReport::new(plan, flight.tally, &exchanges.steps, prepared.left_out, flight.stopped_at))
}

/// Another machine gets load only from accounts that the scenario names.
fn check_reach(plan: &LoadPlan) -> anyhow::Result<()> {
    if plan.target.is_loopback() {
        return Ok(());
    }
    let scenario = plan.scenario.as_ref().with_context(|| {
        format!("{} is another machine: write a scenario that says what is sent to it", plan.target)
    })?;
    anyhow::ensure!(
        !scenario.accounts.is_empty() && scenario.organizations == 0,
        "{} is another machine: its scenario names each [[account]], and no `organizations`, whose password is public",
        plan.target
    );
    Ok(())
}

async fn prepared(plan: &LoadPlan, visitor: &Visitor<'_>) -> anyhow::Result<Prepared> {
    let heard = visitor.get("/openapi.json", None).await?;
    anyhow::ensure!(
        heard.is_success(),
        "{} does not show its OpenAPI document at /openapi.json: {}",
        plan.target,
        heard.reason()
    );
    let document = ApiDocument::read(&heard.body).with_context(|| plan.target.to_string())?;
    prepare(visitor, &document, plan.scenario.as_ref(), plan.seed).await
}

fn announcement(plan: &LoadPlan, prepared: &Prepared) -> String {
    let expected = plan.rate.expected(plan.warm_up, plan.duration).round();
    let seconds = (plan.warm_up + plan.duration).as_secs_f64();
    format!(
        "sends about {expected} requests in {seconds} s to {}, over at most {} connections: {} kinds, {} of which write, as {} account{}",
        plan.target,
        plan.connections,
        prepared.steps.len(),
        prepared.writing_steps(),
        prepared.accounts,
        if prepared.accounts == 1 { "" } else { "s" }
    )
}

/// Gives each arrival at its time, and ends at the end of the run. A thread of its own, since the runtime's timer
/// counts whole milliseconds.
fn keep_times(
    arrivals: Arrivals,
    start: Instant,
    end: Instant,
) -> anyhow::Result<mpsc::UnboundedReceiver<Arrival>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let keep = move || {
        for arrival in arrivals {
            wait_until(start + arrival.at, &sender);
            if sender.send(arrival).is_err() {
                return;
            }
        }
        wait_until(end, &sender);
    };
    std::thread::Builder::new().name("load times".to_owned()).spawn(keep)?;
    Ok(receiver)
}

/// Waits, unless nobody listens any more.
fn wait_until(at: Instant, listener: &mpsc::UnboundedSender<Arrival>) {
    while let Some(left) = at.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        if listener.is_closed() {
            return;
        }
        std::thread::park_timeout(left.min(NOTICE));
    }
}

/// The requests that are under way.
struct Flight {
    exchanges: Arc<Exchanges>,
    over: watch::Sender<bool>,
    tally: Tally,
    whole: Duration,
    stopped_at: Option<Duration>,
}

impl Flight {
    fn new(plan: &LoadPlan, exchanges: Arc<Exchanges>, over: watch::Sender<bool>) -> Self {
        let whole = plan.warm_up + plan.duration;
        let tally = Tally::new(exchanges.steps.len(), plan.warm_up, whole);
        Flight { exchanges, over, tally, whole, stopped_at: None }
    }

    /// Sends what is due, until the last request is over.
    async fn fly(
        &mut self,
        mut due: mpsc::UnboundedReceiver<Arrival>,
        mut stop: impl Future<Output = ()> + Unpin,
        tell: &mut dyn FnMut(LoadNews<'_>),
    ) -> anyhow::Result<()> {
        let mut tasks = JoinSet::new();
        let mut ticks = tokio::time::interval(TICK);
        let mut give_up = pin!(tokio::time::sleep(Duration::MAX));
        while !*self.over.borrow() || !tasks.is_empty() {
            let is_over = *self.over.borrow();
            tokio::select! {
                arrival = due.recv(), if !is_over => match arrival {
                    Some(arrival) => {
                        tasks.spawn(Arc::clone(&self.exchanges).exchange(arrival));
                    }
                    None => _ = self.over.send_replace(true),
                },
                Some(observation) = tasks.join_next() => self.tally.add(&observation?),
                _ = ticks.tick() => tell(LoadNews::Continues(&self.line(tasks.len()))),
                () = &mut stop, if self.stopped_at.is_none() => {
                    let now = self.exchanges.start.elapsed();
                    (self.stopped_at, self.tally.end) = (Some(now), now);
                    self.over.send_replace(true);
                    due.close();
                    give_up.set(tokio::time::sleep(GRACE));
                }
                () = &mut give_up, if self.stopped_at.is_some() => return Ok(()),
            }
        }
        Ok(())
    }

    fn line(&self, under_way: usize) -> String {
        let total = &self.tally.total;
        let since = self.exchanges.start.elapsed().min(self.whole).as_secs();
        let p99 = total.latencies.quantile(0.99).unwrap_or_default();
        format!(
            "{since} s of {} s: {} due, {} answered, {} refused, {} failed, {} unsent, {under_way} under way, p99 {:.1} ms",
            self.whole.as_secs(),
            total.due,
            total.answered,
            total.refused,
            total.failed,
            total.unsent,
            p99.as_secs_f64() * 1e3
        )
    }
}
