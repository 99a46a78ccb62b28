//! Connections that do nothing, or too little, and those that are slow and live.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use tenfold::data::Dialect;
use tenfold::testing::{self, TestApp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::{new_owner, text};

/// How long anything may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);
/// A pace that a test can stay below for a second, and so far above that a client that stands still for most of a second does not.
const PACED: [(&str, &str); 2] = [("http.least_pace", "8 KiB"), ("http.pace_window", "1s")];
/// More than the system keeps of an answer that nobody reads.
const LARGE: usize = 24 << 20;

fn run(settings: &[(&str, &str)], test: impl AsyncFnOnce(&TestApp, SocketAddr)) {
    testing::run(app::app(), Dialect::Sqlite, settings, async |app| {
        app.listen(async |address| test(app, address).await).await;
    });
}

pub(super) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("waited in vain until {what}"))
}

pub(super) async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("the application listens")
}

pub(super) fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: app.test\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes()
}

pub(super) async fn send(connection: &mut TcpStream, bytes: &[u8]) {
    connection.write_all(bytes).await.expect("the application reads");
}

/// What comes until the text is there.
pub(super) async fn read_until(connection: &mut TcpStream, wanted: &str) -> String {
    soon(wanted, async {
        let mut seen = Vec::new();
        loop {
            let read = connection.read_buf(&mut seen).await.expect("the connection is open");
            let text = String::from_utf8_lossy(&seen).into_owned();
            if text.contains(wanted) {
                return text;
            }
            assert_ne!(read, 0, "the connection ended after {text}");
        }
    })
    .await
}

/// Asks for `/healthz` and waits for the answer.
pub(super) async fn is_served(connection: &mut TcpStream) {
    send(connection, &get("/healthz", "")).await;
    read_until(connection, "\"ok\"").await;
}

/// Waits until the other side closes.
pub(super) async fn ends(connection: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = soon("the connection ends", connection.read_to_end(&mut rest)).await;
}

/// A connection of HTTP/2 and whether it has ended; nothing reads its answers unless the test does.
async fn http2(address: SocketAddr) -> (SendRequest<Bytes>, tokio::sync::oneshot::Receiver<()>) {
    http2_with(address, &h2::client::Builder::new()).await
}

pub(super) async fn http2_with(
    address: SocketAddr,
    settings: &h2::client::Builder,
) -> (SendRequest<Bytes>, tokio::sync::oneshot::Receiver<()>) {
    let (client, connection) = settings.handshake(connect(address).await).await.expect("HTTP/2 is spoken");
    let (ended, end) = tokio::sync::oneshot::channel();
    #[expect(clippy::disallowed_methods, reason = "it is the test's own")]
    tokio::spawn(async move {
        let _ = connection.await;
        let _ = ended.send(());
    });
    (client, end)
}

pub(super) async fn ask2(client: &SendRequest<Bytes>, path: &str, token: &str) -> RecvStream {
    let request = http::Request::get(format!("http://app.test{path}"));
    let request = request.header("authorization", format!("Bearer {token}")).body(()).expect("it is one");
    let mut client = soon("HTTP/2 is ready", client.clone().ready()).await.expect("the connection is open");
    let (answer, _) = client.send_request(request, true).expect("the connection is open");
    let answer = soon("an answer comes", answer).await.expect("an answer comes");
    assert_eq!(answer.status(), 200);
    answer.into_body()
}

/// The path of a file of so many bytes.
async fn stored(app: &TestApp, token: &str, bytes: usize) -> String {
    let answer = app.post("/v1/files?name=large").bearer(token).body(vec![b'x'; bytes]).send().await;
    assert_eq!(answer.status(), 202, "{}", answer.text());
    format!("{}/content", answer.header("location"))
}

#[test]
fn an_idle_connection_of_http1_is_closed() {
    run(&[("http.idle_timeout", "2s")], async |_, address| {
        let mut connection = connect(address).await;
        is_served(&mut connection).await;
        let began = Instant::now();
        is_served(&mut connection).await;
        ends(&mut connection).await;
        assert!(began.elapsed() >= Duration::from_millis(1990), "{:?}", began.elapsed());
    });
}

