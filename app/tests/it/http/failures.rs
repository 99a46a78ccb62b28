//! Handlers that panic, hang or fail: the request's loss, and nobody else's.

use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use tenfold::both_databases;
use tenfold::data::Dialect;
use tenfold::testing::{TestApp, TestRequest, TestResponse};

use crate::{probe, problem};

const SHORT: [(&str, &str); 2] = [("http.deadline", "2s"), ("database.pool_size", "1")];
const HASTY: [(&str, &str); 2] = [("database.transaction_limit", "2s"), ("database.pool_size", "1")];
const ONE_CONNECTION: [(&str, &str); 1] = [("database.pool_size", "1")];

/// What goes wrong on our side is in the log; the client learns its id only.
fn internal(answer: &TestResponse) {
    assert_eq!(problem(answer, 500)["type"], "urn:tenfold:problem:internal");
    assert!(!answer.text().contains("secret"), "{}", answer.text());
}

/// Sends a request again while it gets a 503: a busy machine may take longer than a test's short limits. Returns how often
/// it was sent, too.
async fn served(request: impl Fn() -> TestRequest) -> (TestResponse, i64) {
    let began = Instant::now();
    for sent in 1.. {
        let answer = request().send().await;
        if answer.status() != 503 {
            return (answer, sent);
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{}", answer.text());
    }
    unreachable!("it is sent until it is served")
}

/// The number of notes, which a write then makes one more, on the connection that there is. Returns the new number: a write
/// that was given up may be stored as well.
async fn still_works(app: &TestApp, notes: i64) -> i64 {
    let count = async || served(|| app.get("/probe/notes")).await.0.json();
    assert_eq!(count().await, notes);
    let (written, sent) = served(|| app.post("/probe/notes")).await;
    assert_eq!(written.status(), 200);
    let after = count().await.as_i64().expect("a number");
    assert!((notes + 1..=notes + sent).contains(&after), "{notes} and then {after}");
    after
}

both_databases!(probe::app(), ONE_CONNECTION;
async fn a_panic_is_this_requests_failure_and_the_application_goes_on(app) {
    for _ in 0..3 {
        internal(&app.get("/probe/panic").send().await);
    }
    still_works(app, 0).await;
    let metrics = app.get("/metrics").send().await.text();
    let parts = ["_count{", "\"/probe/panic\"", "\"500\"", "} 3"];
    assert!(metrics.lines().any(|line| parts.iter().all(|part| line.contains(part))), "{metrics}");
});

both_databases!(probe::app(), ONE_CONNECTION;
async fn a_panic_in_a_task_of_the_request_is_no_more_than_that(app) {
    internal(&app.get("/probe/panic-in-task").send().await);
    still_works(app, 0).await;
});

both_databases!(probe::app(), ONE_CONNECTION; async fn a_panic_inside_a_transaction_rolls_it_back(app) {
    let mut notes = 0;
    for _ in 0..3 {
        internal(&app.post("/probe/panic-in-transaction").send().await);
        notes = still_works(app, notes).await;
    }
});

both_databases!(probe::app(); async fn a_failure_says_where_to_look_and_not_why(app) {
    let answer = app.get("/probe/fail").header("x-request-id", "from-a-client").send().await;
    internal(&answer);
    assert_eq!(answer.json()["detail"], "the log has the details under this response's X-Request-Id");
    assert_eq!(answer.header("x-request-id"), "from-a-client");
});

both_databases!(probe::app(), SHORT;
async fn a_request_that_takes_too_long_is_given_up_with_a_503(app) {
    let answer = app.get("/probe/hang").send().await;
    let given_up = problem(&answer, 503);
    assert_eq!(given_up["type"], "urn:tenfold:problem:deadline");
    assert_eq!(given_up["detail"], "it was cancelled after 2s (http.deadline)");
    assert_eq!(answer.header("retry-after"), "1");
    still_works(app, 0).await;
});

both_databases!(probe::app(), SHORT;
async fn a_transaction_past_its_deadline_is_rolled_back_and_its_connection_free(app) {
    let mut notes = 0;
    for _ in 0..2 {
        let answer = app.post("/probe/hang-in-transaction").send().await;
        assert_eq!(problem(&answer, 503)["type"], "urn:tenfold:problem:deadline");
        notes = still_works(app, notes).await;
    }
    assert_eq!(app.take_waited().len(), 2);
});

both_databases!(probe::app(), HASTY;
async fn a_transaction_that_waits_for_something_else_is_a_failure_of_ours_that_is_counted_with_its_line(app) {
    // Not a 503: who is asked to come back would hold up all others once more.
    internal(&app.post("/probe/hang-in-transaction").send().await);
    still_works(app, 0).await;
    let waited = app.take_waited();
    let [one] = &*waited else { panic!("{waited:?}") };
    assert!(one.to_string().contains("app/tests/it/probe.rs:"), "{one}");
    let metrics = app.get("/metrics").send().await.text();
    let (file, line) = (one.site.file(), one.site.line());
    let labels = format!(r#"{{code_file_path="{file}",code_line_number="{line}"}} 1"#);
    assert!(metrics.contains(&format!("tenfold_transaction_waits_total{labels}")), "{metrics}");
});

both_databases!(probe::app(); async fn a_task_that_nobody_awaits_ends_with_its_request(app) {
    assert_eq!(app.get("/probe/leave-a-task").send().await.status(), 200);
    still_works(app, 0).await;
});

#[test]
fn a_request_for_which_no_connection_comes_free_gets_a_503_that_says_when_to_come_back() {
    let settings = [
        ("http.deadline", "20s"),
        ("database.transaction_limit", "1m"),
        ("database.pool_size", "1"),
        ("database.acquire_timeout", "1s"),
    ];
    tenfold::testing::run(probe::app(), Dialect::Postgres, &settings, async |app| {
        let holding = Box::pin(app.post("/probe/hang-in-transaction").send());
        let refused = async {
            let begun = Instant::now();
            // The connection is taken once the first refusal comes.
            loop {
                let answer = app.get("/probe/notes").send().await;
                if answer.status() != 200 {
                    return (answer, begun.elapsed());
                }
            }
        };
        let Either::Right(((answer, took), holding)) = select(holding, Box::pin(refused)).await else {
            panic!("nobody was refused before the deadline")
        };
        // As if its client went away.
        drop(holding);
        let told = problem(&answer, 503);
        assert_ne!(told["type"], "urn:tenfold:problem:deadline", "{told}");
        assert_eq!(answer.header("retry-after"), "1");
        assert!(took < Duration::from_secs(15), "took {took:?}");
        assert_eq!(app.take_waited().len(), 1);
        still_works(app, 0).await;
    });
}
