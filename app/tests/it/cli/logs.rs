//! Log lines: for machines one JSON object each, with the caller's trace; never a secret.

use serde_json::{Value, json};

use super::place::Place;
use super::process::wait_for;
use super::wire::HttpRequest;
use super::{PASSWORD, in_both_places, new_person, sign_up};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[test]
fn in_json_every_line_is_an_object_and_every_request_has_the_callers_trace() {
    let place = Place::sqlite();
    let mut process = place.app(&["serve"]).env("TENFOLD_LOG__FORMAT", "json").start();
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let answer = process.ask(&HttpRequest::get("/healthz").header("traceparent", &parent));
    assert!(answer.header("traceparent").contains(TRACE), "{:?}", answer.header("traceparent"));
    process.ask(&HttpRequest::get("/nowhere/%0a%22{}?a=%00"));
    process.ask(&HttpRequest::post("/v1/auth/sign-up").json(&json!({"email": "\"\n{"})));
    process.stop();
    let err = process.err();
    let parse = |line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let lines: Vec<Value> = err.lines().map(parse).collect();
    assert!(
        lines.iter().all(Value::is_object) && lines.iter().all(|line| line["timestamp"].is_string()),
        "{err}"
    );
    // How often /readyz is asked before it says so depends on the machine.
    let is_own = |line: &&Value| line["message"] == "request" && line["http.route"] != "/readyz";
    let requests: Vec<&Value> = lines.iter().filter(is_own).collect();
    assert_eq!(requests.len(), 3, "{err}");
    assert!(requests.iter().all(|line| line["trace_id"].as_str().is_some_and(|id| id.len() == 32)), "{err}");
    assert_eq!(requests.iter().filter(|line| line["trace_id"] == TRACE).count(), 1, "{err}");
    for line in &requests {
        let duration = line["duration_ms"].to_string();
        let digits = duration.split_once('.').map_or(0, |(_, digits)| digits.len());
        assert!(digits <= 3, "{duration}");
    }
    let set_of = |migration: &str| {
        let line = lines.iter().find(|line| line["migration"] == migration);
        line.map(|line| line["module"].clone()).unwrap_or_default()
    };
    for (migration, set) in
        [("0001_feed", "tenfold.feed"), ("0001_jobs", "tenfold.jobs"), ("0001_demo", "tenfold.app")]
    {
        assert_eq!(set_of(migration), set, "{err}");
    }
}

#[test]
fn the_lines_before_a_stop_are_all_written() {
    let place = Place::sqlite();
    let mut process = place.app(&["serve"]).start();
    process.ask(&HttpRequest::get("/healthz"));
    process.stop();
    let err = process.err();
    assert!(
        err.contains("/healthz") && err.lines().last().is_some_and(|line| line.contains("stopped")),
        "{err}"
    );
}

/// Does what has to do with secrets, rightly and wrongly, and gives those secrets.
fn handle_secrets(process: &super::process::Process) -> Vec<String> {
    let token = sign_up(process, "ada");
    let sign_in = |password: &str| {
        let credentials = json!({"email": "ada@example.test", "password": password});
        process.ask(&HttpRequest::post("/v1/auth/sign-in").json(&credentials))
    };
    assert_eq!(sign_in("a-wrong-guess-of-it").status, 401);
    let second = sign_in(PASSWORD).json()["token"].as_str().expect("a session has a token").to_owned();
    let forged = format!("{}AAAAA", &token[..token.len() - 5]);
    for (bearer, status) in [(&token, 200), (&second, 200), (&forged, 401)] {
        assert_eq!(process.ask(&HttpRequest::get("/v1/users").bearer(bearer)).status, status);
    }
    let cookie = HttpRequest::get("/v1/users").header("cookie", &format!("tenfold={token}"));
    assert_eq!(process.ask(&cookie).status, 200);
    // Taken already, of the wrong type, of the wrong form: each with a password inside.
    let sign_up = || HttpRequest::post("/v1/auth/sign-up");
    assert_eq!(process.ask(&sign_up().json(&new_person("ada"))).status, 409);
    assert_eq!(process.ask(&sign_up().json(&json!({"password": [PASSWORD], "email": 1}))).status, 422);
    assert_eq!(process.ask(&sign_up().json(&json!(PASSWORD))).status, 422);
    let secrets = [PASSWORD, "a-wrong-guess-of-it", &token[3..], &second[3..], &forged[3..]];
    // A part is as bad as the whole; the first bytes of a token are the organization, which is no secret.
    let parts = secrets.map(|secret| secret[secret.len().saturating_sub(40)..].to_owned());
    parts.to_vec()
}

in_both_places!(fn no_password_and_no_token_is_ever_written(place) {
    for (format, filter) in [("json", "trace"), ("pretty", "debug")] {
        let place = match place.dialect() {
            tenfold::data::Dialect::Sqlite => Place::sqlite(),
            tenfold::data::Dialect::Postgres => Place::postgres(),
        };
        let url = place.url.replace("postgres@", "postgres:open-sesame@");
        let launch = place.app(&["serve"]).env("TENFOLD_LOG__FORMAT", format).env("TENFOLD_LOG__FILTER", filter);
        let mut process = launch.env("TENFOLD_DATABASE__URL", &url).start();
        let mut secrets = handle_secrets(&process);
        secrets.push("open-sesame".to_owned());
        wait_for(|| process.err(), || process.err().contains("/v1/auth/sign-up").then_some(()));
        process.stop();
        let written = process.out() + &process.err();
        for secret in secrets {
            let line = written.lines().find(|line| line.contains(&secret));
            assert!(line.is_none(), "{secret} is in the log: {line:?}");
        }
    }
});
