//! What is wrong: faults that a test injects are named by endpoint, statement with file and line, and organization.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use serde::Deserialize;
use serde_json::{Value, json};
use tenfold::axum::extract::Query;
use tenfold::axum::routing::get;
use tenfold::data::{DatabaseCall, Timestamp};
use tenfold::http::{Json, Problem, Routes};
use tenfold::testing::{TestApp, TestRequest};
use tenfold::{App, Context, Module, SystemContext, both_databases, sql};

use crate::{organization, sign_up, text};

const PASSWORD: &str = "a long enough password";
pub const ROUTE: &str = "GET /lab/things";

/// The application with a route whose faults a test chooses.
pub fn app() -> App {
    app::app().module(Module::new("lab").routes(routes))
}

fn routes() -> Routes {
    Routes::new().route("/lab/things", get(things))
}

/// How many steps a statement takes, about 10,000,000 a second, and how often another one is sent.
#[derive(Deserialize)]
struct Lab {
    steps: i64,
    times: i64,
    fails: bool,
}

async fn things(_: Context, cx: SystemContext, Query(lab): Query<Lab>) -> Result<Json<i64>, Problem> {
    let steps = sql!(
        "lab.steps",
        sqlite: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT count(*) FROM n",
        postgres: "SELECT 1::bigint FROM pg_sleep(($1::bigint)::float8 / 1e7)"
    );
    let _: Vec<(i64,)> = steps.bind(lab.steps).all(&cx).await?;
    for number in 0..lab.times {
        let one = sql!("lab.thing", sqlite: "SELECT $1 + 1", postgres: "SELECT $1::bigint + 1");
        let _: Vec<(i64,)> = one.bind(number).all(&cx).await?;
    }
    if lab.fails { Err(Problem::internal("thing 17 is broken")) } else { Ok(Json(lab.times)) }
}

/// The line of this file that sends a statement.
fn line_of(code: &str) -> usize {
    let is_sent = |line: &str| line.contains(code) && !line.contains("line_of");
    1 + include_str!("why.rs").lines().position(is_sent).expect("the statement is in this file")
}

fn form(app: &TestApp, path: &str, body: &str) -> TestRequest {
    let post = app.post(path).header("sec-fetch-site", "same-origin");
    post.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned())
}

