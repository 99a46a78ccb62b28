//! Requests to a server on this machine that answers as each test wants.

use std::time::Duration;

use bytes::Bytes;
use tenfold_outbound::{Method, OutboundClient, OutboundError, OutboundRequest, OutboundUrl};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Sends a request to a server that answers with these bytes and closes; gives what it received, too.
async fn ask(
    answer: &'static str,
    request: OutboundRequest,
) -> (Result<tenfold_outbound::OutboundAnswer, OutboundError>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut received = vec![0; 4_096];
        let length = stream.read(&mut received).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        String::from_utf8_lossy(&received[..length]).into_owned()
    };
    let url = OutboundUrl::parse(&format!("http://{address}/hook?token=secret")).unwrap();
    let client = OutboundClient::default();
    tokio::join!(client.send(&url, request), server)
}

fn post() -> OutboundRequest {
    OutboundRequest::new(Method::POST, Duration::from_secs(60))
}

#[tokio::test]
async fn a_request_is_sent_and_its_answer_read() {
    let request = post().header("X-Key", "k").body("application/json", Bytes::from_static(b"{}"));
    let (answer, received) = ask("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok", request).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status.as_u16(), &*answer.body, answer.is_success()), (201, &b"ok"[..], true));
    assert!(received.starts_with("POST /hook?token=secret HTTP/1.1\r\n"), "{received}");
    assert!(received.contains("x-key: k\r\n") && received.ends_with("\r\n\r\n{}"), "{received}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let elsewhere = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    let (answer, _) = ask(elsewhere, post()).await;
    assert_eq!(answer.unwrap().status.as_u16(), 302);
}

#[tokio::test]
async fn an_answer_beyond_the_bound_is_refused() {
    let (answer, _) =
        ask("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789", post().longest_answer(8)).await;
    assert!(matches!(answer, Err(OutboundError::TooLong { bytes: 8, .. })), "{answer:?}");
}

#[tokio::test]
async fn of_an_endless_answer_the_status_can_be_read() {
    let endless = "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nand much more that nobody reads";
    let (answer, _) = ask(endless, post().status_only()).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
}

#[tokio::test]
async fn what_does_not_speak_http_is_named_without_the_path() {
    let (answer, _) = ask("220 mail.example.com ESMTP\r\n", post()).await;
    let error = answer.unwrap_err().to_string();
    assert!(error.starts_with("127.0.0.1 cannot be asked: ") && !error.contains("secret"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = OutboundUrl::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let answer = OutboundClient::default().send(&url, post()).await;
    assert!(matches!(answer, Err(OutboundError::Late { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_header_that_would_end_its_line_is_refused() {
    let url = OutboundUrl::parse("http://127.0.0.1:1/").unwrap();
    let sent = OutboundClient::default().send(&url, post().header("X-Key", "a\r\nX-Other: b")).await;
    assert!(matches!(sent, Err(OutboundError::Malformed { .. })), "{sent:?}");
}

#[tokio::test]
async fn a_server_without_tls_is_no_connection_over_https() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = OutboundUrl::parse(&format!("https://{}/", listener.local_addr().unwrap())).unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        // No TLS: the handshake cannot succeed.
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    };
    let client = OutboundClient::default();
    let (answer, ()) = tokio::join!(client.send(&url, post()), server);
    assert!(matches!(answer, Err(OutboundError::Unreachable { .. })), "{answer:?}");
}

#[test]
fn addresses_are_read_and_their_secrets_not_shown() {
    let url = OutboundUrl::parse("https://hooks.example.com/T0/secret?x=1").unwrap();
    assert_eq!(
        (url.host(), url.port(), url.is_encrypted(), url.is_loopback()),
        ("hooks.example.com", 443, true, false)
    );
    assert_eq!(format!("{url:?}"), "OutboundUrl(\"hooks.example.com\")");
    let local = OutboundUrl::parse("http://[::1]:4318").unwrap();
    assert_eq!(
        (local.host(), local.port(), local.is_encrypted(), local.is_loopback()),
        ("::1", 4318, false, true)
    );
    assert_eq!(OutboundUrl::parse("http://[::1]").unwrap().port(), 80);
    for bad in [
        "",
        "example.com",
        "/path",
        "ftp://example.com",
        "https://user:password@example.com",
        "http://host:99999/",
    ] {
        assert!(OutboundUrl::parse(bad).is_err(), "{bad}");
    }
}
