//! What operators and their machines ask.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::json;
use tenfold::both_databases;
use tenfold::data::Dialect;

use crate::new_owner;

both_databases!(app::app(); async fn the_process_is_alive_and_ready(app) {
    for path in ["/healthz", "/readyz"] {
        let answer = app.get(path).send().await;
        assert_eq!((answer.status(), answer.json()), (200, json!({"status": "ok"})), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    app.forget();
    app.get("/healthz").send().await;
    assert_eq!(app.statements().len(), 0, "whether the process lives does not depend on the database");
});

both_databases!(app::app(); async fn metrics_name_routes_and_statements_and_neither_paths_nor_people(app) {
    let token = new_owner(app).await;
    let users = app.get("/v1/users").bearer(&token).send().await.json();
    let user = crate::text(&users["items"][0]["id"]);
    app.get(&format!("/v1/users/{user}")).bearer(&token).send().await;
    app.get("/some/path/that/is/none").send().await;
    app.request("BREW", "/v1/users").send().await;
    let answer = app.get("/metrics").send().await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    let database = if app.database().dialect() == Dialect::Sqlite { "sqlite" } else { "postgresql" };
    let requests = "http_server_request_duration_seconds_count";
    let statements = "db_client_operation_duration_seconds_count";
    for wanted in [
        [requests, r#"http_route="/v1/users/{id}""#, r#"method="GET""#, r#"status_code="200""#],
        [requests, r#"http_route="unmatched""#, r#"method="GET""#, r#"status_code="404""#],
        [requests, r#"http_route="/v1/users""#, r#"method="_OTHER""#, r#"status_code="405""#],
        [statements, "\"auth_sessions.authenticate\"", "\"auth\"", database],
        [statements, "\"auth_users.list\"", "\"auth\"", database],
        ["http_server_active_requests", "", "", ""],
        ["tenfold_build_info", "\"app\"", "", ""],
    ] {
        let found = text.lines().any(|line| wanted.iter().all(|part| line.contains(part)));
        assert!(found, "no {wanted:?} in {text}");
    }
    for private in [&*user, "owner@new.test", "some/path", "BREW"] {
        assert!(!text.contains(private), "{private} is in {text}");
    }
});

both_databases!(app::app(), [("metrics.password", "a long enough password")];
async fn metrics_with_a_password_are_for_those_that_know_it(app) {
    use base64::Engine as _;
    let basic = |text: &str| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text));
    for (authorization, status) in [
        ("Bearer a long enough password".to_owned(), 200),
        ("bearer a long enough password".to_owned(), 200),
        (basic("prometheus:a long enough password"), 200),
        (basic(":a long enough password"), 200),
        (String::new(), 401),
        ("Bearer".to_owned(), 401),
        ("Bearer ".to_owned(), 401),
        ("Bearer a long enough passwor".to_owned(), 401),
        ("Bearer a long enough password2".to_owned(), 401),
        ("Bearer A long enough password".to_owned(), 401),
        ("a long enough password".to_owned(), 401),
        (basic("a long enough password"), 401),
        (basic("prometheus:"), 401),
        ("Basic !".to_owned(), 401),
    ] {
        let answer = app.get("/metrics").header("authorization", &authorization).send().await;
        assert_eq!(answer.status(), status, "{authorization:?}");
        assert_eq!(answer.text().contains("http_server"), status == 200, "{authorization:?}");
        if status == 401 {
            crate::problem(&answer, 401);
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    assert_eq!(app.get("/metrics").send().await.status(), 401);
    assert_eq!(app.get("/readyz").send().await.status(), 200);
});

both_databases!(app::app();
async fn promtool_has_nothing_to_say_about_the_metrics_of_a_running_application(app) {
    let token = new_owner(app).await;
    app.get("/v1/users").bearer(&token).send().await;
    let text = app.get("/metrics").send().await.text();
    check_with_promtool(&text);
});

#[expect(clippy::print_stdout, reason = "who runs the tests should see what was not tested")]
fn check_with_promtool(text: &str) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = match command.spawn() {
        Ok(promtool) => promtool,
        Err(error) => {
            let required = std::env::var("TENFOLD_TEST_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
            assert!(!required, "promtool is required, but: {error}");
            println!("skipped: promtool could not be run: {error}");
            return;
        }
    };
    promtool.stdin.take().expect("it was asked for").write_all(text.as_bytes()).expect("promtool reads");
    let said = promtool.wait_with_output().expect("promtool ends");
    let words = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success(), "{words}");
    assert_eq!(words, "");
}

both_databases!(app::app(); async fn on_loopback_answers_say_what_they_cost(app) {
    let token = new_owner(app).await;
    let answer = app.get("/v1/users").bearer(&token).send().await;
    assert_eq!(answer.statements(), 5);
    let timing = answer.header("server-timing");
    for part in ["db;desc=\"statements=5\";dur=", "calls;desc=\"calls=0\"", "wait;dur=", "lag;dur=", "total;dur="] {
        assert!(timing.contains(part), "{timing}");
    }
});

both_databases!(app::app(), [("http.listen", "0.0.0.0:8080")];
async fn to_the_world_answers_do_not_say_what_they_cost(app) {
    assert_eq!(app.get("/healthz").send().await.header("server-timing"), "");
});

both_databases!(app::app(), [("http.listen", "0.0.0.0:8080"), ("http.server_timing", "on")];
async fn unless_the_settings_want_it(app) {
    assert_ne!(app.get("/healthz").send().await.header("server-timing"), "");
});
