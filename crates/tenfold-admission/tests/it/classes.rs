//! What matters more goes first.

use tenfold_admission::RequestClass;

use crate::simulation::{Simulation, Traffic, settings, success, traffic};

const WORK: f64 = 0.0044;
const CORES: f64 = 2.0;
const CAPACITY: f64 = CORES / WORK;

#[test]
fn a_flood_of_best_effort_leaves_the_rest_alone() {
    let flood = Traffic { class: RequestClass::BestEffort, ..traffic(1, 10.0 * CAPACITY, WORK) };
    let critical = Traffic { class: RequestClass::Critical, ..traffic(2, 10.0, 0.0001) };
    let normal: Vec<_> = (10..30).map(|flow| traffic(flow, 0.4 * CAPACITY / 20.0, WORK)).collect();
    let mut simulation = Simulation::new(settings(2), CORES, 7);
    simulation.run(&[vec![flood, critical], normal].concat(), 30.0);
    let of = |class| simulation.sent(2.0, 29.0).filter(move |record| record.class == class);
    assert_eq!(success(of(RequestClass::Critical)), 1.0);
    assert!(success(of(RequestClass::Normal)) >= 0.999, "{}", success(of(RequestClass::Normal)));
    let served = of(RequestClass::BestEffort).filter(|record| record.took.is_some()).count() as f64 / 27.0;
    assert!(served >= 0.3 * CAPACITY, "what is left is used: {served}");
}
