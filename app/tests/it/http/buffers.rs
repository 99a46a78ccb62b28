//! Clients that make the service hold bytes: it holds no more than it may, and serves the others.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::future::join_all;
use h2::client::SendRequest;
use http::StatusCode;
use tenfold::data::Dialect;
use tenfold::testing::{self, TestApp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::connections::{ask2, connect, ends, get, http2_with, is_served, read_until, send, soon};
use super::going_away::until;
use crate::new_owner;

/// A budget that a few clients use up, and nothing else that would end them.
const NARROW: [Setting; 7] = [
    ("http.buffer_limit", "1 MiB"),
    ("http.connection_buffer_limit", "256 KiB"),
    ("http.body_limit", "128 KiB"),
    ("http.header_timeout", "1h"),
    ("http.idle_timeout", "1h"),
    ("http.pace_window", "1h"),
    ("http.deadline", "1h"),
];
pub(super) const LIMIT: u64 = 1 << 20;
/// What comes counts before it is refused. Without a bound a flood holds ten times as much.
const MOST: u64 = 2 * LIMIT;

/// A setting's name and value.
type Setting = (&'static str, &'static str);

/// The narrow budget, and more settings.
pub(super) fn narrow_and(more: &[Setting]) -> Vec<Setting> {
    [&NARROW, more].concat()
}

pub(super) fn run(test: impl AsyncFnOnce(&TestApp, SocketAddr)) {
    testing::run(app::app(), Dialect::Sqlite, &narrow_and(&[("admission.enabled", "false")]), async |app| {
        app.listen(async |address| test(app, address).await).await;
    });
}

pub(super) async fn figure(app: &TestApp, name: &str) -> u64 {
    let text = app.get("/metrics").send().await.text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} is not in {text}"))
}

pub(super) async fn held(app: &TestApp) -> u64 {
    figure(app, "tenfold_http_buffered_bytes").await
}

/// How often the bound has made itself felt.
pub(super) async fn acted(app: &TestApp) -> u64 {
    figure(app, "tenfold_http_buffer_refused_total").await
        + figure(app, "tenfold_http_buffer_cut_total").await
}

async fn has_acted(app: &TestApp) -> bool {
    acted(app).await > 0
}

/// How many requests count as refused by the service.
pub(super) fn refused(app: &TestApp) -> u64 {
    app.telemetry().refused_by_minute(60).into_iter().sum()
}

pub(super) async fn holds_nothing(app: &TestApp) {
    until("nothing is held", async || held(app).await == 0).await;
}

fn sign_in(length: usize) -> Vec<u8> {
    let head = "POST /v1/auth/sign-in HTTP/1.1\r\nhost: app.test\r\ncontent-type: application/json\r\n";
    format!("{head}content-length: {length}\r\n\r\n").into_bytes()
}

/// A sign-in with most of its body.
pub(super) fn unfinished_body() -> Vec<u8> {
    let mut bytes = sign_in(100 << 10);
    bytes.resize(90 << 10, b' ');
    bytes
}

/// Clients that send these bytes each and no more, until some are refused. What is held stays within its bound.
async fn flood(app: &TestApp, address: SocketAddr, bytes: &[u8]) -> Vec<TcpStream> {
    let mut clients = Vec::new();
    while !has_acted(app).await {
        assert!(clients.len() < 200, "nobody is refused");
        for _ in 0..8 {
            let mut client = connect(address).await;
            // One that is refused need not be read.
            let _ = client.write_all(bytes).await;
            clients.push(client);
        }
        assert!(held(app).await <= MOST);
    }
    clients
}

/// More and more clients that send these bytes each and no more, so that others have to make room.
async fn floods_for_ever(app: &TestApp, address: SocketAddr, bytes: &[u8]) {
    let mut clients = Vec::new();
    loop {
        let mut client = connect(address).await;
        let _ = client.write_all(bytes).await;
        clients.push(client);
        assert!(held(app).await <= MOST);
        clients.drain(..clients.len().saturating_sub(100));
    }
}

/// How one client is answered, on a connection of its own; nothing if that is cut.
pub(super) async fn asks(address: SocketAddr, request: &[u8]) -> String {
    let mut client = connect(address).await;
    let mut seen = Vec::new();
    soon("an answer comes", async {
        if client.write_all(request).await.is_ok() {
            while !seen.contains(&b'\n') && client.read_buf(&mut seen).await.is_ok_and(|bytes| bytes > 0) {}
        }
    })
    .await;
    String::from_utf8_lossy(&seen).into_owned()
}

