//! More than the server can serve.

use std::time::Duration;

use tenfold_admission::{
    AdmissionController, AdmissionSettings, Admitted, ArrivalOutcome, Candidate, Flow, LimitSettings,
    RequestClass, ReturnOutcome, Settled,
};

use crate::simulation::{Simulation, Traffic, good, p99, settings, success, traffic};

/// The list of 1,000 users, in seconds.
const WORK: f64 = 0.0044;
const CORES: f64 = 2.0;
const CAPACITY: f64 = CORES / WORK;
const THREADS: usize = 2;

/// Twenty flows that send this many times the capacity together.
fn evenly(load: f64) -> Vec<Traffic> {
    (0..20).map(|flow| traffic(flow, load * CAPACITY / 20.0, WORK)).collect()
}

fn run(load: f64) -> Simulation {
    let mut simulation = Simulation::new(settings(THREADS), CORES, 7);
    simulation.run(&evenly(load), 20.0);
    simulation
}

#[test]
fn goodput_holds_at_two_five_and_ten_times_the_load() {
    let normal = p99(run(0.8).sent(5.0, 20.0));
    for (load, least) in [(2.0, 0.95), (5.0, 0.92), (10.0, 0.88)] {
        let overloaded = run(load);
        let goodput = good(overloaded.sent(5.0, 19.0)) / 14.0 / CAPACITY;
        assert!(goodput >= least, "{goodput:.3} at {load}x, limit {:?}", overloaded.limits.last());
        let slowest = p99(overloaded.sent(5.0, 19.0));
        assert!(slowest <= 3.0 * normal, "{slowest:.4} at {load}x, {normal:.4} at 0.8x");
    }
}

#[test]
fn below_its_capacity_the_server_refuses_next_to_nothing() {
    for load in [0.2, 0.5, 0.8] {
        let simulation = run(load);
        assert!(simulation.records.iter().all(|record| record.took.is_some()), "at {load}x");
    }
    let nearly = success(run(0.9).records.iter());
    assert!(nearly >= 0.99, "{nearly}");
}

#[test]
fn a_burst_of_a_hundred_requests_is_served_in_whole() {
    let mut simulation = Simulation::new(settings(THREADS), CORES, 7);
    let burst = traffic(1, 100_000.0, WORK);
    simulation.run(&[Traffic { to: 0.001, ..burst }], 1.0);
    assert!(simulation.records.len() > 70);
    assert_eq!(success(simulation.records.iter()), 1.0);
}

#[test]
fn a_long_overload_is_over_at_once_when_it_is_over() {
    let mut simulation = Simulation::new(settings(THREADS), CORES, 7);
    simulation.run(&evenly(10.0), 30.0);
    simulation.run(&evenly(0.7), 20.0);
    let second = success(simulation.sent(30.5, 31.5));
    assert!(second >= 0.99, "{second}");
    assert_eq!(success(simulation.sent(31.5, 49.0)), 1.0);
}

#[test]
fn what_waits_for_a_database_may_run_beside_more_than_the_floor() {
    // Twenty connections elsewhere: ten requests run at once without any of them being slower.
    let mut simulation = Simulation::new(settings(THREADS), 20.0, 7);
    simulation.computes = false;
    let capacity = 20.0 / 0.02;
    simulation.run(&[traffic(1, 0.9 * capacity, 0.02), traffic(2, 1.0, 0.02)], 30.0);
    let served = success(simulation.sent(5.0, 29.0));
    assert!(served >= 0.999, "{served}, limit {:?}", simulation.limits.last());
    let limit = *simulation.limits.last().expect("it ticked");
    assert!(limit >= 20, "{limit}");
}

#[test]
fn the_limit_is_learnt_anew_when_the_work_itself_becomes_slower() {
    let mut simulation = Simulation::new(settings(THREADS), CORES, 7);
    simulation.run(&evenly(0.5), 20.0);
    let slow: Vec<_> = (0..20).map(|flow| traffic(flow, 2.0 * CAPACITY / 5.0 / 20.0, WORK * 5.0)).collect();
    simulation.run(&slow, 40.0);
    let goodput = good(simulation.sent(30.0, 58.0)) / 28.0 / (CAPACITY / 5.0);
    assert!(goodput >= 0.95, "{goodput}");
}

