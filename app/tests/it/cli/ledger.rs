//! Every upload that was answered with 202 has its effects, and has them once, after twenty times `kill -9`, and after
//! PostgreSQL has ended all connections again and again.

use harness::chaos::{Plan, UploadFault, run};
use harness::fleet::Layout;
use tenfold::data::Clock;

use super::in_both_places;
use super::place::Place;

fn assert_every_promise_is_kept(place: &Place, layout: Layout) {
    // Other moments in every run; a run that fails says its seed.
    let seed = Clock::system().now().as_microsecond().unsigned_abs();
    let fault = UploadFault::Kills;
    let plan = Plan { fault, uploads: 200, kills: 20, clients: 8, seed, layout, sabotage: false };
    let verdict = run(place, plan);
    assert!(verdict.is_clean(), "--seed {seed}, {}:\n{}", layout.name(), verdict.complaints());
    assert_eq!((verdict.accepted, verdict.effected), (200, 200));
}

in_both_places!(fn two_hundred_uploads_outlive_twenty_kills_of_a_server_with_its_worker_inside(place) {
    assert_every_promise_is_kept(place, Layout::Inside);
});

in_both_places!(fn two_hundred_uploads_outlive_twenty_kills_of_a_server_and_a_worker_beside_it(place) {
    assert_every_promise_is_kept(place, Layout::Outside);
});

#[test]
fn uploads_outlive_ended_postgres_connections() {
    let seed = Clock::system().now().as_microsecond().unsigned_abs();
    let (fault, layout) = (UploadFault::EndedConnections, Layout::Outside);
    let plan = Plan { fault, uploads: 60, kills: 6, clients: 4, seed, layout, sabotage: false };
    let verdict = run(&Place::postgres(), plan);
    assert!(verdict.is_clean(), "--seed {seed}:\n{}", verdict.complaints());
    assert_eq!((verdict.accepted, verdict.effected), (60, 60));
}

#[test]
fn a_file_that_goes_missing_and_an_answer_without_an_upload_are_noticed() {
    let fault = UploadFault::Kills;
    let plan =
        Plan { fault, uploads: 10, kills: 1, clients: 2, seed: 7, layout: Layout::Inside, sabotage: true };
    let verdict = run(&Place::sqlite(), plan);
    assert_eq!(
        (verdict.accepted, verdict.effected, verdict.lost.len()),
        (11, 9, 2),
        "{}",
        verdict.complaints()
    );
}
