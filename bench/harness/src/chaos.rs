//! Several clients upload while processes are killed at random moments; a verdict follows the last restart.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tenfold::data::Clock;

use crate::fleet::{Address, Fleet, Layout};
use crate::found::{Evidence, Reader, incoming};
use crate::ledger::{Entry, Ledger};
use crate::process::{block_on, let_pass, pause};
use crate::random::Random;
use crate::verdict::{Kill, Verdict};
use crate::wire::{HttpConnection, HttpRequest};
use crate::{Deployment, content};

/// A blob without a row counts as an orphan after this time, and the space that a killed upload reserved is released
/// after as long, so that the verdict need not wait an hour.
///
/// All uploads count into one organization's row, one after the other. On a machine that is busy with other tests a
/// transaction may wait for longer than its usual 3 s, and for a connection for longer than 5 s, and its upload is refused,
/// which says nothing about a kill.
const SETTINGS: [(&str, &str); 6] = [
    ("TENFOLD_FILES__ORPHAN_AFTER", "10s"),
    ("TENFOLD_FILES__RESERVATION_LEASE", "10s"),
    ("TENFOLD_FILES__MAX_SIZE", "1 TiB"),
    ("TENFOLD_DATABASE__TRANSACTION_LIMIT", "30s"),
    ("TENFOLD_DATABASE__ACQUIRE_TIMEOUT", "60s"),
    ("TENFOLD_DATABASE__CONNECT_TIMEOUT", "60s"),
];
/// How often the store is swept after the last kill.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// The longest pause between a restart and the next kill.
const LONGEST_LIFE: Duration = Duration::from_millis(700);
/// Without any progress for this long after the last restart, the backend counts as stuck. Longer than any pause of a
/// job that was killed a few times.
const PATIENCE: Duration = Duration::from_secs(120);

/// What happens at random moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadFault {
    /// Processes are killed and started again.
    Kills,
    /// PostgreSQL ends all connections. Requests that it catches may be refused.
    EndedConnections,
}

/// The plan of a run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What happens.
    pub fault: UploadFault,
    /// Uploads that must be acknowledged.
    pub uploads: usize,
    /// How often it happens.
    pub kills: usize,
    /// Clients at once.
    pub clients: usize,
    /// The seed of the moments and the bytes.
    pub seed: u64,
    /// Which process runs the jobs.
    pub layout: Layout,
    /// Damages the outcome before the verdict, to show that the verdict notices.
    pub sabotage: bool,
}

/// The state that the clients share.
struct Uploads {
    plan: Plan,
    address: Address,
    token: String,
    ledger: Ledger,
    clock: Clock,
    /// How many uploads may have started so far: this spreads them over the kills.
    released: AtomicUsize,
    /// The number of the next upload.
    next: AtomicUsize,
    /// Answers other than 202. A kill does not excuse them.
    refused: AtomicUsize,
    /// Set when the killing thread has panicked: the server will not be restarted.
    given_up: AtomicBool,
}

/// Lets the clients end, however the killing thread ends.
struct Release<'a>(&'a Uploads);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.given_up.store(std::thread::panicking(), Ordering::Release);
        self.0.released.store(usize::MAX, Ordering::Release);
    }
}

/// Runs the plan and returns the verdict.
///
/// # Panics
/// When a process does not restart, or a client gets an answer other than 202.
pub fn run(place: &Deployment, plan: Plan) -> Verdict {
    let mut fleet = Fleet::start(place, plan.layout, &SETTINGS);
    let uploads = Uploads {
        plan,
        address: fleet.address(),
        token: sign_up(&fleet.address()),
        ledger: Ledger::default(),
        clock: Clock::system(),
        released: AtomicUsize::new(0),
        next: AtomicUsize::new(0),
        refused: AtomicUsize::new(0),
        given_up: AtomicBool::new(false),
    };
    let mut kills = Vec::new();
    std::thread::scope(|scope| {
        for client in 0..plan.clients {
            let uploads = &uploads;
            scope.spawn(move || uploads.send_all(client));
        }
        let _released_at_the_end = Release(&uploads);
        strike_again_and_again(place, &mut fleet, &uploads, &mut kills);
    });
    wait_until_quiet(place, &uploads);
    if plan.sabotage {
        sabotage(place, &uploads.ledger);
    }
    let found = Evidence::gather(place, &uploads.address.get(), &uploads.token);
    let mut verdict = Verdict::of(&uploads.ledger.entries(), &kills, &found);
    let refused = uploads.refused.load(Ordering::Acquire);
    if refused > 0 && plan.fault == UploadFault::Kills {
        verdict.strays.push(format!("{refused} uploads were refused\n{}", fleet.server().err()));
    }
    verdict
}

