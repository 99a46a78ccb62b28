//! Calls to other services are a part of what requests and jobs take, and are named when they get slow or fail.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tenfold::http::{Json, Problem, Routes};
use tenfold::jobs::{Enqueue as _, Job, JobContext};
use tenfold::prelude::axum::extract::Query;
use tenfold::prelude::axum::routing::get;
use tenfold::testing::TestApp;
use tenfold::{App, Module, SystemContext, both_databases};
use tenfold_outbound::{Method, OutboundClient, OutboundRequest, OutboundUrl};

use crate::why::{operator, why};

const PASSWORD: &str = "a long enough password";

/// The application with a module that charges customers at another service.
fn app() -> App {
    app::app().module(Module::new("shop").routes(routes).job::<Pay>())
}

fn routes() -> Routes {
    Routes::new().route("/shop/pay", get(pay)).route("/shop/pay-later", get(pay_later))
}

/// A payment, with what the service does with it.
#[derive(Clone, Copy, Deserialize, Serialize)]
struct Pay {
    port: u16,
    /// How long the service takes, in milliseconds.
    takes: u64,
    status: u16,
    /// How long the caller waits, in milliseconds; 0 if it gives up as soon as it has begun.
    deadline: u64,
}

impl Job for Pay {
    const KIND: &'static str = "shop.pay";

    async fn run(self, _: JobContext) -> anyhow::Result<()> {
        self.charge().await
    }
}

impl Pay {
    async fn charge(self) -> anyhow::Result<()> {
        let Pay { port, takes, status, deadline } = self;
        let path = format!("/v1/charges/ch_4711/{takes}/{status}?key=top-secret");
        let url = OutboundUrl::parse(&format!("http://127.0.0.1:{port}{path}"))?;
        let patience = Duration::from_millis(if deadline == 0 { 60_000 } else { deadline });
        let request = OutboundRequest::new(Method::POST, patience).operation("POST /v1/charges/{id}");
        let client = OutboundClient::default();
        let asked = client.send(&url, request);
        if deadline == 0 {
            // It is polled once, and dropped.
            let answer = tokio::time::timeout(Duration::ZERO, asked).await;
            anyhow::bail!("nobody waits for {answer:?}");
        }
        let answer = asked.await?;
        anyhow::ensure!(answer.is_success(), "the service is out of order");
        Ok(())
    }
}

async fn pay(Query(pay): Query<Pay>) -> Result<Json<()>, Problem> {
    pay.charge().await.map(Json).map_err(Problem::internal)
}

async fn pay_later(cx: SystemContext, Query(pay): Query<Pay>) -> Result<Json<()>, Problem> {
    cx.transaction(async |tx| tx.enqueue(pay).await).await?;
    Ok(Json(()))
}

/// A service that answers when and as its callers ask; gives its port.
fn service() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || answer(connection));
        }
    });
    port
}

