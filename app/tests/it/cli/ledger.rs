//! Every upload that was answered with 202 has its effects, and has them once, after twenty times `kill -9`.

use harness::chaos::{Plan, run};
use harness::fleet::Layout;
use tenfold::data::Clock;

use super::in_both_places;
use super::place::Place;

fn assert_every_promise_is_kept(place: &Place, layout: Layout) {
    // Other moments in every run; a run that fails says its seed.
    let seed = Clock::system().now().as_microsecond().unsigned_abs();
    let plan = Plan { uploads: 200, kills: 20, clients: 8, seed, layout, sabotage: false };
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
fn a_file_that_goes_missing_and_an_answer_without_an_upload_are_noticed() {
    let plan = Plan { uploads: 10, kills: 1, clients: 2, seed: 7, layout: Layout::Inside, sabotage: true };
    let verdict = run(&Place::sqlite(), plan);
    assert_eq!(
        (verdict.accepted, verdict.effected, verdict.lost.len()),
        (11, 9, 2),
        "{}",
        verdict.complaints()
    );
}
