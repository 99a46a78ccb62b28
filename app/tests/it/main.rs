//! The reference backend through its public doors: HTTP and the command line.

mod files;
mod statements;

use serde_json::{Value, json};
use tenfold::testing::TestApp;

/// Signs somebody of the demo in and gives the answer.
pub async fn sign_in(app: &TestApp, email: &str) -> Value {
    let credentials = json!({"email": email, "password": "tenfold-demo"});
    let answer = app.post("/v1/auth/sign-in").json(&credentials).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

/// The token of somebody of the demo.
pub async fn token(app: &TestApp, email: &str) -> String {
    sign_in(app, email).await["token"].as_str().expect("a session has a token").to_owned()
}
