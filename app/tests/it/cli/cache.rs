//! `app cache …`, beside a process that serves HTTP.

use super::in_both_places;
use super::place::Place;
use super::process::Process;
use super::sign_up;
use super::wire::HttpRequest;

fn cache(place: &Place, arguments: &[&str]) -> String {
    let finished = place.app(&[&["cache"], arguments].concat()).finish();
    assert_eq!(finished.status.code(), Some(0), "{arguments:?}: {}", finished.err);
    finished.out
}

/// How many rows the process has loaded to keep them.
fn loads(place: &Place, server: &Process) -> u64 {
    let figures = cache(place, &["stats", "--listen", server.address()]);
    let line =
        figures.lines().find_map(|line| line.strip_prefix("tenfold_cache_reads_total{result=\"load\"} "));
    line.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{figures}"))
}

in_both_places!(fn the_cache_is_cleared_from_a_terminal(place) {
    let refused = place.app(&["cache", "clear"]).finish();
    assert_eq!((refused.status.code(), refused.out.as_str()), (Some(1), ""));
    let mut server = place.app(&["serve"]).start();
    let token = sign_up(&server, "ada");
    let list = || assert_eq!(server.ask(&HttpRequest::get("/v1/users").bearer(&token)).status, 200);
    list();
    let before = loads(place, &server);
    list();
    assert_eq!(loads(place, &server), before, "the session is in memory");
    assert_eq!(cache(place, &["clear"]), "every process forgets its rows\n");
    let is_loaded = || {
        list();
        loads(place, &server) > before
    };
    assert!((0..50).any(|_| is_loaded()), "the process was told");
    server.stop();
    let away = place.app(&["cache", "stats", "--listen", "127.0.0.1:1"]).finish();
    assert!(away.status.code() == Some(1) && away.err.contains("127.0.0.1:1"), "{}", away.err);
});
