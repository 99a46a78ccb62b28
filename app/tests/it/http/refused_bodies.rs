//! Bodies that are refused after their handlers have begun: the endpoint has not failed, and `why` says what is used up.

use std::net::SocketAddr;

use serde_json::json;
use tenfold::both_databases;
use tenfold::testing::TestApp;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::buffers::{acted, held, narrow_and, refused, unfinished_body};
use super::connections::connect;
use super::going_away::until;
use crate::text;
use crate::why::{operator, why};

const WITH_CONSOLE: [(&str, &str); 2] =
    [("admission.enabled", "false"), ("console.password", "a long enough password")];

/// A second of the test's clock in which bodies come until two of them are refused or cut.
async fn second(app: &TestApp, address: SocketAddr, clients: &mut Vec<TcpStream>) {
    let before = acted(app).await;
    while acted(app).await < before + 2 {
        let (holds, has_acted) = (held(app).await, acted(app).await);
        let mut client = connect(address).await;
        // One that is refused need not be read.
        let _ = client.write_all(&unfinished_body()).await;
        clients.push(client);
        // One after the other: before its body comes, each is admitted.
        until("its bytes are held or refused", async || {
            held(app).await > holds + (160 << 10) || acted(app).await > has_acted
        })
        .await;
    }
    app.clock().advance(std::time::Duration::from_secs(1));
}

both_databases!(app::app(), narrow_and(&WITH_CONSOLE); async fn a_flood_of_bodies_is_told_and_no_failure(app) {
    app.listen(async |address| {
        let mut clients = Vec::new();
        for _ in 0..15 {
            second(app, address, &mut clients).await;
        }
        until("most of them are counted", async || refused(app) >= 25).await;
    })
    .await;
    let answer = why(app, &operator(app).await, "").await;
    let endpoint = &answer["endpoints"][0];
    assert_eq!((&endpoint["route"], &endpoint["errors"]), (&json!("POST /v1/auth/sign-in"), &json!(0)), "{answer:#}");
    assert!(endpoint["refused"].as_u64() >= Some(25), "{answer:#}");
    assert_eq!(answer["overload"]["for_bytes"], json!(true), "{answer:#}");
    let failed = app.telemetry().newest(1, |work| work.ending.is_error());
    assert!(failed.is_empty(), "{failed:#?}");
    let verdict = text(&answer["verdict"]);
    let says = "more bytes are held for clients than http.buffer_limit allows";
    assert!(verdict.contains(" % of POST /v1/auth/sign-in are refused since ") && verdict.contains(says), "{verdict}");
});
