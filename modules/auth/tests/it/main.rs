//! The module by itself: `cargo test -p auth`. What needs another module is tested with the application.

mod api_keys;
mod cached_sessions;
mod change_of_address;
mod clean_up;
mod closing;
mod confirm;
mod copied_session;
mod devices;
mod forgot;
mod import;
mod invitations;
mod magic_link;
mod memberships;
mod notices;
mod organization;
mod passwords;
mod permissions;
#[cfg(feature = "providers")]
mod providers;
mod races;
mod required_factor;
mod roles;
mod second_factor;
mod secrets;
mod secrets_in_logs;
mod sessions;
mod sign_in;
mod sign_up;
mod sudo;
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
use tenfold_mail::{OutboxMail, admin};

/// What new people sign up with.
pub const PASSWORD: &str = "correct horse battery";

/// An application of this module alone.
pub fn app() -> App {
    App::new("auth-alone", "0.0.0").module(tenfold_mail::module()).module(tenfold_auth::module())
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

/// Follows the link that confirms an address, in a session.
pub async fn confirm(app: &TestApp, session: &str, email: &str) {
    let token = mailed_token(app, email, "verify").await;
    assert_eq!(use_token_in(app, session, "/v1/auth/verify", &token).await.status(), 204);
}

/// Signs somebody up, whose address is then confirmed, and gives the session.
pub async fn confirmed(app: &TestApp, email: &str) -> Value {
    let session = sign_up(app, email).await;
    confirm(app, &text(&session["token"]), email).await;
    session
}

/// The token of a new organization's owner, whose address is confirmed.
pub async fn new_owner(app: &TestApp) -> String {
    text(&confirmed(app, "owner@new.test").await["token"])
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

/// Sends what is due and gives the mails to an address, the oldest first.
pub async fn mails_to(app: &TestApp, address: &str) -> Vec<OutboxMail> {
    app.run_due_jobs().await;
    let mut mails =
        app.run(async |cx| admin::list_mails(&cx, 100).await).await.expect("the outbox can be read");
    mails.retain(|mail| mail.recipient == address);
    mails.reverse();
    mails
}

/// The token of the newest mail to an address that leads to this page.
pub async fn mailed_token(app: &TestApp, address: &str, page: &str) -> String {
    let mark = format!("#{page}?token=");
    let mails = mails_to(app, address).await;
    let token = mails.iter().rev().find_map(|mail| mail.text.split_once(&mark)).map(|(_, rest)| rest);
    let token = token.unwrap_or_else(|| panic!("no mail to {address} leads to {page}: {mails:?}"));
    token.split_whitespace().next().unwrap_or_default().to_owned()
}

/// Sends a token, with what else the body needs.
pub async fn use_token(app: &TestApp, path: &str, token: &str) -> TestResponse {
    app.post(path).json(&json!({"token": token})).send().await
}

/// The same where somebody is signed in.
pub async fn use_token_in(app: &TestApp, session: &str, path: &str, token: &str) -> TestResponse {
    app.post(path).bearer(session).json(&json!({"token": token})).send().await
}

/// Types the password of a new person once more; what is dangerous can then be done.
pub async fn sudo(app: &TestApp, session: &str) {
    let answer = app.post("/v1/auth/sudo").bearer(session).json(&json!({"password": PASSWORD})).send().await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
}

/// Signs in with this password, from an address.
pub async fn try_sign_in(app: &TestApp, email: &str, password: &str) -> TestResponse {
    app.post("/v1/auth/sign-in").json(&json!({"email": email, "password": password})).send().await
}

/// Whether the address of a session's account is confirmed.
pub async fn is_confirmed(app: &TestApp, session: &str) -> bool {
    app.get("/v1/auth/account").bearer(session).send().await.json()["address_confirmed"] == json!(true)
}

/// Whether a token still opens anything.
pub async fn is_live(app: &TestApp, token: &str) -> bool {
    app.get("/v1/auth/session").bearer(token).send().await.status() == 200
}

/// Invites an address into the organization of a session.
pub async fn invite(app: &TestApp, session: &str, email: &str, role: &str) -> TestResponse {
    let new = json!({"email": email, "role": role});
    app.post("/v1/invitations").bearer(session).json(&new).send().await
}

/// Invites a person without an account, who accepts; gives the session.
pub async fn invited(app: &TestApp, session: &str, email: &str, role: &str) -> Value {
    assert_eq!(invite(app, session, email, role).await.status(), 201);
    let token = mailed_token(app, email, "invitation").await;
    let accepted = json!({"token": token, "password": PASSWORD});
    let answer = app.post("/v1/invitations/accept").json(&accepted).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}
