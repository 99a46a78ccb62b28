//! Clients that are slow on purpose, and more clients than there may be.

use std::time::{Duration, Instant};

use serde_json::json;

use super::place::Place;
use super::wire::HttpRequest;
use super::{create_project, list_all, new_person, sign_up};

/// Sends bytes that are no whole request and measures how long the server waits for the rest.
fn assert_cut_off(process: &super::process::Process, what: &str, bytes: &[u8]) {
    let began = Instant::now();
    let mut connection = process.connect();
    connection.send(bytes).expect("the server listens");
    let said = connection.wait_for_end().unwrap_or_else(|error| panic!("{what} is not cut off: {error}"));
    let took = began.elapsed();
    assert!(took > Duration::from_millis(900), "{what} is cut off after {took:?} already");
    // The default is ten seconds.
    assert!(took < Duration::from_secs(10), "{what} is cut off only after {took:?}");
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{what}: {said}");
}

#[test]
fn a_request_whose_head_does_not_end_is_cut_off_after_the_header_timeout() {
    let place = Place::sqlite();
    let process = place.app(&["serve"]).env("TENFOLD_HTTP__HEADER_TIMEOUT", "1s").start();
    std::thread::scope(|scope| {
        for (what, bytes) in [
            ("silence", b"" as &[u8]),
            ("one byte", b"G"),
            ("half a head", b"GET /healthz HTTP/1.1\r\nhost: app.test\r\nx-slow"),
            ("half a preface of HTTP/2", b"PRI * HTTP/2.0\r\n"),
        ] {
            let process = &process;
            scope.spawn(move || assert_cut_off(process, what, bytes));
        }
    });
}

#[test]
fn a_second_request_on_a_connection_has_the_same_time_for_its_head() {
    let place = Place::sqlite();
    let process = place.app(&["serve"]).env("TENFOLD_HTTP__HEADER_TIMEOUT", "3s").start();
    let mut connection = process.connect();
    for _ in 0..2 {
        assert_eq!(connection.ask(&HttpRequest::get("/healthz")).expect("an answer").status, 200);
    }
    connection.send(b"GET /healthz HTTP/1.1\r\nhost: app").expect("the server listens");
    connection.wait_for_end().expect("the connection is cut off");
}

#[test]
fn a_head_that_comes_in_pieces_within_the_time_is_answered() {
    let place = Place::sqlite();
    let process = place.app(&["serve"]).start();
    let mut connection = process.connect();
    for byte in HttpRequest::get("/healthz").bytes() {
        connection.send(&[byte]).expect("the server listens");
    }
    assert_eq!(connection.answer().expect("an answer").status, 200);
}

#[test]
fn a_body_that_does_not_end_is_given_up_after_the_deadline() {
    let place = Place::sqlite();
    let process = place.app(&["serve"]).env("TENFOLD_HTTP__DEADLINE", "1s").start();
    let (first, _) = HttpRequest::post("/v1/auth/sign-up").json(&new_person("ada")).in_two_parts();
    let mut connection = process.connect();
    connection.send(&first).expect("the server listens");
    assert_eq!(connection.answer().expect("an answer").status, 503);
    connection.wait_for_end().expect("the connection ends, since its next bytes would be of the old body");
}

#[test]
fn more_connections_than_allowed_wait_and_none_is_lost() {
    let place = Place::sqlite();
    let process = place.app(&["serve"]).env("TENFOLD_HTTP__MAX_CONNECTIONS", "4").start();
    let token = sign_up(&process, "ada");
    std::thread::scope(|scope| {
        for client in 0..32 {
            let (process, token) = (&process, &token);
            scope.spawn(move || {
                for request in 0..4 {
                    create_project(process, token, &format!("project {client} {request}"));
                }
            });
        }
    });
    assert_eq!(list_all(&process, &token, "/v1/projects").len(), 32 * 4);
}

#[test]
fn a_connection_beyond_the_bound_is_served_when_another_ends() {
    let place = Place::sqlite();
    let process = place.app(&["serve"]).env("TENFOLD_HTTP__MAX_CONNECTIONS", "2").start();
    let token = sign_up(&process, "ada");
    let new = HttpRequest::post("/v1/projects").bearer(&token).json(&json!({"name": "slow"}));
    let (first, last) = new.in_two_parts();
    let mut slow: Vec<_> = (0..2).map(|_| process.connect()).collect();
    for connection in &mut slow {
        connection.send(&first).expect("the server listens");
    }
    let mut third = process.connect();
    third.send(&HttpRequest::get("/healthz").bytes()).expect("the system takes the connection");
    assert!(!third.has_answer_within(Duration::from_millis(300)), "the bound is two connections");
    let mut finished = slow.pop().expect("there are two");
    finished.send(&last).expect("the server reads on");
    assert_eq!(finished.answer().expect("an answer").status, 201);
    drop(finished);
    assert_eq!(third.answer().expect("an answer").status, 200);
}