/// Clients that stand still make room for one that does not.
pub(super) async fn is_served_at_last(address: SocketAddr, request: &[u8], status: &str) {
    soon("it is served", async {
        loop {
            let answer = asks(address, request).await;
            if answer.starts_with(&format!("HTTP/1.1 {status} ")) {
                break;
            }
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503 "), "{answer}");
        }
    })
    .await;
}

async fn asks_for_ever(address: SocketAddr) {
    loop {
        is_served_at_last(address, &get("/openapi.json", ""), "200").await;
    }
}

#[test]
fn unfinished_bodies_are_held_within_the_budget() {
    run(async |app, address| {
        let unfinished = unfinished_body();
        let mut clients = flood(app, address, &unfinished).await;
        let wrong = br#"{"email": "a@b.test", "password": "wrong"}"#;
        let request = [sign_in(wrong.len()), wrong.to_vec()].concat();
        is_served_at_last(address, &request, "401").await;
        assert!(held(app).await <= MOST);
        // The one that has held its bytes for longest is told why.
        let answer = tokio::select! {
            answer = read_until(&mut clients[0], "http.buffer_limit") => answer,
            () = floods_for_ever(app, address, &unfinished) => unreachable!("it has no end"),
        };
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("problem:overloaded"), "{answer}");
        drop(clients);
        holds_nothing(app).await;
    });
}

#[test]
fn unfinished_heads_are_held_within_the_budget() {
    run(async |app, address| {
        let mut unfinished = b"GET /healthz HTTP/1.1\r\nx-long: ".to_vec();
        unfinished.resize(30 << 10, b'x');
        let mut clients = flood(app, address, &unfinished).await;
        is_served(&mut connect(address).await).await;
        // Once they have stood still for a while, others need their room.
        tokio::select! {
            () = ends(&mut clients[0]) => {}
            () = asks_for_ever(address) => unreachable!("it has no end"),
        }
        drop(clients);
        holds_nothing(app).await;
    });
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    run(async |app, address| {
        let mut client = connect(address).await;
        let mut head = b"GET /healthz HTTP/1.1\r\nhost: app.test\r\nx-long: ".to_vec();
        head.resize(40 << 10, b'x');
        send(&mut client, &head).await;
        read_until(&mut client, "HTTP/1.1 431 ").await;
        holds_nothing(app).await;
    });
}

/// A connection of HTTP/2 that takes no byte of any answer.
pub(super) async fn zero_window(
    address: SocketAddr,
) -> (SendRequest<Bytes>, tokio::sync::oneshot::Receiver<()>) {
    http2_with(address, h2::client::Builder::new().initial_window_size(0)).await
}

#[test]
fn answers_that_nobody_takes_are_held_within_the_budget() {
    run(async |app, address| {
        let length = app.get("/openapi.json").send().await.bytes().len() as u64;
        let mut clients = Vec::new();
        loop {
            let (client, end) = zero_window(address).await;
            let request = http::Request::get("http://app.test/openapi.json").body(()).expect("it is one");
            let mut client = soon("HTTP/2 is ready", client.ready()).await.expect("the connection is open");
            let (answer, _) = client.send_request(request, true).expect("the connection is open");
            let answer = soon("an answer comes", answer).await.expect("an answer comes");
            let status = answer.status();
            // An answer that has been made is there.
            assert!(held(app).await <= MOST + length);
            clients.push((client, end, answer));
            if status == StatusCode::SERVICE_UNAVAILABLE || has_acted(app).await {
                break;
            }
            assert!(clients.len() < 100, "nobody is refused");
        }
        is_served_at_last(address, &get("/openapi.json", ""), "200").await;
        let (client, end, answer) = clients.remove(0);
        soon("the connection is cut", end).await.expect("it ends");
        drop((client, answer, clients));
        holds_nothing(app).await;
    });
}

/// Asks for small answers that it does not take, and resets their streams, until the connection is cut.
async fn asks_and_resets(client: SendRequest<Bytes>) {
    while let Ok(mut client) = client.clone().ready().await {
        let request = http::Request::get("http://app.test/healthz").body(()).expect("it is one");
        let Ok((answer, _)) = client.send_request(request, true) else { break };
        if answer.await.is_err() {
            break;
        }
    }
}

