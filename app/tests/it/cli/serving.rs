//! `app` and `app serve`: what is there after a start, and after another one.

use super::place::Place;
use super::process::wait_for;
use super::wire::HttpRequest;
use super::{PASSWORD, create_project, in_both_places, list_all, sign_in_to_demo, sign_up};
use serde_json::json;

#[test]
fn without_a_command_it_serves_demo_data_from_a_file_and_says_where_and_as_whom() {
    let place = Place::sqlite();
    let mut process = place.bare(&[]).env("TENFOLD_HTTP__LISTEN", "127.0.0.1:0").start();
    let out = process.out();
    for told in [&format!("http://{}", process.address()), "/docs", "owner@acme.test", "tenfold-demo"] {
        assert!(out.contains(told), "{told} is missing in: {out}");
    }
    assert!(place.work().join("data/app.db").is_file());
    let token = sign_in_to_demo(&process, "owner@acme.test");
    assert_eq!(list_all(&process, &token, "/v1/users").len(), 1000);
    process.stop();
}

in_both_places!(fn a_second_start_with_demo_keeps_what_the_first_one_stored(place) {
    let mut first = place.app(&["serve", "--demo"]).start();
    let token = sign_in_to_demo(&first, "owner@acme.test");
    create_project(&first, &token, "mine");
    let (users, projects) = (list_all(&first, &token, "/v1/users"), list_all(&first, &token, "/v1/projects"));
    first.stop();

    let mut second = place.app(&["--demo"]).start();
    assert_eq!(list_all(&second, &token, "/v1/users"), users);
    assert_eq!(list_all(&second, &token, "/v1/projects"), projects);
    sign_in_to_demo(&second, "both@demo.test");
    second.stop();
});

in_both_places!(fn serve_without_demo_has_no_accounts_of_the_demo(place) {
    let mut process = place.app(&["serve"]).start();
    assert!(!process.out().contains("password"), "{}", process.out());
    for email in ["owner@acme.test", "owner@globex.test", "both@demo.test"] {
        let credentials = json!({"email": email, "password": "tenfold-demo"});
        let answer = process.ask(&HttpRequest::post("/v1/auth/sign-in").json(&credentials));
        assert_eq!(answer.status, 401, "{}", answer.text());
    }
    process.stop();
});

in_both_places!(fn a_session_and_its_account_outlive_a_restart(place) {
    let mut first = place.app(&["serve"]).start();
    let token = sign_up(&first, "ada");
    first.stop();

    let second = place.app(&["serve"]).start();
    assert_eq!(list_all(&second, &token, "/v1/users").len(), 1);
    let credentials = json!({"email": "ada@example.test", "password": PASSWORD});
    assert_eq!(second.ask(&HttpRequest::post("/v1/auth/sign-in").json(&credentials)).status, 200);
});

#[test]
fn pages_of_loopback_are_let_in_by_default_and_the_log_says_so() {
    let place = Place::sqlite();
    let said = |process: &super::process::Process| process.err().contains("http.loopback_origins");
    let mut open = place.app(&["serve"]).start();
    // The log has a thread of its own.
    wait_for(|| open.err(), || said(&open).then_some(()));
    open.stop();
    for (name, value) in
        [("LOOPBACK_ORIGINS", "false"), ("PUBLIC_URL", "https://app.test"), ("LISTEN", "0.0.0.0:0")]
    {
        let mut closed = place.app(&["serve"]).env(&format!("TENFOLD_HTTP__{name}"), value).spawn();
        closed.wait_until_said("listens on");
        assert!(!said(&closed), "{name}: {}", closed.err());
        closed.stop();
    }
}

#[test]
fn a_reader_of_the_greeting_that_has_gone_away_does_not_end_the_server() {
    let place = Place::sqlite();
    let port = free_port();
    let mut process =
        place.app(&["serve"]).env("TENFOLD_HTTP__LISTEN", &format!("127.0.0.1:{port}")).deaf().spawn();
    wait_for(
        || process.err(),
        || {
            let mut connection = super::wire::HttpConnection::open(&format!("127.0.0.1:{port}")).ok()?;
            connection.ask(&HttpRequest::get("/readyz")).ok().filter(|answer| answer.status == 200)
        },
    );
    assert!(process.is_alive(), "{}", process.err());
    process.stop();
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("a listener has an address").port()
}
