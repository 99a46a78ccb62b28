//! More requests than may run at once. The test holds requests open, so nothing depends on time.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use harness::wire::{HttpConnection, HttpRequest};
use tenfold::both_databases;
use tenfold::operators::{console_key, sign_console_token};
use tenfold::testing::{TestApp, TestRequest, TestResponse};
use tokio::sync::oneshot;

use super::going_away::{begin, until};
use crate::{new_owner, probe, problem, sign_up, text};

/// One request at a time, and nobody waits.
const ONE: [(&str, &str); 4] = [
    ("admission.min_limit", "1"),
    ("admission.max_limit", "1"),
    ("admission.max_waiting", "0"),
    ("http.deadline", "1h"),
];
/// One request at a time, and two wait for as long as the test wants.
const WAITING: [(&str, &str); 6] = [
    ("admission.min_limit", "1"),
    ("admission.max_limit", "1"),
    ("admission.max_waiting", "2"),
    ("admission.max_wait", "1h"),
    ("admission.overload_wait", "1h"),
    ("http.deadline", "1h"),
];
/// Four at a time; best effort begins only while fewer run than the test has threads, which are two.
pub(super) const FOUR: [(&str, &str); 4] = [
    ("admission.min_limit", "4"),
    ("admission.max_limit", "4"),
    ("admission.max_waiting", "0"),
    ("http.deadline", "1h"),
];

/// Sends a request, which must not be answered yet. It goes on while the test polls it, and ends when it is dropped.
pub(super) fn hold(request: TestRequest) -> Pin<Box<dyn Future<Output = TestResponse>>> {
    let mut sent: Pin<Box<dyn Future<Output = TestResponse>>> = Box::pin(request.send());
    // It lets others arrive before its handler runs.
    for _ in 0..3 {
        let answer = (&mut sent).now_or_never();
        assert!(answer.is_none(), "it is answered at once: {answer:?}");
    }
    sent
}

fn is_refused(answer: &TestResponse) {
    assert_eq!(problem(answer, 503)["type"], "urn:tenfold:problem:overloaded");
    let after: u64 = answer.header("retry-after").parse().expect("Retry-After is a number");
    assert!((1..=3).contains(&after), "{after}");
}

/// A figure of admission, as the metrics say it.
pub(super) async fn figure(app: &TestApp, name: &str) -> u64 {
    let text = app.get("/metrics").send().await.text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} is not in {text}"))
}

/// How many run beside the request that asks.
async fn running(app: &TestApp) -> u64 {
    figure(app, "tenfold_admission_in_flight").await - 1
}

async fn is_served(app: &TestApp) {
    assert_eq!(app.get("/probe/address").send().await.status(), 200);
}

both_databases!(probe::app(), ONE; async fn a_request_above_the_limit_is_refused_before_any_work(app) {
    let held = hold(app.get("/probe/hang"));
    app.forget();
    is_refused(&app.get("/probe/notes").send().await);
    let unread = stream::poll_fn(|_| -> Poll<Option<std::io::Result<bytes::Bytes>>> { panic!("the body is read") });
    is_refused(&app.post("/v1/auth/sign-in").header("content-type", "application/json").pieces(unread).send().await);
    assert_eq!(app.statements().len(), 0);
    assert_eq!(figure(app, "tenfold_admission_refused_total{class=\"normal\"}").await, 2);
    drop(held);
    is_served(app).await;
});

both_databases!(probe::app(), ONE; async fn what_is_critical_is_answered_when_the_limit_is_reached(app) {
    let token = new_owner(app).await;
    let _held = hold(app.get("/probe/hang"));
    is_refused(&app.get("/v1/users").bearer(&token).send().await);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(app.get(path).send().await.status(), 200, "{path}");
    }
    let console = app.get("/console/endpoints").send().await.text();
    assert!(!console.contains("overloaded"), "{console}");
    assert_eq!(app.post("/v1/auth/sign-out").bearer(&token).send().await.status(), 204);
});

