//! What is measured of the server while it is loaded, and after.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use harness::process::{Process, let_pass, wait_at_most};
use harness::wire::HttpRequest;
use serde_json::json;

use crate::report::quantile;

/// Connections that ask again as soon as they are answered.
const CLOSED_LOOP: usize = 8;
/// How often the health check is asked for.
const CHECK_EVERY: Duration = Duration::from_millis(50);
/// The unit of times in `/proc/PID/stat`, on every Linux of today.
const TICKS_A_SECOND: f64 = 100.0;
/// This many answers in a row say that the server serves again.
const IN_A_ROW: usize = 20;

/// What was seen of a server under load.
pub struct Watched {
    pub most_memory: u64,
    /// Of health checks, those that were not answered or not well included.
    pub health_p99: Duration,
    /// Health checks that were not answered, or not well: a server behind other layers may answer 503.
    pub health_failed: u64,
}

/// The list, as the demo's owner asks for it.
pub fn list(process: &Process) -> HttpRequest {
    let credentials = json!({"email": "owner@acme.test", "password": "tenfold-demo"});
    // Under overload, the sign-in is refused like anything else.
    let signed_in = wait_at_most(Duration::from_secs(60), || {
        let answer = process.connect().ask(&HttpRequest::post("/v1/auth/sign-in").json(&credentials)).ok()?;
        (answer.status == 200).then_some(answer)
    });
    let session = signed_in.expect("the demo's owner can sign in").json();
    HttpRequest::get("/v1/users?limit=1000").bearer(session["token"].as_str().unwrap_or_default())
}

/// How many lists a second the server gives to a few connections that wait for their answers.
pub fn saturation(process: &Process, seconds: u32) -> f64 {
    let request = list(process);
    let (answers, span) = (AtomicU64::new(0), Duration::from_secs(u64::from(seconds)));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CLOSED_LOOP {
            scope.spawn(|| {
                let mut connection = process.connect();
                while began.elapsed() < span {
                    if connection.ask(&request).expect("the server answers").status == 200 {
                        answers.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    answers.into_inner() as f64 / began.elapsed().as_secs_f64()
}

/// Runs `load`, and watches the server's memory and its health check meanwhile.
pub fn watch<T>(process: &Process, load: impl FnOnce() -> T) -> (T, Watched) {
    let (is_over, most_memory) = (AtomicBool::new(false), AtomicU64::new(0));
    let (checks, failed): (Mutex<Vec<Duration>>, AtomicU64) = (Mutex::default(), AtomicU64::new(0));
    let done = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut connection = process.connect();
            while !is_over.load(Ordering::Acquire) {
                most_memory.fetch_max(process.memory("VmRSS"), Ordering::AcqRel);
                let began = Instant::now();
                let answer = connection.ask(&HttpRequest::get("/healthz"));
                if !answer.as_ref().is_ok_and(|answer| answer.status == 200) {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
                if answer.is_err() {
                    connection = process.connect();
                }
                checks.lock().expect("nobody panics with it").push(began.elapsed());
                let_pass(CHECK_EVERY);
            }
        });
        let done = load();
        is_over.store(true, Ordering::Release);
        done
    });
    let checks = checks.into_inner().expect("nobody panicked with it");
    let health_p99 = quantile(&checks, 0.99).unwrap_or_default();
    (done, Watched { most_memory: most_memory.into_inner(), health_p99, health_failed: failed.into_inner() })
}

/// How long after the load the server begins to answer every request, each within a second.
pub fn recovery(process: &Process) -> Duration {
    let (began, request) = (Instant::now(), list(process));
    let mut connection = process.connect();
    let (mut served, mut since) = (0, began.elapsed());
    while served < IN_A_ROW && began.elapsed() < Duration::from_secs(120) {
        let sent = Instant::now();
        let answer = connection.ask(&request);
        let is_good = answer.is_ok_and(|answer| answer.status == 200) && sent.elapsed().as_secs() == 0;
        if is_good {
            served += 1;
        } else {
            (served, since) = (0, began.elapsed());
            connection = process.connect();
        }
    }
    since
}

/// The CPU time that the process has used.
pub fn cpu_seconds(process: &Process) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap_or_default();
    // After the name, which may have spaces: the 14th and 15th field of proc(5).
    let fields: Vec<f64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse().ok())
        .collect();
    fields.iter().sum::<f64>() / TICKS_A_SECOND
}
