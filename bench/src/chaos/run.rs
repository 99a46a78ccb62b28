//! Clients enqueue jobs while a fault happens again and again; the ledger is judged when nothing more is done.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use harness::Deployment;
use harness::process::let_pass;
use harness::random::Random;
use harness::wire::{HttpConnection, HttpRequest};
use tenfold::data::{Clock, Dialect};

use super::faults::{ChaosFault, TargetProcesses};
use super::ledger::{AcceptedJob, FaultVerdict, Strike};
use super::with_recovery;
use crate::place::PostgresServer;
use crate::report::ReportRow;

/// Within this time a job goes on after a fault.
const SOON: Duration = Duration::from_secs(10);
/// The noisy organization's jobs have numbers from here on.
const NOISE: i64 = 1_000_000;
/// How many jobs it enqueues in a transaction.
const NOISE_AT_ONCE: i64 = 1_000;

/// A run.
#[derive(Clone, Copy)]
pub struct FaultPlan {
    fault: ChaosFault,
    seed: u64,
    /// How often the fault happens, if it is a moment and no state.
    strikes: usize,
    /// How long clients enqueue, if it is a state.
    span: Duration,
    /// Jobs of the noisy organization.
    noise: i64,
    /// Claims a job that never was, to show that the verdict notices.
    pub sabotage: bool,
}

impl FaultPlan {
    /// The usual run of a fault.
    pub fn of(fault: ChaosFault, seed: u64, quick: bool) -> Self {
        let is_state =
            matches!(fault, ChaosFault::PoolExhausted | ChaosFault::ServerAhead | ChaosFault::Noisy);
        let strikes = match (is_state, fault, quick) {
            (true, ..) => 0,
            (_, ChaosFault::Poison, _) | (.., true) => 1,
            _ => 4,
        };
        // A wrong clock shows when the others look for lost leases, a lease of 5 s after the first look.
        let is_clock = matches!(fault, ChaosFault::ClockAhead | ChaosFault::ServerAhead);
        let seconds = match (is_clock, quick) {
            (true, _) => 12,
            (false, true) => 2,
            (false, false) => 6,
        };
        let noise = if fault == ChaosFault::Noisy { if quick { 4_000 } else { 20_000 } } else { 0 };
        FaultPlan { fault, seed, strikes, span: Duration::from_secs(seconds), noise, sabotage: false }
    }
}

/// What clients share.
struct Enqueuers {
    fault: ChaosFault,
    address: Mutex<String>,
    clock: Clock,
    next: AtomicI64,
    accepted: Mutex<Vec<AcceptedJob>>,
    refused: AtomicUsize,
    over: AtomicBool,
}

/// Lets the clients end, however the others end.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Runs the plan.
///
/// # Errors
/// When a fault cannot be made, or the database cannot be read afterwards.
pub fn torment_jobs(
    place: &Deployment,
    plan: &FaultPlan,
    server: Option<&PostgresServer>,
) -> anyhow::Result<FaultVerdict> {
    let mut targets = TargetProcesses::start(place, plan.fault);
    let enqueuers = Enqueuers {
        fault: plan.fault,
        address: Mutex::new(targets.address().to_owned()),
        clock: Clock::system(),
        next: AtomicI64::new(1),
        accepted: Mutex::default(),
        refused: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    };
    for first in (0..plan.noise).step_by(NOISE_AT_ONCE as usize) {
        enqueuers.enqueue(&mut None, 100, NOISE + first, NOISE_AT_ONCE.min(plan.noise - first), 10);
    }
    let strikes = std::thread::scope(|scope| {
        for client in 0..plan.fault.clients() {
            let enqueuers = &enqueuers;
            scope.spawn(move || enqueuers.go_on(client));
        }
        let _over = Over(&enqueuers.over);
        strike_again_and_again(&mut targets, plan, &enqueuers, server)
    })?;
    let mut accepted = std::mem::take(&mut *lock(&enqueuers.accepted));
    if plan.sabotage {
        // Nobody has enqueued it.
        accepted.push(AcceptedJob { number: -1, at: enqueuers.clock.now() });
    }
    let watched = |number| number < NOISE;
    let revive = || {
        targets.revive();
    };
    let mut outcome = FaultVerdict::judge(place, &accepted, watched, &strikes, revive)?;
    outcome.refused = enqueuers.refused.load(Ordering::Acquire);
    Ok(outcome)
}

