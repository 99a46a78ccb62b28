//! Requests that are refused because too many come are told, with who sends them. The test holds the only place, so nothing depends on time.

use std::future::pending;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tenfold::axum::routing::get;
use tenfold::data::Dialect;
use tenfold::http::{Json, Routes};
use tenfold::testing::{self, TestApp};
use tenfold::{App, Context, Module, both_databases};

use crate::alerts::Hook;
use crate::cli::place::Place;
use crate::why::{operator, why};
use crate::{organization, sign_up, text};

const PASSWORD: &str = "a long enough password";
const ROUTE: &str = "GET /busy/things";
/// One request at a time, and nobody waits.
const ONE: [(&str, &str); 5] = [
    ("admission.min_limit", "1"),
    ("admission.max_limit", "1"),
    ("admission.max_waiting", "0"),
    ("http.deadline", "1h"),
    ("console.password", PASSWORD),
];

fn app() -> App {
    app::app().module(Module::new("busy").routes(routes))
}

fn routes() -> Routes {
    Routes::new().route("/busy/things", get(things)).route("/busy/hang", get(hangs))
}

async fn things(_: Context) -> Json<()> {
    Json(())
}

/// It keeps its place until it is dropped.
async fn hangs() -> Json<()> {
    pending().await
}

/// Two owners, after half a minute in which each asks once a second.
async fn two_owners(app: &TestApp) -> (String, String) {
    let one = text(&sign_up(app, "one@new.test").await["token"]);
    let two = text(&sign_up(app, "two@new.test").await["token"]);
    app.run_due_jobs().await;
    app.clock().advance(Duration::from_secs(60));
    for _ in 0..30 {
        second(app, &one, (&two, 0)).await;
    }
    (one, two)
}

/// A second of the test's clock in which both ask once, and the second one as often beyond that while there is no room.
async fn second(app: &TestApp, one: &str, (two, refused): (&str, usize)) {
    if refused > 0 {
        let mut held = Box::pin(app.get("/busy/hang").send());
        // It lets others arrive before its handler runs.
        for _ in 0..3 {
            assert!((&mut held).now_or_never().is_none(), "it is answered at once");
        }
        for _ in 0..refused {
            assert_eq!(app.get("/busy/things").bearer(two).send().await.status(), 503);
        }
    }
    assert_eq!(app.get("/busy/things").bearer(one).send().await.status(), 200);
    // It may have asked for so much that the other one comes first.
    app.get("/busy/things").bearer(two).send().await;
    app.clock().advance(Duration::from_secs(1));
}

async fn seconds(app: &TestApp, count: usize, one: &str, two: (&str, usize)) {
    for _ in 0..count {
        second(app, one, two).await;
    }
}

/// How many of the lab's requests were refused, by an answer.
fn refused(answer: &Value) -> u64 {
    assert_eq!(answer["endpoints"][0]["route"], ROUTE, "{answer:#}");
    answer["endpoints"][0]["refused"].as_u64().expect("it is a number")
}

both_databases!(app(), ONE; async fn an_overload_is_told_with_who_sends_too_much(app) {
    let (one, two) = two_owners(app).await;
    let onset = app.clock().now();
    seconds(app, 15, &one, (&two, 20)).await;
    let cookie = operator(app).await;
    let answer = why(app, &cookie, "").await;
    assert!(refused(&answer) >= 300, "{answer:#}");
    assert_eq!(answer["since"], onset.to_string(), "{answer:#}");
    let (sender, sent) = (organization(&two).to_string(), &answer["overload"]["sender"]);
    assert_eq!(sent["organization"], json!(sender), "{answer:#}");
    assert!(sent["share"].as_f64() > Some(0.8) && sent["now_s"].as_f64() > Some(15.0), "{answer:#}");
    assert_eq!(answer["organizations"], json!([sender]), "the other one is served");
    let verdict = text(&answer["verdict"]);
    let says = format!(": more requests come than the service can answer; the organization {sender} sends ");
    assert!(verdict.contains(" % of GET /busy/things are refused since ") && verdict.contains(&says), "{verdict}");
    // The first page says the same, and shows the refused ones on the chart.
    let page = app.get("/console").header("cookie", &cookie).send().await.text();
    for part in [&*verdict, "What is refused", "Of two@new.test</a>", "rect class=\"refused\"", "key-refused"] {
        assert!(page.contains(part), "{part} is not on the page:\n{page}");
    }
    assert!(page.contains(" were refused</strong> (") && page.contains(" % of all), because more came"), "{page}");
    app.clock().advance(Duration::from_secs(2 * 3600));
    let later = app.get("/console").header("cookie", &operator(app).await).send().await.text();
    assert!(later.contains("run at once now") && later.contains("; the threads are ") && !later.contains("refused</strong>"), "nothing was refused in this period:\n{later}");
});

both_databases!(app(), ONE; async fn a_burst_and_a_few_refusals_are_not_told(app) {
    let (one, two) = two_owners(app).await;
    second(app, &one, (&two, 100)).await;
    seconds(app, 5, &one, (&two, 0)).await;
    seconds(app, 5, &one, (&two, 1)).await;
    let answer = why(app, &operator(app).await, "").await;
    assert!(answer["overload"].is_null() && !text(&answer["verdict"]).contains("refused"), "{answer:#}");
});

both_databases!(app(), ONE; async fn records_of_processes_are_put_together(app) {
    let (one, two) = two_owners(app).await;
    seconds(app, 15, &one, (&two, 20)).await;
    let alone = refused(&why(app, &operator(app).await, "").await);
    let until = app.clock().now().to_string();
    // One process stands for two that have recorded the same.
    let asked = app.listen(async |address| {
        let url = format!("http://{address}");
        let ask = move || {
            let place = Place::sqlite();
            let why = place.bare(&["why", "--json", "--until", &until, "--at", &url, "--at", &url]);
            why.env("TENFOLD_CONSOLE__PASSWORD", PASSWORD).finish()
        };
        tokio::task::spawn_blocking(ask).await.expect("it ends")
    });
    let told = asked.await;
    let answer: Value = serde_json::from_str(&told.out).unwrap_or_else(|_| panic!("{}{}", told.out, told.err));
    assert_eq!(refused(&answer), 2 * alone, "{answer:#}");
    assert_eq!(answer["overload"]["sender"]["organization"], json!(organization(&two).to_string()), "{answer:#}");
});

#[test]
fn an_alert_is_sent_for_an_overload_and_not_for_a_burst() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let hook = Hook::open(&[200]);
        let settings = [&ONE[..], &[("console.alert_webhook", &*hook.url)]].concat();
        testing::run(app(), dialect, &settings, async |app| {
            let (one, two) = two_owners(app).await;
            second(app, &one, (&two, 100)).await;
            app.each_minute().await;
            assert!(!is_told(&hook), "a burst is none");
            seconds(app, 15, &one, (&two, 20)).await;
            app.each_minute().await;
            assert!(is_told(&hook), "the overload is told");
        });
    }
}

/// Whether a message says that requests are refused. Durations are real here, and may be worth a message of their own.
fn is_told(hook: &Hook) -> bool {
    hook.messages().iter().any(|message| text(&message.body["text"]).contains("are refused"))
}