fn sign_up(address: &Address) -> String {
    let person = json!({"email": "ada@example.test", "password": "correct-horse-battery-staple", "organization": "ada"});
    let mut connection = HttpConnection::open(&address.get()).expect("the server listens");
    let answer = connection.ask(&HttpRequest::post("/v1/auth/sign-up").json(&person)).expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["token"].as_str().expect("a session has a token").to_owned()
}

fn strike_again_and_again(
    place: &Deployment,
    fleet: &mut Fleet<'_>,
    uploads: &Uploads,
    kills: &mut Vec<Kill>,
) {
    let mut random = Random::new(uploads.plan.seed);
    for number in 1..=uploads.plan.kills {
        let released = uploads.plan.uploads * number / uploads.plan.kills;
        uploads.released.store(released, Ordering::Release);
        let life = Duration::from_micros(random.below(LONGEST_LIFE.as_micros() as u64));
        // There is no condition to wait for: the random moment is the point.
        let_pass(life);
        let victims = uploads.plan.layout.choose(&mut random);
        let at = uploads.clock.now();
        match uploads.plan.fault {
            UploadFault::Kills => {
                fleet.kill(victims);
                fleet.restart(victims);
            }
            UploadFault::EndedConnections => place.end_connections(),
        }
        kills.push(Kill { at, ready: uploads.clock.now(), of_jobs: uploads.plan.layout.run_jobs(victims) });
    }
}

impl Uploads {
    /// Uploads what is released, until everything is acknowledged.
    fn send_all(&self, client: usize) {
        let mut connection = None;
        loop {
            let number = self.next.fetch_add(1, Ordering::AcqRel);
            if number >= self.plan.uploads {
                return;
            }
            while number >= self.released.load(Ordering::Acquire) {
                pause();
            }
            let bytes = content::of(number, self.plan.seed);
            for attempt in 1.. {
                // Each attempt has its own name: the previous one may have been stored without an answer.
                let name = format!("upload-{number}-attempt-{attempt}-client-{client}");
                if let Some(entry) = self.send(&mut connection, &name, &bytes) {
                    self.ledger.note(entry);
                    break;
                }
                if self.given_up.load(Ordering::Acquire) {
                    return;
                }
                pause();
            }
        }
    }

    /// One attempt; `None` when there is no answer.
    fn send(&self, connection: &mut Option<HttpConnection>, name: &str, bytes: &[u8]) -> Option<Entry> {
        let mut open = connection.take().or_else(|| HttpConnection::open(&self.address.get()).ok())?;
        let request = HttpRequest::post(&format!("/v1/files?name={name}")).bearer(&self.token).body(bytes);
        let answer = open.ask(&request).ok()?;
        let at = self.clock.now();
        if answer.status != 202 {
            self.refused.fetch_add(1, Ordering::AcqRel);
            return None;
        }
        *connection = Some(open);
        let id = answer.json()["id"].as_str()?.to_owned();
        let (name, size) = (name.to_owned(), bytes.len() as u64);
        Some(Entry { id, name, sha256: content::sha256(bytes), size, at })
    }
}

/// Waits until nothing is left in the queue, and sweeps have deleted all leftovers. If that never happens, the verdict
/// reports it.
fn wait_until_quiet(place: &Deployment, uploads: &Uploads) {
    block_on(async {
        let reader = Reader::open(place).await;
        let mut give_up = uploads.clock.now() + PATIENCE;
        let (mut left, mut next_sweep) = (usize::MAX, uploads.clock.now());
        while uploads.clock.now() < give_up {
            let queued = reader.queued().await.expect("the queue can be read").len();
            if queued == 0 && incoming(place).is_empty() && !has_orphans(place, uploads) {
                break;
            }
            if uploads.clock.now() >= next_sweep {
                reader.sweep().await.expect("a job can be enqueued");
                next_sweep = uploads.clock.now() + SWEEP_EVERY;
            }
            if queued < left {
                (left, give_up) = (queued, uploads.clock.now() + PATIENCE);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        reader.close().await;
    });
}

fn has_orphans(place: &Deployment, uploads: &Uploads) -> bool {
    let mut connection = HttpConnection::open(&uploads.address.get()).expect("the server listens");
    let files = crate::found::list(&mut connection, &uploads.token, "/v1/files");
    let is_known = |name: &str| files.iter().any(|file| file["id"].as_str() == Some(name));
    let names = Evidence::names_in_store(place);
    names.iter().any(|name| !is_known(name.trim_end_matches(".thumbnail")))
}

/// Deletes one file's bytes, and claims an upload that never happened.
fn sabotage(place: &Deployment, ledger: &Ledger) {
    let Some(entry) = ledger.entries().pop() else { return };
    let store = std::fs::read_dir(place.work().join("data/blobs")).expect("the store can be read");
    for folder in store.flatten() {
        // Only one of the folders has it.
        let _ = std::fs::remove_file(folder.path().join(&entry.id));
    }
    ledger.note(Entry { id: "never-stored".to_owned(), ..entry });
}