fn answer(mut connection: TcpStream) -> Option<()> {
    let mut received = [0; 4096];
    let length = connection.read(&mut received).ok()?;
    let text = String::from_utf8_lossy(&received[..length]);
    let path = text.split([' ', '?']).nth(1)?;
    let (path, status) = path.rsplit_once('/')?;
    let takes = path.rsplit_once('/')?.1.parse().ok()?;
    let (_never, told) = channel::<()>();
    let _ = told.recv_timeout(Duration::from_millis(takes));
    write!(connection, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n").ok()
}

/// A second of the test's clock with one payment.
async fn second(app: &TestApp, path: &str, pay: Pay) {
    let Pay { port, takes, status, deadline } = pay;
    let query = format!("port={port}&takes={takes}&status={status}&deadline={deadline}");
    app.get(&format!("{path}?{query}")).send().await;
    app.run_due_jobs().await;
    app.clock().advance(Duration::from_secs(1));
}

/// What is wrong after half a minute of quick payments, and ten seconds of these.
async fn answer_after(app: &TestApp, path: &str, ill: impl Fn(u64) -> Pay, pay: Pay) -> (Value, String) {
    let _spans = app.record_spans();
    for _ in 0..30 {
        second(app, path, pay).await;
    }
    for number in 0..10 {
        second(app, path, ill(number)).await;
    }
    let cookie = operator(app).await;
    let answer = why(app, &cookie, "").await;
    let trace = format!("/console/traces/{}", crate::text(&answer["traces"][0]));
    let trace = app.get(&trace).header("cookie", &cookie).send().await.text();
    let page = app.get("/console").header("cookie", &cookie).send().await.text();
    for text in [&answer.to_string(), &trace, &page] {
        assert!(!text.contains("top-secret") && !text.contains("ch_4711"), "{text}");
    }
    let verdict = crate::text(&answer["verdict"]);
    // People see the same on the first page.
    assert!(page.contains(&verdict), "{verdict} is not on {page}");
    (answer, trace)
}

/// What pays quickly.
fn quick() -> Pay {
    Pay { port: service(), takes: 0, status: 200, deadline: 60_000 }
}

/// The service gets slow for what is called at `path`: that is said of `name`.
async fn slow(app: &TestApp, path: &str, name: &str) {
    let pay = quick();
    let (answer, trace) = answer_after(app, path, |_| Pay { takes: 400, ..pay }, pay).await;
    assert_eq!(answer["endpoints"][0]["route"], name, "{answer:#}");
    let service = format!("127.0.0.1:{} (POST /v1/charges/{{id}})", pay.port);
    let call = &answer["outbound"][0];
    assert_eq!((&call["name"], &call["more_often"]), (&json!(service), &json!(1.0)), "{answer:#}");
    assert!(call["now_ms"].as_f64() > Some(399.0) && call["share"].as_f64() > Some(0.5), "{answer:#}");
    let verdict = crate::text(&answer["verdict"]);
    assert!(verdict.contains(&format!("calls to {service} take ")), "{verdict}");
    assert!(trace.contains("call to <code>") && trace.contains("(POST /v1/charges/{id})"), "{trace}");
}

both_databases!(app(), [("console.password", PASSWORD)]; async fn a_service_that_is_slow_for_requests_is_named(app) {
    slow(app, "/shop/pay", "GET /shop/pay").await;
});

both_databases!(app(), [("console.password", PASSWORD)]; async fn a_service_that_is_slow_for_jobs_is_named(app) {
    slow(app, "/shop/pay-later", "shop.pay").await;
});

both_databases!(app(), [("console.password", PASSWORD)]; async fn errors_and_time_outs_of_a_service_are_failures_of_its_calls(app) {
    let pay = quick();
    let ill = |number: u64| match number % 2 {
        0 => Pay { status: 503, ..pay },
        _ => Pay { takes: 30_000, deadline: 200, ..pay },
    };
    let (answer, trace) = answer_after(app, "/shop/pay", ill, pay).await;
    assert_eq!((&answer["endpoints"][0]["route"], &answer["endpoints"][0]["errors"]), (&json!("GET /shop/pay"), &json!(10)), "{answer:#}");
    let call = &answer["outbound"][0];
    assert_eq!((&call["failed_before"], &call["failed_now"]), (&json!(0.0), &json!(1.0)), "{answer:#}");
    let verdict = crate::text(&answer["verdict"]);
    assert!(verdict.contains("100 % of calls to 127.0.0.1:") && verdict.contains(" fail instead of 0.0 %"), "{verdict}");
    assert!(trace.contains("503") || trace.contains("timeout"), "{trace}");
});

both_databases!(app(), [("console.password", PASSWORD)]; async fn a_call_that_is_given_up_is_a_failure(app) {
    let pay = quick();
    let (answer, trace) = answer_after(app, "/shop/pay", |_| Pay { takes: 30_000, deadline: 0, ..pay }, pay).await;
    let call = &answer["outbound"][0];
    assert_eq!((&call["failed_before"], &call["failed_now"]), (&json!(0.0), &json!(1.0)), "{answer:#}");
    assert!(trace.contains("abandoned"), "{trace}");
});
