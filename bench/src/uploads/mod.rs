//! A hundred uploads at once, whose processing takes ten seconds each: who waits, for how long, and what that costs.

mod application;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::time::{Duration, Instant};

use harness::Deployment;
use harness::found::Reader;
use harness::process::{Process, block_on, let_pass};
use harness::wire::{HttpConnection, HttpRequest};
use tenfold::data::{Clock, Dialect};

pub use self::application::application;
use crate::options::Options;
use crate::place::{place, server_for};
use crate::report::{BenchReport, ReportRow, micros, quantile};

/// Uploads at once.
const UPLOADS: usize = 100;
/// The bytes of each.
const LENGTH: usize = 256 << 10;
/// How long a client waits for its answer.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often something else is asked for meanwhile.
const PING_EVERY: Duration = Duration::from_millis(20);

/// One way to do it.
struct Case {
    name: &'static str,
    path: &'static str,
    /// `jobs.concurrency`.
    concurrency: usize,
}

const CASES: [Case; 4] = [
    Case { name: "async, 8 jobs at once", path: "/async", concurrency: 8 },
    Case { name: "async, 100 jobs at once", path: "/async", concurrency: UPLOADS },
    Case { name: "sync, all at once", path: "/sync", concurrency: 8 },
    Case { name: "sync, 8 at once", path: "/sync-in-places", concurrency: 8 },
];

/// What is watched while the uploads are under way.
#[derive(Default)]
struct UploadsMonitor {
    over: AtomicBool,
    pings: Mutex<Vec<Duration>>,
    most_memory: AtomicU64,
    most_in_flight: AtomicU64,
}

/// What a case has shown.
struct Shown {
    answers: Vec<Duration>,
    all_done: Duration,
    idle_memory: u64,
    watched: UploadsMonitor,
}

/// Runs every case on every database.
///
/// # Errors
/// When no PostgreSQL can be started.
pub fn run(options: &Options, report: &mut BenchReport) -> anyhow::Result<()> {
    let program = std::env::current_exe()?;
    let server = server_for(options.dialects())?;
    let work = if options.quick { "500ms" } else { "10s" };
    for dialect in options.dialects() {
        let mut first = None;
        for case in &CASES {
            let shown = measure(&place(&program, *dialect, server.as_ref()), case, work);
            let median = quantile(&shown.answers, 0.5).unwrap_or_default();
            let compared_to = *first.get_or_insert(median);
            report.add(row(*dialect, case, &shown).with("ratio", ratio(median, compared_to)));
        }
    }
    Ok(())
}

fn ratio(time: Duration, to: Duration) -> f64 {
    (time.as_secs_f64() / to.as_secs_f64().max(1e-9) * 10.0).round() / 10.0
}

fn row(dialect: Dialect, case: &Case, shown: &Shown) -> ReportRow {
    let pings = shown.watched.pings.lock().unwrap_or_else(PoisonError::into_inner);
    let memory = shown.watched.most_memory.load(Ordering::Acquire).saturating_sub(shown.idle_memory);
    let p99 = quantile(&pings, 0.99).unwrap_or_default();
    ReportRow::new("uploads", dialect, case.name)
        .times(&shown.answers)
        .with("all_done_ms", micros(shown.all_done) / 1000)
        .with("most_in_flight", shown.watched.most_in_flight.load(Ordering::Acquire))
        .with("memory_over_idle_kib", memory / 1024)
        .with("pings", pings.len())
        .with("ping_p99_us", micros(p99))
}

fn measure(place: &Deployment, case: &Case, work: &str) -> Shown {
    let process = place
        .app(&["serve"])
        .env("TENFOLD_UPLOADS__WORK", work)
        .env("TENFOLD_JOBS__CONCURRENCY", &case.concurrency.to_string())
        .env("TENFOLD_HTTP__DEADLINE", "10m")
        .start();
    let idle_memory = process.memory("VmRSS");
    let watched = UploadsMonitor::default();
    let begun = Clock::system().now();
    let (answers, all_done) = std::thread::scope(|scope| {
        scope.spawn(|| ping(&process, &watched));
        scope.spawn(|| watch(&process, &watched));
        let began = Instant::now();
        let answers = upload_all(&process, case);
        let answered = began.elapsed();
        let all_done = if case.path == "/async" { last_job(place, begun) } else { answered };
        watched.over.store(true, Ordering::Release);
        (answers, all_done)
    });
    Shown { answers, all_done, idle_memory, watched }
}

/// Sends all uploads in the same moment, and gives how long each waited for its answer.
fn upload_all(process: &Process, case: &Case) -> Vec<Duration> {
    let together = Barrier::new(UPLOADS);
    let request = HttpRequest::post(case.path).body(vec![b'x'; LENGTH]).bytes();
    std::thread::scope(|scope| {
        let upload = || {
            let connection = process.connect().with_patience(PATIENCE);
            let mut connection = connection.expect("a socket takes a timeout");
            together.wait();
            let began = Instant::now();
            connection.send(&request).expect("the server listens");
            let answer = connection.answer().expect("the server answers");
            assert!(answer.status < 300, "{}: {}", answer.status, answer.text());
            began.elapsed()
        };
        let clients: Vec<_> = (0..UPLOADS).map(|_| scope.spawn(upload)).collect();
        clients.into_iter().map(|client| client.join().expect("a client does not panic")).collect()
    })
}

/// Waits until every job is done, and gives how long after `begun` the last one was.
fn last_job(place: &Deployment, begun: tenfold::data::Timestamp) -> Duration {
    block_on(async {
        let reader = Reader::open(place).await;
        let last = loop {
            let finished = reader.finished().await.expect("the history can be read");
            if finished.len() == UPLOADS {
                break finished.into_iter().map(|job| job.finished_at).max();
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        reader.close().await;
        last.map(|last| last.duration_since(begun).unsigned_abs()).unwrap_or_default()
    })
}

/// Asks for something else all the time.
fn ping(process: &Process, watched: &UploadsMonitor) {
    let mut connection = process.connect();
    while !watched.over.load(Ordering::Acquire) {
        let began = Instant::now();
        let answer = connection.ask(&HttpRequest::get("/readyz")).expect("the server answers");
        assert_eq!(answer.status, 200);
        watched.pings.lock().unwrap_or_else(PoisonError::into_inner).push(began.elapsed());
        let_pass(PING_EVERY);
    }
}

/// Notes the most memory and the most requests in flight, without its own and the ping's.
fn watch(process: &Process, watched: &UploadsMonitor) {
    let mut connection = process.connect();
    while !watched.over.load(Ordering::Acquire) {
        watched.most_memory.fetch_max(process.memory("VmRSS"), Ordering::AcqRel);
        let in_flight = in_flight(&mut connection).saturating_sub(1);
        watched.most_in_flight.fetch_max(in_flight, Ordering::AcqRel);
        let_pass(Duration::from_millis(50));
    }
}

fn in_flight(connection: &mut HttpConnection) -> u64 {
    let metrics = connection.ask(&HttpRequest::get("/metrics")).expect("the server answers").text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("http_server_active_requests "));
    line.and_then(|count| count.parse().ok()).unwrap_or(0)
}