/// As `ONE`, with a console that is reached at both addresses.
const OPERATED: [(&str, &str); 6] = [
    ("admission.min_limit", "1"),
    ("admission.max_limit", "1"),
    ("admission.max_waiting", "0"),
    ("http.deadline", "1h"),
    ("http.operators", "127.0.0.1:0"),
    ("console.password", "a long enough password"),
];

both_databases!(probe::app(), OPERATED; async fn operators_sign_in_at_their_port_while_the_limit_is_reached(app) {
    let _held = hold(app.get("/probe/hang"));
    let form = "password=a+long+enough+password";
    let kind = "application/x-www-form-urlencoded";
    let sign_in = app.post("/console/sign-in").header("sec-fetch-site", "same-origin").header("content-type", kind);
    is_refused(&sign_in.body(form.to_owned()).send().await);
    app.listen_for_operators(async |operators| {
        let request = HttpRequest::post("/console/sign-in").header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", kind).body(form);
        let answer = HttpConnection::open(&operators.to_string()).and_then(|mut connection| connection.ask(&request));
        let answer = answer.expect("an answer");
        assert_eq!((answer.status, answer.header("location")), (303, "/console"), "{}", answer.text());
    })
    .await;
});

both_databases!(probe::app(), OPERATED; async fn who_knows_the_password_asks_without_a_sign_in_at_the_limit(app) {
    let asked = async |password: &str| {
        let token = sign_console_token(&console_key(password).unwrap(), "", app.clock().now() + Duration::from_secs(60)).unwrap();
        app.get("/console/why.json").header("cookie", &format!("tenfold-console={token}")).send().await
    };
    let _held = hold(app.get("/probe/hang"));
    is_refused(&app.get("/probe/notes").send().await);
    let answer = asked("a long enough password").await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(asked("another long password").await.status(), 303);
});

both_databases!(probe::app(), WAITING; async fn clients_that_leave_give_back_their_places(app) {
    for _ in 0..3 {
        let running_one = hold(app.get("/probe/hang"));
        let waiting_one = hold(app.get("/probe/address"));
        assert_eq!(figure(app, "tenfold_admission_waiting").await, 1);
        drop(waiting_one);
        assert_eq!(figure(app, "tenfold_admission_waiting").await, 0);
        let mut next = hold(app.get("/probe/address"));
        drop(running_one);
        assert_eq!((&mut next).await.status(), 200);
        assert_eq!(running(app).await, 0);
    }
    is_served(app).await;
});

both_databases!(probe::app(), ONE; async fn a_connection_that_is_closed_gives_its_permit_back(app) {
    app.listen(async |address| {
        for _ in 0..3 {
            let client = begin(address, "GET", "/probe/hang").await;
            until("it runs", async || running(app).await == 1).await;
            drop(client);
            until("it has ended", async || running(app).await == 0).await;
            is_served(app).await;
        }
    })
    .await;
});

/// While `flood` fills the queue again and again, `other` keeps its place, and is served.
async fn is_served_beside_a_flood(
    app: &TestApp,
    flood: impl Fn() -> TestRequest,
    other: impl Fn() -> TestRequest,
) {
    let held = hold(app.get("/probe/hang"));
    let mut waiting = vec![hold(flood()), hold(flood())];
    let other = hold(other());
    // So few that it is not a greedy flow yet, which would be refused at once.
    waiting.extend((0..4).map(|_| hold(flood())));
    for mut older in waiting.drain(..5) {
        is_refused(&(&mut older).now_or_never().expect("it had to make room"));
    }
    drop((held, waiting));
    assert_eq!(other.await.status(), 200);
}

both_databases!(probe::app(), WAITING; async fn another_address_is_served_beside_a_flood(app) {
    let of = |address| move || app.get("/probe/address").from_address(address);
    is_served_beside_a_flood(app, of("192.0.2.1"), of("192.0.2.2")).await;
});

both_databases!(probe::app(), WAITING; async fn another_organization_is_served_beside_a_flood(app) {
    // The same address: what counts is the token.
    let flood = text(&sign_up(app, "flood@new.test").await["token"]);
    let other = text(&sign_up(app, "other@new.test").await["token"]);
    let of = |token| move || app.get("/probe/address").bearer(token);
    is_served_beside_a_flood(app, of(&flood), of(&other)).await;
});

