//! `Server-Timing` against what PostgreSQL itself counted.

use std::process::Command;

use serde_json::json;

use super::place::Place;
use super::process::wait_for;
use super::wire::{HttpAnswer, HttpRequest};
use super::{create_project, sign_in_to_demo};

/// Runs a statement with PostgreSQL's own client; gives what it prints.
fn psql(place: &Place, statement: &str) -> String {
    let url = format!("--dbname={}", place.superuser_url());
    let ran = Command::new("psql")
        .args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
            &url,
            "--command",
            statement,
        ])
        .output()
        .expect("psql was found before");
    assert!(ran.status.success(), "{statement}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).trim().to_owned()
}

fn has_psql() -> bool {
    let found = Command::new("psql").arg("--version").output().is_ok();
    let required = std::env::var_os("TENFOLD_TEST_REQUIRE_TOOLS").is_some();
    assert!(found || !required, "psql is missing: install PostgreSQL's client");
    found
}

/// `statements=N` of the header.
fn told(answer: &HttpAnswer) -> u64 {
    assert!(answer.status < 300, "{}", answer.text());
    let timing = answer.header("server-timing");
    let count = timing.split("statements=").nth(1).and_then(|rest| rest.split('"').next());
    count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no statements in {timing:?}"))
}

#[test]
fn the_statements_of_server_timing_are_those_that_postgres_counts() {
    if !has_psql() {
        return;
    }
    let place = Place::postgres();
    psql(&place, "CREATE EXTENSION pg_stat_statements");
    // Without a worker, whose looks for jobs are no part of any request, and without the looks at plans.
    let process = place.app(&["serve", "--role", "web", "--demo"]).env("TENFOLD_WHY__PLANS", "false").start();
    let token = sign_in_to_demo(&process, "owner@acme.test");
    let project = create_project(&process, &token, "measured");
    let reads =
        ["/v1/users?limit=100", "/v1/users?limit=1", "/v1/projects", &format!("/v1/projects/{project}")];
    // Nothing stands around a read: PostgreSQL runs what the header says.
    let reads = reads.map(|path| (path, HttpRequest::get(path), 0));
    let write = HttpRequest::post("/v1/projects").json(&json!({"name": "another"}));
    // Around what is written: BEGIN, the setting that holds it to its organization, COMMIT.
    for (what, request, around) in reads.into_iter().chain([("a new project", write, 3)]) {
        psql(&place, "SELECT pg_stat_statements_reset()");
        let told = told(&process.ask(&request.bearer(&token)));
        assert!(told > 0);
        let (asked, besides) = counted(&place);
        let texts = psql(&place, "SELECT calls, query FROM pg_stat_statements");
        assert_eq!((told, around), (asked, besides), "{what}: {texts}");
    }
}

#[test]
fn a_server_that_refuses_writes_is_not_ready_and_the_problem_says_why() {
    if !has_psql() {
        return;
    }
    let place = Place::postgres();
    let process = place.app(&["serve"]).start();
    let ready = || process.ask(&HttpRequest::get("/readyz"));
    let function = "FUNCTION pg_logical_emit_message(boolean, text, text)";
    psql(&place, &format!("REVOKE EXECUTE ON {function} FROM PUBLIC"));
    let refused = wait_for(|| ready().text(), || Some(ready()).filter(|answer| answer.status == 503));
    let detail = refused.json()["detail"].to_string();
    assert!(detail.contains("accepts no writes") && detail.contains("permission denied"), "{detail}");
    psql(&place, &format!("GRANT EXECUTE ON {function} TO PUBLIC"));
    wait_for(|| ready().text(), || (ready().status == 200).then_some(()));
}

/// What PostgreSQL ran: what the application asked for, and what stands around it and travels with it. What processes tell
/// each other belongs to no request, nor does the look for locks when a statement takes long. For that a new connection asks for the
/// number of its process.
fn counted(place: &Place) -> (u64, u64) {
    let calls = |what: &str| {
        let text = format!(
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements
             WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND query NOT LIKE '%pg_stat_statements%'
             AND query NOT LIKE '%tenfold_changes%' AND query NOT LIKE '%tenfold_processes%'
             AND query NOT LIKE '%pg_locks%' AND query NOT LIKE '%pg_backend_pid%' AND {what}
             (query LIKE 'SELECT set_config(%' OR query LIKE 'BEGIN%' OR query = 'COMMIT')"
        );
        psql(place, &text).parse().expect("a count")
    };
    (calls("NOT"), calls(""))
}
