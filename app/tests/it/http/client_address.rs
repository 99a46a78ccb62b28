//! Which address a request is taken to come from, over real connections.

use std::net::SocketAddr;

use tenfold::both_databases;
use tenfold::config::Loader;
use tenfold::settings::{DEFAULTS, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::probe;

/// The address and the network that a request with these header lines comes from.
async fn client_of(server: SocketAddr, headers: &[&str]) -> (String, String) {
    let mut connection = TcpStream::connect(server).await.expect("the application listens");
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let head = format!("GET /probe/address HTTP/1.1\r\nhost: app.test\r\nconnection: close\r\n{lines}\r\n");
    connection.write_all(head.as_bytes()).await.expect("the application reads");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("the application answers");
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// The address alone.
async fn address_of(server: SocketAddr, headers: &[&str]) -> String {
    client_of(server, headers).await.0
}

both_databases!(probe::app(); async fn headers_of_an_untrusted_peer_are_ignored(app) {
    app.listen(async |server| {
        for header in ["x-forwarded-for: 192.0.2.1", "forwarded: for=192.0.2.1", "x-real-ip: 192.0.2.1", "accept: a"] {
            assert_eq!(client_of(server, &[header]).await, ("127.0.0.1".into(), "127.0.0.1/32".into()), "{header}");
        }
    }).await;
});

both_databases!(probe::app(), [("http.trusted_proxies", "127.0.0.1, 10.0.0.0/8, fd00::/8")];
async fn the_nearest_untrusted_hop_is_the_client(app) {
    app.listen(async |server| {
        for (lines, client) in [
            (&[][..], "127.0.0.1"),
            (&["x-forwarded-for: 192.0.2.1"], "192.0.2.1"),
            // What the client writes itself stands at the left.
            (&["x-forwarded-for: 198.51.100.9, 192.0.2.1"], "192.0.2.1"),
            (&["x-forwarded-for: 127.0.0.1, 192.0.2.1, 10.1.2.3"], "192.0.2.1"),
            (&["x-forwarded-for: 198.51.100.9", "x-forwarded-for: 192.0.2.1,10.1.2.3"], "192.0.2.1"),
            (&["x-forwarded-for: 10.9.9.9, 10.1.2.3"], "10.9.9.9"),
            (&["x-forwarded-for: 192.0.2.1:4711"], "192.0.2.1"),
            (&["x-forwarded-for: ::ffff:192.0.2.1"], "192.0.2.1"),
            (&["x-forwarded-for: 192.0.2.1, [fd00::7]:80"], "192.0.2.1"),
            (&["x-forwarded-for: 192.0.2.1, unknown"], "127.0.0.1"),
            (&["x-forwarded-for: 192.0.2.1, unknown, 10.1.2.3"], "10.1.2.3"),
            (&["x-forwarded-for: "], "127.0.0.1"),
            // The other header is the client's, since this proxy does not write it.
            (&["forwarded: for=192.0.2.1"], "127.0.0.1"),
        ] {
            assert_eq!(address_of(server, lines).await, client, "{lines:?}");
        }
    }).await;
});

both_databases!(probe::app(), [("http.trusted_proxies", "127.0.0.0/8"), ("http.forwarded_header", "forwarded")];
async fn a_proxy_may_write_forwarded_instead(app) {
    app.listen(async |server| {
        for (line, client) in [
            ("forwarded: for=192.0.2.1;proto=https", "192.0.2.1"),
            ("forwarded: proto=http; For=\"192.0.2.1:4711\"", "192.0.2.1"),
            ("forwarded: for=198.51.100.9, for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("forwarded: for=192.0.2.1, for=_hidden", "127.0.0.1"),
            ("forwarded: by=192.0.2.1", "127.0.0.1"),
            ("x-forwarded-for: 192.0.2.1", "127.0.0.1"),
        ] {
            assert_eq!(address_of(server, &[line]).await, client, "{line}");
        }
    }).await;
});

both_databases!(probe::app(), [("http.trusted_proxies", "127.0.0.1")];
async fn an_ipv6_client_counts_by_its_64_bits_of_network(app) {
    app.listen(async |server| {
        let (address, network) = client_of(server, &["x-forwarded-for: 2001:db8:1:2:3:4:5:6"]).await;
        assert_eq!((&*address, &*network), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"));
        let (_, neighbour) = client_of(server, &["x-forwarded-for: 2001:db8:1:2:ffff::1"]).await;
        let (_, stranger) = client_of(server, &["x-forwarded-for: 2001:db8:1:3::1"]).await;
        assert_eq!(network, neighbour);
        assert_ne!(network, stranger);
    }).await;
});

#[test]
fn what_is_no_proxy_is_refused_at_start() {
    let read = |key: &str, value: &str| {
        let loader = Loader::new("defaults.toml", DEFAULTS).expect("the defaults are right");
        Settings::read(&loader.flag("--test", key, Some(value)).expect("the key exists").load()).map(drop)
    };
    for right in ["", "10.0.0.1", "10.0.0.0/8,fd00::/8"] {
        read("http.trusted_proxies", right).unwrap_or_else(|error| panic!("{right}: {error}"));
    }
    for wrong in ["localhost", "10.0.0.0/33", "10.0.0.1,*"] {
        let error = read("http.trusted_proxies", wrong).expect_err(wrong).to_string();
        assert!(error.contains("http.trusted_proxies") && error.contains("10.0.0.0/8"), "{error}");
    }
    let error = read("http.forwarded_header", "x-real-ip").expect_err("not a header we read").to_string();
    assert!(error.contains("http.forwarded_header") && error.contains("x-forwarded-for"), "{error}");
}
