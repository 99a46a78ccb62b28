//! The module by itself: `cargo test -p auth`. What needs another module is tested with the application.

mod clean_up;
mod copied_session;
mod memberships;
mod passwords;
mod permissions;
mod secrets;
mod secrets_in_logs;
mod sessions;
mod sign_in;
mod sign_up;
mod throttle;
mod tokens;
mod users;
mod users_list;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tenfold::App;
use tenfold::data::{OrgId, Uuid};
use tenfold::testing::{TestApp, TestResponse};

/// What new people sign up with.
pub const PASSWORD: &str = "correct horse battery";

/// An application of this module alone.
pub fn app() -> App {
    App::new("auth-alone", "0.0.0").module(tenfold_auth::module())
}

/// Signs somebody up as the owner of a new organization.
pub async fn try_sign_up(app: &TestApp, email: &str) -> TestResponse {
    let new = json!({"email": email, "password": PASSWORD, "organization": format!("Of {email}")});
    app.post("/v1/auth/sign-up").json(&new).send().await
}

/// Signs somebody up and gives the session.
pub async fn sign_up(app: &TestApp, email: &str) -> Value {
    let answer = try_sign_up(app, email).await;
    assert_eq!(answer.status(), 201, "{}", answer.text());
    answer.json()
}

/// The token of a new organization's owner.
pub async fn new_owner(app: &TestApp) -> String {
    text(&sign_up(app, "owner@new.test").await["token"])
}

/// Signs somebody of the demo in and gives the session.
pub async fn sign_in(app: &TestApp, email: &str) -> Value {
    let credentials = json!({"email": email, "password": tenfold_auth::demo::PASSWORD});
    let answer = app.post("/v1/auth/sign-in").json(&credentials).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

/// The token of somebody of the demo.
pub async fn token(app: &TestApp, email: &str) -> String {
    text(&sign_in(app, email).await["token"])
}

/// Adds somebody to the organization that a session is in, with these permissions; gives their token.
pub async fn join(app: &TestApp, session: &str, email: &str, permissions: &[&str]) -> String {
    let organization = organization(session);
    let joined =
        app.run(async |cx| tenfold_auth::demo::join(&cx, organization, email, permissions).await).await;
    joined.unwrap_or_else(|error| panic!("{email} cannot join: {error}"));
    token(app, email).await
}

/// The organization that a token is for.
fn organization(token: &str) -> OrgId {
    let bytes = URL_SAFE_NO_PAD.decode(token.trim_start_matches("tf_")).expect("a token is base64url");
    OrgId(Uuid::from_slice(&bytes[..16]).expect("an organization's id has 16 bytes"))
}

/// A JSON string's text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Checks that an answer is a problem of this status, and gives it.
pub fn problem(answer: &TestResponse, status: u16) -> Value {
    answer.problem(status)
}