#[test]
fn a_lasting_overload_does_not_pass_for_the_normal_state() {
    let mut simulation = Simulation::new(settings(THREADS), CORES, 7);
    simulation.run(&evenly(3.0), 60.0);
    let most = simulation.limits[200..].iter().max();
    assert!(most <= Some(&(THREADS * 8)), "{most:?}");
}

#[test]
fn cheap_and_dear_requests_are_each_compared_with_their_own() {
    let dear = Traffic { kind: 1, ..traffic(2, 0.35 * CORES / 0.05, 0.05) };
    let cheap = traffic(1, 0.35 * CORES / 0.0005, 0.0005);
    let mut simulation = Simulation::new(settings(THREADS), CORES, 7);
    simulation.run(&[cheap, dear], 30.0);
    assert!(success(simulation.records.iter()) >= 0.999, "{}", success(simulation.records.iter()));
}

#[test]
fn clients_that_send_again_do_not_keep_the_server_down() {
    let mut simulation = Simulation::new(settings(THREADS), CORES, 7);
    let storm: Vec<_> = evenly(10.0).into_iter().map(|one| Traffic { retries: 3, ..one }).collect();
    simulation.run(&storm, 15.0);
    simulation.run(&evenly(0.7), 20.0);
    // The last of them is sent again twelve seconds after it was first refused.
    let (meanwhile, after) = (success(simulation.sent(25.0, 28.0)), success(simulation.sent(28.0, 34.0)));
    assert!(meanwhile >= 0.9, "{meanwhile}");
    assert!(after >= 0.999, "{after}");
}

#[test]
fn under_overload_the_newest_of_a_lane_goes_first() {
    let limit = LimitSettings::fixed(1);
    let mut controller = AdmissionController::new(AdmissionSettings { limit, ..settings(1) }, 7);
    let candidate = Candidate { class: RequestClass::Normal, flow: Flow(1), kind: 0 };
    let at = Duration::from_millis;
    let ArrivalOutcome::Admitted(first) = controller.arrive(at(0), candidate, |_| 0) else {
        panic!("nothing runs")
    };
    assert!(matches!(controller.arrive(at(0), candidate, |_| 0), ArrivalOutcome::Waits(_)));
    controller.tick(at(501), Duration::ZERO);
    assert!(matches!(controller.settle(at(501)), Some(Settled::Refused(0))));
    assert!(controller.figures().is_overloaded);
    // Two for each of the eight lanes of its hand.
    for number in 1..=16 {
        let arrived = controller.arrive(at(501 + number), candidate, |_| number);
        assert!(matches!(arrived, ArrivalOutcome::Waits(_)));
    }
    controller.finish(at(520), &first, None);
    let next = controller.settle(at(520));
    assert!(matches!(next, Some(Settled::Admitted(9.., _))), "{next:?}");
}

#[test]
fn what_goes_on_goes_before_what_has_not_begun() {
    let limit = LimitSettings::fixed(8);
    let mut controller = AdmissionController::new(AdmissionSettings { limit, ..settings(1) }, 7);
    let now = Duration::ZERO;
    let begin = |controller: &mut AdmissionController<u64>, flow: u64| {
        let candidate = Candidate { class: RequestClass::Normal, flow: Flow(flow), kind: 0 };
        controller.arrive(now, candidate, |_| 0)
    };
    let eight = |controller: &mut AdmissionController<u64>, flow| -> Vec<Admitted> {
        let all = (0..8).map(|_| match begin(controller, flow) {
            ArrivalOutcome::Admitted(admitted) => admitted,
            other => panic!("{other:?}"),
        });
        all.collect()
    };
    let paused = eight(&mut controller, 1);
    paused.iter().for_each(|one| controller.pause(one));
    let running = eight(&mut controller, 2);
    // Two for each lane of its hand, and then one that was paused for each.
    for _ in 0..16 {
        assert!(matches!(begin(&mut controller, 1), ArrivalOutcome::Waits(_)));
    }
    for one in &paused {
        assert!(matches!(controller.come_back(now, one, |_| 1), ReturnOutcome::Waits(_)));
    }
    for one in &running {
        controller.finish(now, one, None);
        let next = controller.settle(now);
        assert!(matches!(next, Some(Settled::Returned(1, _))), "{next:?}");
    }
}
