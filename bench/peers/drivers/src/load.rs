//! Closed loops: so many at once, each beginning anew as soon as it is done, until the time is over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;

use crate::line::{Line, quantile};

/// One piece of work by one of those who are at it; told apart by number and turn.
pub type LoadPiece = Arc<dyn Fn(usize, usize) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// A way to do it.
pub struct LoadCase {
    /// What it is called.
    pub name: &'static str,
    /// What is done again and again.
    pub piece: LoadPiece,
}

impl LoadCase {
    /// Names a way.
    pub fn new<F>(name: &'static str, piece: impl Fn(usize, usize) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        LoadCase { name, piece: Arc::new(move |who, turn| Box::pin(piece(who, turn))) }
    }
}

/// What a case has shown: how long each piece took, and how many were done in a second, round by round.
#[derive(Default)]
pub struct CaseTimes {
    /// Of all rounds.
    pub times: Vec<Duration>,
    /// One of each round.
    pub rates: Vec<f64>,
}

/// Does each case with `at_once`, in turns.
///
/// # Errors
/// When a piece fails.
pub async fn measure(cases: &[LoadCase], at_once: usize, quick: bool) -> anyhow::Result<Vec<CaseTimes>> {
    let (rounds, span) = if quick { (3, 400) } else { (5, 1_500) };
    let span = Duration::from_millis(span);
    let mut shown: Vec<CaseTimes> = cases.iter().map(|_| CaseTimes::default()).collect();
    for round in 0..=rounds {
        for place in 0..cases.len() {
            let index = (place + round) % cases.len();
            let began = Instant::now();
            // The first round only warms up: connections, prepared statements.
            let span = if round == 0 { span / 8 } else { span };
            let times = run(&cases[index].piece, at_once, span).await?;
            if round > 0 {
                shown[index].rates.push(times.len() as f64 / began.elapsed().as_secs_f64());
                shown[index].times.extend(times);
            }
        }
    }
    Ok(shown)
}

/// Does one piece again and again.
///
/// # Errors
/// When it fails.
pub async fn run(piece: &LoadPiece, at_once: usize, span: Duration) -> anyhow::Result<Vec<Duration>> {
    let until = Instant::now() + span;
    let one = |who: usize| {
        let piece = Arc::clone(piece);
        async move {
            let mut times = Vec::new();
            for turn in 0.. {
                let began = Instant::now();
                piece(who, turn).await?;
                let ended = Instant::now();
                times.push(ended - began);
                if ended >= until {
                    break;
                }
                // What never waits would keep a worker of the runtime to itself.
                tokio::task::coop::consume_budget().await;
            }
            anyhow::Ok(times)
        }
    };
    let running: Vec<_> = (0..at_once).map(|who| tokio::spawn(one(who))).collect();
    let mut times = Vec::new();
    for task in running {
        times.extend(task.await??);
    }
    Ok(times)
}

/// The middle one.
pub fn median(rates: &[f64]) -> f64 {
    let mut sorted = rates.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// The lines of cases that were measured together; `to` is what the ratio compares with: `rate / its rate`.
pub fn lines(cases: &[LoadCase], shown: &[CaseTimes], at_once: usize, to: Option<&str>) -> Vec<Line> {
    let rate = |index: usize| median(&shown[index].rates);
    let base = to.and_then(|to| cases.iter().position(|case| case.name == to)).map(rate);
    (0..cases.len())
        .map(|index| {
            let line = Line::new(cases[index].name).with("at_once", at_once).times(&shown[index].times);
            let line = line.with("per_second", rate(index).round());
            match base {
                Some(base) => line.with("ratio", (rate(index) / base * 100.0).round() / 100.0),
                None => line,
            }
        })
        .collect()
}

/// What 99 of 100 did not exceed.
pub fn p99(times: &[Duration]) -> Duration {
    quantile(times, 0.99)
}