both_databases!(probe::app(), FOUR; async fn best_effort_is_refused_first(app) {
    let _first = hold(app.get("/probe/hang"));
    assert_eq!(app.get("/probe/export").send().await.status(), 200);
    let _second = hold(app.get("/probe/hang"));
    is_refused(&app.get("/probe/export").send().await);
    is_served(app).await;
});

both_databases!(probe::app(), ONE; async fn a_slow_upload_leaves_its_room_to_others(app) {
    let never = stream::pending();
    let sign_in = app.post("/v1/auth/sign-in").header("content-type", "application/json").pieces(never);
    let _held = hold(sign_in);
    is_served(app).await;
});

/// A sign-in whose last byte comes when the test says so.
fn withheld(app: &TestApp) -> (oneshot::Sender<()>, TestRequest) {
    let (send, sent) = oneshot::channel();
    let credentials = r#"{"email":"nobody@acme.test","password":"not the right one"}"#;
    let (most, last) = credentials.split_at(credentials.len() - 1);
    let last = async move {
        let _ = sent.await;
        Ok::<_, std::io::Error>(bytes::Bytes::from(last))
    };
    let pieces = stream::iter([Ok(bytes::Bytes::from(most))]).chain(stream::once(last));
    let sign_in = app.post("/v1/auth/sign-in").header("content-type", "application/json");
    (send, sign_in.pieces(Box::pin(pieces)))
}

both_databases!(probe::app(), ONE; async fn bodies_that_come_at_once_begin_one_after_the_other(app) {
    let (bytes, uploads): (Vec<_>, Vec<_>) = (0..3).map(|_| withheld(app)).unzip();
    let mut uploads: Vec<_> = uploads.into_iter().map(hold).collect();
    let other = hold(app.get("/probe/hang"));
    assert_eq!(running(app).await, 1, "who waits for a client takes no room");
    for byte in bytes {
        byte.send(()).expect("the body is still wanted");
    }
    for upload in &mut uploads {
        assert!(upload.now_or_never().is_none(), "it goes on beside the limit");
    }
    assert_eq!((running(app).await, figure(app, "tenfold_admission_waiting").await), (1, 3));
    drop(other);
    for answer in join_all(uploads).await {
        assert_eq!(answer.status(), 401, "{}", answer.text());
    }
    assert_eq!(running(app).await, 0);
});

both_databases!(probe::app(), ONE; async fn a_wait_elsewhere_leaves_its_room_to_others(app) {
    let held = hold(app.get("/probe/hang-elsewhere"));
    is_served(app).await;
    drop(held);
    assert_eq!(running(app).await, 0);
});

both_databases!(probe::app(), ONE; async fn a_live_stream_holds_no_permit(app) {
    let token = new_owner(app).await;
    let stream = app.get("/v1/live?watch=%2Fhealthz").bearer(&token).stream().await;
    assert_eq!(stream.status(), 200);
    is_served(app).await;
});

both_databases!(probe::app(), ONE; async fn a_handler_without_pauses_does_not_hide_the_next_request(app) {
    let three = (0..3).map(|_| app.get("/probe/address").send());
    let mut statuses: Vec<_> = join_all(three).await.iter().map(TestResponse::status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 503, 503]);
});

both_databases!(probe::app(), ONE; async fn handlers_see_the_pressure(app) {
    assert_eq!(app.get("/probe/pressure").send().await.json(), 1.0, "it takes all of the room itself");
});

both_databases!(probe::app(), [("admission.enabled", "false")];
async fn without_admission_nothing_is_counted_and_nothing_refused(app) {
    let _held: Vec<_> = (0..50).map(|_| hold(app.get("/probe/hang"))).collect();
    is_served(app).await;
    assert_eq!(app.get("/probe/pressure").send().await.json(), 0.0);
    assert!(!app.get("/metrics").send().await.text().contains("tenfold_admission"));
});
