//! What others see of the server while it is attacked.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use harness::process::{Process, let_pass};
use harness::wire::{HttpConnection, HttpRequest};

/// How often the health check is asked for, and the other organization's list.
const EVERY: Duration = Duration::from_millis(50);
/// What takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was seen.
pub struct Onlooked {
    pub most_memory: u64,
    pub health: Asked,
    pub others: Asked,
}

/// What became of requests that were sent one after the other.
#[derive(Default)]
pub struct Asked {
    /// How long those took that were answered.
    pub served: Vec<Duration>,
    pub refused: u64,
    pub failed: u64,
}

impl Asked {
    /// How many of them were served, of 1.
    pub fn share(&self) -> f64 {
        let all = self.served.len() as u64 + self.refused + self.failed;
        self.served.len() as f64 / all.max(1) as f64
    }
}

/// Asks again and again, each time on a connection of its own, as a probe does.
fn ask(process: &Process, request: &HttpRequest, is_over: &AtomicBool) -> Asked {
    let mut asked = Asked::default();
    while !is_over.load(Ordering::Acquire) {
        let began = Instant::now();
        let answer = HttpConnection::open(process.address())
            .and_then(|connection| connection.with_patience(PATIENCE))
            .and_then(|mut connection| connection.ask(request));
        match answer {
            Ok(answer) if answer.status == 200 => asked.served.push(began.elapsed()),
            Ok(_) => asked.refused += 1,
            Err(_) => asked.failed += 1,
        }
        let_pass(EVERY);
    }
    asked
}

/// Runs `attack`, and watches the server's memory, its health check, and what another organization gets meanwhile.
pub fn look_on(process: &Process, list: &HttpRequest, attack: impl FnOnce()) -> Onlooked {
    let (is_over, most_memory) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let health = scope.spawn(|| ask(process, &HttpRequest::get("/healthz"), &is_over));
        let others = scope.spawn(|| ask(process, list, &is_over));
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                most_memory.fetch_max(process.memory("VmRSS"), Ordering::AcqRel);
                let_pass(EVERY);
            }
        });
        attack();
        is_over.store(true, Ordering::Release);
        let (health, others) = (health.join().expect("it only asks"), others.join().expect("it only asks"));
        Onlooked { most_memory: most_memory.load(Ordering::Acquire), health, others }
    })
}
