//! One flow of many that asks for far more than its share.

use crate::simulation::{RequestRecord, Simulation, Traffic, good, p99, settings, success, traffic};

const WORK: f64 = 0.0044;
const CORES: f64 = 2.0;
const CAPACITY: f64 = CORES / WORK;
/// Which of the hundred.
const NOISY: u64 = 0;

/// Ninety-nine flows that use 80 % of the server, and one that asks for this many times as much as each of them.
fn run(times: f64) -> Simulation {
    let share = 0.8 * CAPACITY / 100.0;
    let mut all: Vec<Traffic> = (1..100).map(|flow| traffic(flow, share, WORK)).collect();
    if times > 0.0 {
        all.push(traffic(NOISY, times * share, WORK));
    }
    let mut simulation = Simulation::new(settings(4), CORES, 7);
    simulation.run(&all, 30.0);
    simulation
}

fn others(simulation: &Simulation) -> impl Iterator<Item = &RequestRecord> {
    simulation.sent(5.0, 29.0).filter(|record| record.flow != NOISY)
}

#[test]
fn a_flow_at_fifty_times_its_share_is_contained() {
    let (alone, beside) = (run(0.0), run(50.0));
    let served = success(others(&beside));
    let of_noisy = success(beside.sent(5.0, 29.0).filter(|record| record.flow == NOISY));
    let (alone, beside) = (p99(others(&alone)), p99(others(&beside)));
    assert!(served >= 0.999, "{served}");
    // The aim is 1.5; decision 68 says why it is missed.
    assert!(beside <= 2.0 * alone, "{beside} beside it, {alone} without it");
    assert!(of_noisy >= 0.2, "what is left is the noisy one's: {of_noisy}");
}

#[test]
fn a_flow_that_is_alone_has_the_whole_server() {
    let mut simulation = Simulation::new(settings(4), CORES, 7);
    simulation.run(&[traffic(1, 2.0 * CAPACITY, WORK)], 20.0);
    let served = good(simulation.sent(5.0, 19.0)) / 14.0;
    assert!(served >= 0.95 * CAPACITY, "{served}");
}
