//! What has ended does not stay.

use std::time::Duration;

use serde_json::json;
use tenfold::testing::TestApp;
use tenfold::{both_databases, sql};

use crate::{PASSWORD, app, sign_up};

const HOME: &str = "192.0.2.10";
const ATTACKER: &str = "203.0.113.7";
const ADA: &str = "ada@new.test";

/// The status of an attempt to sign in from an address.
async fn sign_in(app: &TestApp, address: &str, email: &str, password: &str) -> u16 {
    let attempt = json!({"email": email, "password": password});
    app.post("/v1/auth/sign-in").from_address(address).json(&attempt).send().await.status()
}

both_databases!(app(); async fn what_has_ended_is_deleted_within_an_hour(app) {
    sign_up(app, ADA).await;
    while sign_in(app, ATTACKER, "nobody@new.test", "a wrong guess").await == 401 {}
    assert_eq!(sign_in(app, HOME, ADA, PASSWORD).await, 200);
    assert_eq!(kept(app).await, (2, 4), "sessions, and what counts against account, address, sign-ups; a known address");
    app.clock().advance(Duration::from_secs(100 * 24 * 3600));
    assert_eq!(sign_in(app, HOME, ADA, PASSWORD).await, 200);
    app.run_due_jobs().await;
    assert_eq!(kept(app).await, (1, 1), "the new session, and the address that is known again");
});

/// How many sessions and rows of attempts there are.
async fn kept(app: &TestApp) -> (i64, i64) {
    let counted = app
        .run(async |cx| {
            let sessions: Vec<(i64,)> =
                sql!("test.sessions", "SELECT count(*) FROM auth_sessions").all(&cx).await?;
            let attempts: Vec<(i64,)> =
                sql!("test.attempts", "SELECT count(*) FROM auth_attempts").all(&cx).await?;
            Ok::<_, tenfold::data::DataError>((sessions[0].0, attempts[0].0))
        })
        .await;
    counted.expect("rows can be counted")
}