#[test]
fn an_idle_connection_of_http2_is_told_and_closed() {
    run(&[("http.idle_timeout", "2s")], async |_, address| {
        let (client, end) = http2(address).await;
        let began = Instant::now();
        drop(ask2(&client, "/healthz", "").await);
        soon("the connection ends", end).await.expect("it ends");
        assert!(began.elapsed() >= Duration::from_millis(1990), "{:?}", began.elapsed());
    });
}

#[test]
fn a_second_head_has_its_time_from_its_first_byte() {
    run(&[("http.header_timeout", "2s"), ("http.idle_timeout", "1h")], async |_, address| {
        let mut resting = connect(address).await;
        is_served(&mut resting).await;
        let mut begun = connect(address).await;
        is_served(&mut begun).await;
        send(&mut begun, b"GET /healthz HT").await;
        ends(&mut begun).await;
        is_served(&mut resting).await;
    });
}

/// Where there is one place, another connection is served only once the one that holds it has lost it.
async fn loses_its_place(address: SocketAddr) {
    let mut other = connect(address).await;
    is_served(&mut other).await;
}

#[test]
fn a_download_that_nobody_reads_loses_its_connection_of_http1() {
    run(&[PACED[0], PACED[1], ("http.max_connections", "1")], async |app, address| {
        let token = new_owner(app).await;
        let path = stored(app, &token, LARGE).await;
        let mut connection = connect(address).await;
        send(&mut connection, &get(&path, &token)).await;
        read_until(&mut connection, "200 OK").await;
        loses_its_place(address).await;
    });
}

#[test]
fn a_download_that_nobody_reads_loses_its_connection_of_http2() {
    run(&[PACED[0], PACED[1], ("http.max_connections", "1")], async |app, address| {
        let token = new_owner(app).await;
        let path = stored(app, &token, LARGE).await;
        let (client, end) = http2(address).await;
        // The window of the stream is never opened again.
        let body = ask2(&client, &path, &token).await;
        loses_its_place(address).await;
        soon("the connection ends", end).await.expect("it ends");
        drop(body);
    });
}

#[test]
fn a_small_answer_that_no_window_lets_out_loses_its_connection() {
    run(&[PACED[0], PACED[1], ("http.max_connections", "1")], async |app, address| {
        let token = new_owner(app).await;
        let (client, end) = http2_with(address, h2::client::Builder::new().initial_window_size(0)).await;
        let body = ask2(&client, "/v1/users", &token).await;
        loses_its_place(address).await;
        soon("the connection ends", end).await.expect("it ends");
        drop(body);
    });
}

#[test]
fn a_download_that_is_slow_and_goes_on_is_given_in_whole() {
    run(&[PACED[0], PACED[1], ("http.idle_timeout", "300ms")], async |app, address| {
        let token = new_owner(app).await;
        let path = stored(app, &token, LARGE).await;
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket.set_recv_buffer_size(64 << 10).expect("it takes a size");
        let mut connection = socket.connect(address).await.expect("the application listens");
        send(&mut connection, &get(&path, &token)).await;
        // A client of some 8 MB a second, for several windows.
        let mut pace = tokio::time::interval(Duration::from_millis(8));
        let (mut read, mut piece) = (0, vec![0; 64 << 10]);
        while read < LARGE {
            pace.tick().await;
            match soon("more comes", connection.read(&mut piece)).await.expect("the connection is open") {
                0 => panic!("cut off after {read} bytes"),
                bytes => read += bytes,
            }
        }
    });
}

#[test]
fn an_event_stream_without_events_outlives_all_limits() {
    let limits = [PACED[0], PACED[1], ("http.idle_timeout", "1s"), ("http.max_connections", "3")];
    run(&limits, async |app, address| {
        let token = new_owner(app).await;
        let mut stream = connect(address).await;
        send(&mut stream, &get("/v1/notifications/events", &token)).await;
        read_until(&mut stream, "text/event-stream").await;
        let (client, end) = http2(address).await;
        let _second = ask2(&client, "/v1/notifications/events", &token).await;
        drop((client, end));
        // What ends meanwhile is the clock: others come, and each is idle for too long.
        for _ in 0..3 {
            let mut other = connect(address).await;
            is_served(&mut other).await;
            ends(&mut other).await;
        }
        stored(app, &token, 10).await;
        app.run_due_jobs().await;
        read_until(&mut stream, "data: ").await;
    });
}

