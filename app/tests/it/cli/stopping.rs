//! SIGTERM and SIGINT: what is in flight is answered, nothing new is taken, and the process ends.

use std::time::{Duration, Instant};

use super::process::Process;
use super::wire::{HttpConnection, HttpRequest};
use super::{in_both_places, list_all, new_person};

/// Sends all but the last byte of a sign-up on each of `count` connections and waits until all are in flight.
fn begin_sign_ups(process: &Process, count: usize) -> Vec<(HttpConnection, Vec<u8>)> {
    let mut begun = Vec::new();
    for number in 0..count {
        let sign_up = HttpRequest::post("/v1/auth/sign-up").json(&new_person(&format!("person{number}")));
        let (first, last) = sign_up.in_two_parts();
        let mut connection = process.connect();
        connection.send(&first).expect("the server listens");
        begun.push((connection, last));
    }
    process.wait_for_requests_in_flight(count);
    begun
}

fn answers_what_is_in_flight_and_ends(place: &super::place::Place, signal: &str) {
    let mut process = place.app(&["serve"]).start();
    let mut begun = begin_sign_ups(&process, 8);
    process.signal(signal);
    process.wait_until_deaf();
    // From here on the sign-ups are hashed and stored by a server that is about to end.
    for (connection, last) in &mut begun {
        connection.send(last).expect("the server still reads what it has begun to read");
    }
    let mut tokens = Vec::new();
    for (connection, _) in &mut begun {
        let answer = connection.answer().unwrap_or_else(|error| panic!("{error}: {}", process.err()));
        assert_eq!(answer.status, 201, "{}", answer.text());
        tokens.push(answer.json()["token"].as_str().expect("a session has a token").to_owned());
    }
    assert_eq!(process.wait().code(), Some(0), "{}", process.err());

    let again = place.app(&["serve"]).start();
    for token in tokens {
        assert_eq!(list_all(&again, &token, "/v1/users").len(), 1);
    }
}

in_both_places!(fn sigterm_answers_what_is_in_flight_takes_nothing_new_and_ends_with_0(place) {
    answers_what_is_in_flight_and_ends(place, "TERM");
});

in_both_places!(fn sigint_answers_what_is_in_flight_takes_nothing_new_and_ends_with_0(place) {
    answers_what_is_in_flight_and_ends(place, "INT");
});

in_both_places!(fn a_client_that_never_finishes_is_cut_off_after_the_shutdown_timeout(place) {
    let mut process = place.app(&["serve"]).env("TENFOLD_HTTP__SHUTDOWN_TIMEOUT", "1s").start();
    let mut begun = begin_sign_ups(&process, 1);
    let told = Instant::now();
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", process.err());
    let took = told.elapsed();
    // The default is 25 seconds.
    assert!((Duration::from_millis(900)..Duration::from_secs(20)).contains(&took), "{took:?}");
    assert!(process.err().contains("http.shutdown_timeout"), "{}", process.err());
    let (connection, _) = &mut begun[0];
    assert_eq!(connection.wait_for_end().expect("the connection ends"), "");
});

in_both_places!(fn connections_without_a_request_do_not_hold_the_end_up(place) {
    let mut process = place.app(&["serve"]).start();
    let mut kept_alive = process.connect();
    assert_eq!(kept_alive.ask(&HttpRequest::get("/healthz")).expect("an answer").status, 200);
    let mut silent = process.connect();
    let mut undecided = process.connect();
    undecided.send(b"PRI * HTTP/2.0\r\n").expect("the server listens");
    // Connections are taken in order: after this answer the three are taken.
    assert_eq!(process.ask(&HttpRequest::get("/healthz")).status, 200);
    let told = Instant::now();
    process.stop();
    assert!(told.elapsed() < Duration::from_secs(20), "{:?}", told.elapsed());
    for connection in [&mut kept_alive, &mut silent, &mut undecided] {
        connection.wait_for_end().expect("the connection ends");
    }
});
