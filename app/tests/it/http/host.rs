//! A request names one host.

use std::net::SocketAddr;

use tenfold::both_databases;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Sends a head with these lines on a connection of its own and gives the answer.
async fn ask(address: SocketAddr, head: &str) -> String {
    let mut connection = TcpStream::connect(address).await.expect("the application listens");
    let head = format!("{head}connection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).await.expect("the application reads");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("the application answers");
    answer
}

both_databases!(app::app(); async fn a_request_without_one_host_is_a_400(app) {
    app.listen(async |address| {
        for (head, status) in [
            ("GET /healthz HTTP/1.1\r\nhost: app.test\r\n", 200),
            ("GET /healthz HTTP/1.1\r\nhost: [::1]:8080\r\n", 200),
            ("GET http://app.test/healthz HTTP/1.1\r\nhost: app.test\r\n", 200),
            ("GET /healthz HTTP/1.0\r\n", 200),
            ("GET /healthz HTTP/1.1\r\n", 400),
            ("GET http://app.test/healthz HTTP/1.1\r\n", 400),
            ("GET /healthz HTTP/1.1\r\nhost: app.test\r\nhost: app.test\r\n", 400),
            ("GET /healthz HTTP/1.0\r\nhost: app.test\r\nhost: evil.test\r\n", 400),
            ("GET /healthz HTTP/1.1\r\nhost:\r\n", 400),
            ("GET /healthz HTTP/1.1\r\nhost: app.test/path\r\n", 400),
            ("GET /healthz HTTP/1.1\r\nhost: user@app.test\r\n", 400),
        ] {
            let answer = ask(address, head).await;
            let version = &head[head.find("HTTP/").expect("a head has a version")..][..8];
            assert!(answer.starts_with(&format!("{version} {status} ")), "{head}{answer}");
            assert_eq!(answer.contains("urn:tenfold:problem:bad-request"), status == 400, "{answer}");
        }
    })
    .await;
});