fn strike_again_and_again(
    targets: &mut TargetProcesses<'_>,
    plan: &FaultPlan,
    enqueuers: &Enqueuers,
    server: Option<&PostgresServer>,
) -> anyhow::Result<Vec<Strike>> {
    let mut random = Random::new(plan.seed);
    let mut strikes = Vec::new();
    for _ in 0..plan.strikes {
        // There is no condition to wait for: the random moment is the point.
        let life = Duration::from_millis(500 + random.below(1_500));
        let_pass(life);
        if plan.fault == ChaosFault::Poison {
            enqueuers.poison();
        }
        let at = enqueuers.clock.now();
        targets.strike(server)?;
        *lock(&enqueuers.address) = targets.address().to_owned();
        // Where the others can go on at once, they need not wait for the end of it.
        let ready = if plan.fault.others_go_on() { at } else { enqueuers.clock.now() };
        strikes.push(Strike { at, ready });
    }
    let until = enqueuers.clock.now() + plan.span;
    while enqueuers.clock.now() < until {
        targets.revive();
        let_pass(Duration::from_millis(20));
    }
    Ok(strikes)
}

impl Enqueuers {
    /// Enqueues job after job.
    fn go_on(&self, client: usize) {
        let mut connection = None;
        let takes = self.fault.job_takes();
        while !self.over.load(Ordering::Acquire) {
            // A number is used once: without an answer its job may be stored.
            let number = self.next.fetch_add(1, Ordering::AcqRel);
            let millis = takes.as_millis() as u64;
            if !self.enqueue(&mut connection, client, number, 1, millis) {
                self.refused.fetch_add(1, Ordering::AcqRel);
            }
            // A third of what eight jobs at once can do.
            let pause = if self.fault == ChaosFault::PoolExhausted { takes / 2 } else { takes * 3 / 2 };
            let_pass(pause);
        }
    }

    /// Whether jobs were acknowledged; they are noted then.
    fn enqueue(
        &self,
        connection: &mut Option<HttpConnection>,
        organization: usize,
        first: i64,
        count: i64,
        millis: u64,
    ) -> bool {
        let path = format!("/jobs?organization={organization}&first={first}&count={count}&pause_ms={millis}");
        let open = connection.take().or_else(|| HttpConnection::open(&lock(&self.address)).ok());
        let answered = open.and_then(|mut open| Some((open.ask(&HttpRequest::post(&path)).ok()?, open)));
        let Some((answer, open)) = answered else { return false };
        *connection = Some(open);
        if answer.status != 202 {
            return false;
        }
        let at = self.clock.now();
        lock(&self.accepted).extend((first..first + count).map(|number| AcceptedJob { number, at }));
        true
    }

    fn poison(&self) {
        let address = lock(&self.address).clone();
        let answer =
            HttpConnection::open(&address).and_then(|mut open| open.ask(&HttpRequest::post("/poison")));
        assert_eq!(answer.expect("the server answers").status, 202);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FaultVerdict {
    /// Whether every promise was kept.
    pub fn is_clean(&self, fault: ChaosFault) -> bool {
        let poison = usize::from(fault == ChaosFault::Poison);
        (self.lost, self.duplicated, self.left_over, self.poison) == (0, 0, 0, poison)
    }

    /// Its row.
    pub fn row(&self, dialect: Dialect, plan: &FaultPlan) -> ReportRow {
        let row = ReportRow::new("chaos", dialect, &plan.fault.name())
            .with("strikes", plan.strikes)
            .with("accepted", self.accepted)
            .with("effected", self.accepted - self.lost)
            .with("lost", self.lost)
            .with("duplicated", self.duplicated)
            .with("strays", self.left_over)
            .with("refused", self.refused)
            .with("repeated", self.repeated)
            .with("caught", self.recovery.len())
            .with("late", self.recovery.iter().filter(|time| **time > SOON).count());
        with_recovery(row, &self.recovery)
    }
}