#[test]
fn small_requests_and_resets_keep_no_answers_in_memory() {
    run(async |app, address| {
        let mut clients = Vec::new();
        while !has_acted(app).await {
            assert!(clients.len() < 100, "nobody is refused");
            let (client, end) = zero_window(address).await;
            let request = http::Request::get("http://app.test/openapi.json").body(()).expect("it is one");
            let mut client = soon("HTTP/2 is ready", client.ready()).await.expect("the connection is open");
            let (answer, _) = client.send_request(request, true).expect("the connection is open");
            let answer = soon("an answer comes", answer).await.expect("an answer comes");
            clients.push((client, end, answer));
        }
        let busy = join_all(clients.iter().map(|(client, ..)| asks_and_resets(client.clone())));
        // All of them may have been cut.
        let busy = async {
            busy.await;
            std::future::pending::<()>().await;
        };
        let request = get("/openapi.json", "");
        tokio::select! {
            () = is_served_at_last(address, &request, "200") => {}
            () = busy => unreachable!("it has no end"),
        }
        assert!(figure(app, "tenfold_http_buffer_cut_total").await > 0);
        drop(clients);
        holds_nothing(app).await;
    });
}

#[test]
fn what_a_client_has_taken_of_an_answer_is_given_back() {
    run(async |app, address| {
        let length = app.get("/openapi.json").send().await.bytes().len() as u64;
        let window = 64 << 10;
        assert!(length > window + window / 2, "the rest of the answer is to be seen");
        // It takes a window of it, and no more.
        let (client, _end) =
            http2_with(address, h2::client::Builder::new().initial_window_size(64 << 10)).await;
        let body = ask2(&client, "/openapi.json", "").await;
        until("the window is given back", async || held(app).await < length - window / 2).await;
        assert!(held(app).await > length - window - window / 4);
        drop((body, client));
        holds_nothing(app).await;
    });
}

#[test]
fn one_connection_does_not_hold_more_than_its_share() {
    run(async |app, address| {
        let (client, _end) = http2_with(address, &h2::client::Builder::new()).await;
        let mut bodies = Vec::new();
        let refused = soon("one is refused", async {
            loop {
                let before = held(app).await;
                let request = http::Request::post("http://app.test/v1/auth/sign-in");
                let request = request.header("content-type", "application/json").body(()).expect("it is one");
                let mut client = client.clone().ready().await.expect("the connection is open");
                let (answer, mut body) = client.send_request(request, false).expect("the connection is open");
                // One that is refused at once takes no bytes any more.
                let _ = body.send_data(vec![b' '; 90 << 10].into(), false);
                bodies.push(body);
                let mut answer = Box::pin(answer);
                // All of them, and what the request takes besides: if some of them came later, one whose answer nobody awaits could be refused.
                let waits = until("its bytes are held", async || held(app).await > before + (160 << 10));
                tokio::select! {
                    answer = &mut answer => break answer.expect("an answer comes"),
                    () = waits => {}
                }
                assert!(bodies.len() < 10, "nobody is refused");
            }
        })
        .await;
        assert_eq!(refused.status(), 503);
        let mut body = refused.into_body();
        let detail =
            soon("the problem comes", body.data()).await.expect("there is one").expect("it is whole");
        assert!(String::from_utf8_lossy(&detail).contains("http.connection_buffer_limit"), "{detail:?}");
        assert!(held(app).await < 512 << 10);
        assert_eq!(self::refused(app), 0, "that says something of the client, and nothing of the service");
        is_served(&mut connect(address).await).await;
        drop((bodies, client, body));
        holds_nothing(app).await;
    });
}

#[test]
fn what_is_held_is_given_back_with_each_answer() {
    run(async |app, address| {
        let token = new_owner(app).await;
        let mut stream = connect(address).await;
        send(&mut stream, &get("/v1/notifications/events", &token)).await;
        read_until(&mut stream, "text/event-stream").await;
        let (client, _end) = http2_with(address, &h2::client::Builder::new()).await;
        for _ in 0..5 {
            let mut body = ask2(&client, "/openapi.json", "").await;
            while let Some(piece) = body.data().await {
                let piece = piece.expect("it does not break off");
                body.flow_control().release_capacity(piece.len()).expect("it was taken");
            }
            is_served_at_last(address, &sign_in(2).into_iter().chain(*b"{}").collect::<Vec<_>>(), "422")
                .await;
        }
        holds_nothing(app).await;
    });
}