pub async fn operator(app: &TestApp) -> String {
    let answer = form(app, "/console/sign-in", "password=a+long+enough+password").send().await;
    assert_eq!(answer.status(), 303, "{}", answer.text());
    answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

pub async fn why(app: &TestApp, cookie: &str, query: &str) -> Value {
    let answer = app.get(&format!("/console/why.json{query}")).header("cookie", cookie).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

/// A second of the test's clock in which each of these people asks once.
pub async fn second(app: &TestApp, asks: &[(&str, &str)]) {
    for (token, query) in asks {
        app.get(&format!("/lab/things?{query}")).bearer(token).send().await;
    }
    app.clock().advance(Duration::from_secs(1));
}

/// A request without a fault.
pub const QUICK: &str = "steps=1&times=1&fails=false";

/// Two owners, after half a minute in which nothing was wrong.
async fn two_owners(app: &TestApp) -> (String, String) {
    two_owners_asking(app, QUICK).await
}

/// Two owners, after half a minute in which they asked this.
pub async fn two_owners_asking(app: &TestApp, query: &str) -> (String, String) {
    let one = text(&sign_up(app, "one@new.test").await["token"]);
    let two = text(&sign_up(app, "two@new.test").await["token"]);
    app.run_due_jobs().await;
    app.clock().advance(Duration::from_secs(60));
    for _ in 0..30 {
        second(app, &[(&one, query), (&two, query)]).await;
    }
    (one, two)
}

/// How many statements have been sent at least so long ago and have no answer.
fn unanswered(app: &TestApp, least: Duration) -> usize {
    let calls = app.database().calls_under_way().longer_than(least);
    calls.iter().filter(|call| call.call == DatabaseCall::Statement("lab.steps".into())).count()
}

both_databases!(app(), [("console.password", PASSWORD)]; async fn what_hangs_is_named_while_it_hangs(app) {
    let (one, _) = two_owners(app).await;
    let cookie = operator(app).await;
    let mut hanging = FuturesUnordered::new();
    for begun in 1..=6 {
        hanging.push(app.get("/lab/things?steps=1000000000000&times=0&fails=false").bearer(&one).send());
        while unanswered(app, Duration::ZERO) < begun {
            let polled = select(hanging.next(), Box::pin(tokio::task::yield_now())).await;
            assert!(matches!(polled, Either::Right(_)), "one of them was answered");
        }
        app.clock().advance(Duration::from_secs(1));
    }
    while unanswered(app, Duration::from_secs(1)) < 6 {
        tokio::task::yield_now().await;
    }
    let answer = why(app, &cookie, "").await;
    drop(hanging);
    let endpoint = &answer["endpoints"][0];
    assert_eq!((&endpoint["route"], &endpoint["unfinished"], &endpoint["errors"]), (&json!(ROUTE), &json!(6), &json!(0)), "{answer:#}");
    let verdict = text(&answer["verdict"]);
    assert!(verdict.contains("6 requests are still running; the statement lab.steps"), "{verdict}");
    assert_eq!(answer["organizations"], json!([organization(&one).to_string()]), "{answer:#}");
});

both_databases!(app(), [("console.password", PASSWORD)]; async fn a_slow_statement_is_named_with_its_line_and_organization(app) {
    let (one, two) = two_owners(app).await;
    let cookie = operator(app).await;
    // Whether nothing is named before is not asked: how long a request takes is real here, and this machine may be busy.
    let onset = app.clock().now();
    for _ in 0..10 {
        second(app, &[(&one, "steps=4000000&times=1&fails=false"), (&two, QUICK)]).await;
    }
    let answer = why(app, &cookie, "").await;
    assert_eq!(answer["endpoints"][0]["route"], ROUTE, "{answer:#}");
    assert!(answer["endpoints"][0]["now_ms"].as_f64() > answer["endpoints"][0]["before_ms"].as_f64(), "{answer:#}");
    let statement = &answer["statements"][0];
    assert_eq!((&statement["name"], &statement["file"]), (&json!("lab.steps"), &json!("app/tests/it/why.rs")), "{answer:#}");
    assert_eq!(statement["line"], line_of("steps.bind("));
    assert_eq!(statement["more_often"], 1.0);
    assert!(statement["slower"].as_f64() > Some(2.0), "{statement}");
    assert_eq!(answer["organizations"], json!([organization(&one).to_string()]), "{answer:#}");
    // How long a request takes is real, and tells when it began.
    let since: Timestamp = text(&answer["since"]).parse().expect("a time");
    assert!((0..=3).contains(&(onset.as_second() - since.as_second())), "{answer:#}");
    let trace = app.get(&format!("/console/traces/{}", text(&answer["traces"][0]))).header("cookie", &cookie).send().await.text();
    assert!(trace.contains("lab.steps"), "{trace}");
    // The first page says the same, for people.
    let page = app.get("/console").header("cookie", &cookie).send().await.text();
    let verdict = text(&answer["verdict"]);
    let parts = ["Which endpoint", "Which statement", "Who is affected", "Since when", "What changed", "lab.steps"];
    // People are named, and the chart marks what happened.
    let names = ["Of one@new.test</a>", "one@new.test</a>", "something got worse", "line class=\"mark onset\""];
    for part in [&*verdict].into_iter().chain(parts).chain(names) {
        assert!(page.contains(part), "{part} is not on the page:\n{page}");
    }
    // Without a file its days are those of the memory.
    let days = app.get("/console/endpoints/days?name=GET%20/lab/things").header("cookie", &cookie).send().await.text();
    assert!(days.contains("The last two hours of this process") && days.contains("<td class=\"number\">80</td>"), "{days}");
    let changes = app.get("/console/changes").header("cookie", &cookie).send().await.text();
    assert!(changes.contains("<td>start</td>"), "{changes}");
});

both_databases!(app(), [("console.password", PASSWORD)]; async fn an_n_plus_one_is_told_from_a_slow_statement(app) {
    let (one, two) = two_owners(app).await;
    app.clock().advance(Duration::from_secs(1));
    let looping = "steps=1&times=400&fails=false";
    for _ in 0..8 {
        second(app, &[(&one, looping), (&two, looping)]).await;
    }
    app.take_repeated();
    let answer = why(app, &operator(app).await, "").await;
    let statement = &answer["statements"][0];
    assert_eq!((&statement["name"], &statement["line"]), (&json!("lab.thing"), &json!(line_of("one.bind("))), "{answer:#}");
    // Durations are real. If the machine stalled in the second before, that one counts as the first bad one, with its quick requests.
    let more_often = statement["more_often"].as_f64().unwrap_or_default();
    assert!((300.0..=400.0).contains(&more_often), "{answer:#}");
    assert_eq!(answer["organizations"].as_array().map(Vec::len), Some(2), "{answer:#}");
});

both_databases!(app(), [("console.password", PASSWORD)]; async fn failures_are_counted_and_their_organization_is_named(app) {
    let (one, two) = two_owners(app).await;
    for _ in 0..10 {
        second(app, &[(&one, QUICK), (&two, "steps=1&times=1&fails=true")]).await;
    }
    let answer = why(app, &operator(app).await, "").await;
    assert_eq!((&answer["endpoints"][0]["route"], &answer["endpoints"][0]["errors"]), (&json!(ROUTE), &json!(10)), "{answer:#}");
    assert_eq!(answer["organizations"], json!([organization(&two).to_string()]), "{answer:#}");
});

both_databases!(app(), [("console.password", PASSWORD), ("why.record", "false")];
async fn what_is_not_recorded_is_not_answered(app) {
    let cookie = operator(app).await;
    let answer = app.get("/console/why.json").header("cookie", &cookie).send().await;
    assert!(answer.status() == 400 && answer.text().contains("why.record"), "{}", answer.text());
    assert!(app.get("/console").header("cookie", &cookie).send().await.text().contains("why.record"));
});

both_databases!(app(), [("console.password", PASSWORD)]; async fn the_answer_is_the_operators_and_its_times_are_checked(app) {
    let sent_away = app.get("/console/why.json").send().await;
    assert_eq!((sent_away.status(), sent_away.header("location")), (303, "/console/sign-in"));
    let cookie = operator(app).await;
    for query in ["?since=yesterday", "?until=3", "?from=2026-01-01T00:00:00Z"] {
        let answer = app.get(&format!("/console/why.json{query}")).header("cookie", &cookie).send().await;
        assert!(answer.status() == 400 && answer.text().contains("2026-01-31T03:00:00Z"), "{query}: {}", answer.text());
    }
});
