//! Metrics in the OpenMetrics format, with traces as exemplars.

use std::collections::BTreeMap;

use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::console::form;
use crate::new_owner;

/// What a Prometheus asks for that knows the format.
const ACCEPT: &str =
    "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

async fn open_metrics(app: &TestApp) -> String {
    let answer = app.get("/metrics").header("accept", ACCEPT).send().await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!((answer.status(), answer.header("content-type")), (200, kind));
    answer.text()
}

/// The trace behind a bucket of a series that has these words.
fn exemplar(text: &str, words: &[&str]) -> String {
    let has_one = |line: &&str| line.contains("# {trace_id=") && words.iter().all(|word| line.contains(word));
    let line = text.lines().find(has_one).unwrap_or_else(|| panic!("no exemplar of {words:?} in {text}"));
    let (_, rest) = line.split_once("# {trace_id=\"").expect("it has an exemplar");
    rest[..32].to_owned()
}

both_databases!(app::app(), [("console.password", "a long enough password")];
async fn exemplars_lead_to_traces_in_the_console(app) {
    let token = new_owner(app).await;
    app.get("/v1/users").bearer(&token).send().await;
    app.run_due_jobs().await;
    let text = open_metrics(app).await;
    let sign_in = form(app, "/console/sign-in", "password=a+long+enough+password").send().await;
    let cookie = sign_in.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let requests = "http_server_request_duration_seconds_bucket{le=\"";
    for (words, shown) in [
        ([requests, "http_route=\"/v1/users\"", "response_status_code=\"200\""], "GET /v1/users"),
        (["db_client_operation_duration_seconds_bucket", "\"auth_users.list\"", "module=\"auth\""], "auth_users.list"),
        (["tenfold_job_duration_seconds_bucket", "kind=\"auth.send_link\"", ""], "auth.send_link"),
    ] {
        let trace = exemplar(&text, &words);
        let page = app.get(&format!("/console/traces/{trace}")).header("cookie", &cookie).send().await;
        assert_eq!(page.status(), 200, "{words:?}");
        assert!(page.text().contains(shown), "{words:?}: {}", page.text());
    }
});

both_databases!(app::app(); async fn each_exemplar_is_within_its_bucket(app) {
    new_owner(app).await;
    let text = open_metrics(app).await;
    let mut count = 0;
    for line in text.lines().filter(|line| line.contains(" # {")) {
        let (_, bound) = line.split_once("le=\"").expect("it is a bucket");
        let bound = bound.split('"').next().unwrap_or_default();
        let (_, exemplar) = line.split_once("\"} ").and_then(|(_, rest)| rest.split_once("\"} ")).expect("it has an exemplar");
        let value: f64 = exemplar.split(' ').next().unwrap_or_default().parse().expect("its value is a number");
        assert!(!line.contains("\"} 0 # {"), "nothing was counted there: {line}");
        assert!(bound == "+Inf" || value <= bound.parse().expect("a bound is a number"), "{line}");
        count += 1;
    }
    assert!(count > 0, "{text}");
});

both_databases!(app::app(); async fn open_metrics_follow_their_format(app) {
    let token = new_owner(app).await;
    app.get("/v1/users").bearer(&token).send().await;
    let text = open_metrics(app).await;
    assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1, "{text}");
    let mut types = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            assert!(kind != "counter" || !name.ends_with("_total"), "{line}");
            assert!(text.contains(&format!("# HELP {name} ")), "{line}");
            types.insert(name, kind);
        }
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        let of = |suffix: &str, kind: &str| name.strip_suffix(suffix).is_some_and(|name| types.get(name) == Some(&kind));
        let is_histogram = ["_bucket", "_sum", "_count"].into_iter().any(|suffix| of(suffix, "histogram"));
        assert!(of("_total", "counter") || of("", "gauge") || is_histogram, "{line}");
    }
});

both_databases!(app::app(); async fn others_get_plain_metrics(app) {
    for accept in ["", "*/*", "text/plain", "text/plain, application/openmetrics-text;q=0.1", "application/openmetrics-text;q=0"] {
        let request = app.get("/metrics");
        let request = if accept.is_empty() { request } else { request.header("accept", accept) };
        let answer = request.send().await;
        assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8", "{accept:?}");
        assert!(!answer.text().contains("# {"), "{accept:?}");
        assert_eq!(answer.header("vary"), "accept", "{accept:?}");
    }
});
