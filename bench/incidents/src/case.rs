//! One fault among innocent changes, and days without one.

use std::time::{Duration, Instant};

use tenfold_why::{ChangeKind, Diagnosis, DiagnosisState, diagnose};

use crate::fault::{FaultKind, InjectedFault};
use crate::world::{ENDPOINTS, START_S, World, organization};

/// How many seconds the question comes after the onset.
pub const LATER_S: i64 = 90;
/// How many seconds of traffic there are before it.
const BEFORE_S: i64 = 600;

/// What was asked, what is true, and what was answered.
pub struct CaseOutcome {
    /// The application.
    pub world: World,
    /// The truth.
    pub fault: InjectedFault,
    /// The answer.
    pub answer: Diagnosis,
    /// How long it took.
    pub took: Duration,
}

/// Injects a fault that the seed chooses, and asks what is wrong.
pub fn run_case(kind: FaultKind, seed: u64) -> CaseOutcome {
    let mut world = World::new(seed, 20.0);
    let onset = START_S + BEFORE_S + world.random.below(60) as i64;
    let fault = world.choose(kind, onset);
    let lead = 1 + world.random.below(6) as i64;
    if let Some(cause) = kind.cause().filter(|cause| *cause != ChangeKind::Surge) {
        world.note(cause, "the cause", onset - lead);
    }
    // What is innocent: a deploy long before, a job soon after, a surge of somebody else elsewhere.
    world.note(ChangeKind::Deploy, "innocent", onset - 300);
    world.note(ChangeKind::Job, "innocent", onset + 10);
    let elsewhere = (fault.endpoint + 1 + world.random.below(ENDPOINTS - 1)) % ENDPOINTS;
    world.innocent = Some((organization(29), elsewhere, onset - 40, onset + 200));
    for second in START_S..onset + LATER_S {
        world.second(second, 1.0, Some(&fault));
    }
    let began = Instant::now();
    let answer = diagnose(&world.journal, None, (onset + LATER_S) * 1_000_000);
    CaseOutcome { world, fault, answer, took: began.elapsed() }
}

/// The verdicts of a day without a fault, with quiet and busy hours, innocent deploys, jobs and surges, asked every ten
/// minutes: each one is a false alarm.
pub fn false_alarms(seed: u64, rate: f64) -> Vec<String> {
    let mut world = World::new(seed, rate);
    let mut alarms = Vec::new();
    for second in START_S..START_S + 86_400 {
        let hour = (second - START_S) as f64 / 3_600.0;
        if second % 7_200 == 0 {
            world.note(ChangeKind::Deploy, "innocent", second);
        }
        if second % 10_800 == 0 {
            world.innocent = Some((organization(9), world.random.below(ENDPOINTS), second, second + 600));
        }
        world.second(second, 1.0 + 0.6 * (hour / 24.0 * std::f64::consts::TAU).sin(), None);
        if second % 600 == 599 {
            let answer = diagnose(&world.journal, None, second * 1_000_000);
            if answer.state != DiagnosisState::NoIncident {
                alarms.push(format!("seed {seed}, hour {hour:.2}: {}", answer.verdict));
            }
        }
    }
    alarms
}