#[test]
fn a_body_that_stands_still_is_a_408_before_the_deadline() {
    run(&PACED, async |app, address| {
        let token = new_owner(app).await;
        for sent in ["", "some of the bytes"] {
            let mut connection = connect(address).await;
            let head = format!(
                "POST /v1/files?name=a HTTP/1.1\r\nhost: app.test\r\nauthorization: Bearer {token}\r\n\
                 content-length: 1000000\r\n\r\n{sent}"
            );
            send(&mut connection, head.as_bytes()).await;
            let answer = read_until(&mut connection, "http.least_pace").await;
            assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("too-slow"), "{answer}");
            ends(&mut connection).await;
        }
        let (client, _end) = http2(address).await;
        let request = http::Request::post("http://app.test/v1/files?name=a");
        let request = request.header("authorization", format!("Bearer {token}")).body(()).expect("it is one");
        let mut client = soon("HTTP/2 is ready", client.ready()).await.expect("the connection is open");
        let (answer, _body) = client.send_request(request, false).expect("the connection is open");
        let answer = soon("an answer comes", answer).await.expect("an answer comes");
        assert_eq!(answer.status(), 408);
    });
}

/// Uploads piece by piece, some 400 KB a second, and gives the answer's first line.
async fn upload_slowly(address: SocketAddr, token: &str, pieces: usize) -> String {
    let mut connection = connect(address).await;
    let (piece, length) = (vec![b'x'; 4 << 10], pieces * (4 << 10));
    let head = format!(
        "POST /v1/files?name=a HTTP/1.1\r\nhost: app.test\r\nauthorization: Bearer {token}\r\n\
         content-length: {length}\r\n\r\n"
    );
    send(&mut connection, head.as_bytes()).await;
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..pieces {
        pace.tick().await;
        // Given up meanwhile: the answer says why.
        if connection.write_all(&piece).await.is_err() {
            break;
        }
    }
    let answer = read_until(&mut connection, "\r\n").await;
    answer.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_body_that_is_slow_and_goes_on_is_taken() {
    run(&PACED, async |app, address| {
        let token = new_owner(app).await;
        assert_eq!(upload_slowly(address, &token, 300).await, "HTTP/1.1 202 Accepted");
    });
}

#[test]
fn a_body_that_goes_on_for_too_long_is_given_up() {
    run(&[("http.body_timeout", "500ms")], async |app, address| {
        let token = new_owner(app).await;
        assert_eq!(upload_slowly(address, &token, 1000).await, "HTTP/1.1 408 Request Timeout");
    });
}

#[test]
fn the_connection_that_is_idle_longest_makes_room() {
    run(&[("http.max_connections", "3"), ("http.idle_timeout", "1h")], async |app, address| {
        let token = new_owner(app).await;
        let mut busy = connect(address).await;
        send(&mut busy, &get("/v1/notifications/events", &token)).await;
        read_until(&mut busy, "text/event-stream").await;
        let (mut first, mut second) = (connect(address).await, connect(address).await);
        is_served(&mut first).await;
        is_served(&mut second).await;
        is_served(&mut first).await;
        let mut next = connect(address).await;
        is_served(&mut next).await;
        ends(&mut second).await;
        is_served(&mut first).await;
        stored(app, &token, 10).await;
        app.run_due_jobs().await;
        read_until(&mut busy, "data: ").await;
    });
}

#[test]
fn a_busy_connection_of_http2_keeps_its_place() {
    run(&[("http.max_connections", "2"), ("http.idle_timeout", "1h")], async |app, address| {
        let token = new_owner(app).await;
        // At rest for longer than the other one, but for its stream.
        let (client, end) = http2(address).await;
        let mut events = ask2(&client, "/v1/notifications/events", &token).await;
        let mut idle = connect(address).await;
        is_served(&mut idle).await;
        is_served(&mut connect(address).await).await;
        ends(&mut idle).await;
        stored(app, &token, 10).await;
        app.run_due_jobs().await;
        soon("an event comes", async {
            let mut heard = Vec::new();
            while !String::from_utf8_lossy(&heard).contains("data: ") {
                heard
                    .extend(events.data().await.expect("the stream goes on").expect("it does not break off"));
            }
        })
        .await;
        drop((client, end));
    });
}

#[test]
fn idle_connections_of_http2_do_not_block_the_listener() {
    run(&[("http.max_connections", "4"), ("http.idle_timeout", "1h")], async |_, address| {
        let mut held = Vec::new();
        for _ in 0..4 {
            let (client, end) = http2(address).await;
            drop(ask2(&client, "/healthz", "").await);
            held.push((client, end));
        }
        for _ in 0..4 {
            is_served(&mut connect(address).await).await;
        }
    });
}

#[test]
fn while_each_connection_has_a_request_the_next_one_waits() {
    run(&[("http.max_connections", "1"), ("http.idle_timeout", "1h")], async |app, address| {
        let token = new_owner(app).await;
        let mut busy = connect(address).await;
        send(&mut busy, &get("/v1/notifications/events", &token)).await;
        read_until(&mut busy, "text/event-stream").await;
        let mut next = connect(address).await;
        send(&mut next, &get("/healthz", "")).await;
        // Twice as long as a connection rests before it has to make room.
        let mut byte = [0];
        let waited = tokio::time::timeout(Duration::from_secs(2), next.read(&mut byte)).await;
        assert!(waited.is_err(), "{waited:?}");
        drop(busy);
        read_until(&mut next, "\"ok\"").await;
    });
}

#[test]
fn one_address_that_holds_all_places_gives_one_to_another() {
    run(&[("http.max_connections", "4"), ("http.idle_timeout", "1h")], async |app, address| {
        let token = new_owner(app).await;
        let mut held = Vec::new();
        for _ in 0..4 {
            let mut busy = connect(address).await;
            send(&mut busy, &get("/v1/notifications/events", &token)).await;
            read_until(&mut busy, "text/event-stream").await;
            held.push(busy);
        }
        let mut own = connect(address).await;
        let mut other = connect_from("127.0.0.2:0", address).await;
        is_served(&mut other).await;
        // Of the first address, the one that came last.
        ends(&mut held.pop().expect("there are four")).await;
        stored(app, &token, 10).await;
        app.run_due_jobs().await;
        for busy in &mut held {
            read_until(busy, "data: ").await;
        }
        // One that is at rest is preferred, whosever it is.
        is_served(&mut own).await;
        ends(&mut other).await;
        let metrics = app.get("/metrics").send().await.text();
        assert!(metrics.contains("tenfold_http_connections_shed_total 1\n"), "{metrics}");
        assert!(metrics.contains("tenfold_http_connections 4\n"), "{metrics}");
    });
}

async fn connect_from(local: &str, address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(local.parse().expect("an address")).expect("it belongs to loopback");
    socket.connect(address).await.expect("the application listens")
}

#[test]
fn an_origin_is_own_over_http2_where_authority_is_the_host() {
    run(&[("http.loopback_origins", "false")], async |app, address| {
        new_owner(app).await;
        let body = serde_json::json!({"email": "owner@new.test", "password": crate::PASSWORD}).to_string();
        let (client, _end) = http2(address).await;
        for (origin, status) in [("http://app.test", 200), ("http://evil.test", 403)] {
            let request = http::Request::post("http://app.test/v1/auth/sign-in");
            let request = request.header("content-type", "application/json").header("origin", origin);
            let request = request.body(()).expect("it is one");
            let mut client = soon("HTTP/2 is ready", client.clone().ready()).await.expect("it is open");
            let (answer, mut sent) = client.send_request(request, false).expect("the connection is open");
            sent.send_data(Bytes::from(body.clone()), true).expect("the connection is open");
            let answer = soon("an answer comes", answer).await.expect("an answer comes");
            assert_eq!(answer.status(), status, "{origin}");
        }
        assert_ne!(text(&app.get("/healthz").send().await.json()["status"]), "");
    });
}
