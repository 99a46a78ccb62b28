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
    let mut simulation = Simulation::new(settings(2), CORES, 7);
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
fn a_flow_that_is_large_is_served_while_there_is_room() {
    let mut all: Vec<Traffic> = (1..20).map(|flow| traffic(flow, 0.01 * CAPACITY, WORK)).collect();
    all.push(traffic(NOISY, 0.65 * CAPACITY, WORK));
    let mut simulation = Simulation::new(settings(2), CORES, 7);
    simulation.run(&all, 30.0);
    let served = success(simulation.sent(5.0, 29.0));
    assert!(served >= 0.999, "{served}");
}

#[test]
fn a_large_flow_is_served_although_the_machine_stands_still_now_and_then() {
    // Each request waits for the database for most of its time.
    let mut all: Vec<Traffic> = (1..20).map(|flow| traffic(flow, 37.0, 0.011)).collect();
    all.push(traffic(NOISY, 240.0, 0.011));
    let mut simulation = Simulation::new(settings(2), 40.0, 7);
    (simulation.computes, simulation.stands_still) = (false, Some(8));
    simulation.run(&all, 30.0);
    let served = success(simulation.sent(5.0, 29.0));
    assert!(served >= 0.999, "{served}");
}

#[test]
fn beside_a_flow_that_asks_for_too_much_few_others_wait_long() {
    // A page takes a tenth of a list.
    let pages = (1..20).map(|flow| Traffic { kind: 1, ..traffic(flow, 5.0, WORK / 10.0) });
    let lists = traffic(NOISY, 2.0 * CAPACITY, WORK);
    let mut simulation = Simulation::new(settings(2), CORES, 7);
    simulation.run(&pages.chain([lists]).collect::<Vec<_>>(), 30.0);
    let most = simulation.running_at_once[100..].iter().max();
    assert!(most <= Some(&5), "others wait behind {most:?}");
    let lists = simulation.sent(5.0, 29.0).filter(|record| record.flow == NOISY && record.is_good()).count();
    assert!(lists as f64 / 24.0 >= 0.9 * 0.95 * CAPACITY, "nothing is left idle: {lists}");
}

#[test]
fn a_flow_that_is_alone_has_the_whole_server() {
    let mut simulation = Simulation::new(settings(2), CORES, 7);
    simulation.run(&[traffic(1, 2.0 * CAPACITY, WORK)], 20.0);
    let served = good(simulation.sent(5.0, 19.0)) / 14.0;
    assert!(served >= 0.95 * CAPACITY, "{served}");
}
