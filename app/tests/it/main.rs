//! The backend through its public doors: HTTP and the command line.

mod boundaries;
// carve:if framework
mod alerts;
mod cached_sessions;
mod calls;
mod cli;
mod console;
mod console_deploys;
mod console_modules;
mod cursors;
mod demo;
mod guide;
mod http;
mod interrupted_erasure;
mod live;
mod looking_operators;
mod mcp;
mod new_organization;
mod notifications;
// carve:end
mod erasure;
mod operations;
// carve:if framework
mod forged_sign_ins;
mod operators;
mod outbound;
mod plans;
mod probe;
mod queues;
mod quota;
mod refusals;
mod repeats;
mod rights;
mod sign_out;
mod sql;
mod statements;
// carve:end
mod tenancy;
// carve:if framework
mod why;
mod wiring;
// carve:end

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tenfold::data::{OrgId, Uuid};
use tenfold::testing::{TestApp, TestResponse};

/// Signs somebody of the demo in and gives the answer.
pub async fn sign_in(app: &TestApp, email: &str) -> Value {
    let credentials = json!({"email": email, "password": "tenfold-demo"});
    let answer = app.post("/v1/auth/sign-in").json(&credentials).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

/// The token of somebody of the demo.
pub async fn token(app: &TestApp, email: &str) -> String {
    text(&sign_in(app, email).await["token"])
}

/// What new people sign up with.
pub const PASSWORD: &str = "correct horse battery";

/// Makes an organization of one, which costs far less than the demo; the answer is the owner's session.
pub async fn sign_up(app: &TestApp, email: &str) -> Value {
    let new = json!({"email": email, "password": PASSWORD, "organization": format!("Of {email}")});
    let answer = app.post("/v1/auth/sign-up").json(&new).send().await;
    assert_eq!(answer.status(), 201, "{}", answer.text());
    answer.json()
}

/// The token of a new organization's owner, who has followed the link in the mail about the address.
pub async fn new_owner(app: &TestApp) -> String {
    let token = text(&sign_up(app, "owner@new.test").await["token"]);
    app.run_due_jobs().await;
    let mails = app.run(async |cx| tenfold_mail::admin::list_mails(&cx, 1).await).await;
    let mails = mails.expect("the outbox can be read");
    let (_, link) = mails[0].text.split_once("#verify?token=").expect("the mail of the sign-up has a link");
    let link = json!({"token": link.split_whitespace().next()});
    assert_eq!(app.post("/v1/auth/verify").json(&link).send().await.status(), 204);
    token
}

/// A new organization's owner, with one of each thing that the examples of the document create.
pub async fn new_owner_with_one_of_each(app: &TestApp) -> String {
    let token = new_owner(app).await;
    operations::create_one_of_each(app, &token).await;
    // carve:if files
    upload_a_picture(app, &token).await;
    // carve:end
    token
}

// carve:if files
/// A PNG of one pixel.
const PICTURE: [u8; 69] = [
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x90, 0x77, 0x53, 0xde, 0x00,
    0x00, 0x00, 0x0c, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0xf8, 0xcf, 0xc0, 0x00, 0x00, 0x03, 0x01,
    0x01, 0x00, 0xf7, 0x03, 0x41, 0x43, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60,
    0x82,
];

/// Uploads a picture and has it processed, so that there is a file with a thumbnail, and what follows from it.
pub async fn upload_a_picture(app: &TestApp, token: &str) {
    let answer = app.post("/v1/files?name=dot.png").bearer(token).body(PICTURE.to_vec()).send().await;
    assert_eq!(answer.status(), 202, "{}", answer.text());
    app.run_due_jobs().await;
    let file = app.get(answer.header("location")).bearer(token).send().await.json();
    assert_eq!(file["status"], "ready", "{file}");
}

// carve:end
/// Adds somebody to the organization that a session is in, with these permissions; gives their token.
pub async fn join(app: &TestApp, session: &str, email: &str, permissions: &[&str]) -> String {
    let organization = organization(session);
    let joined =
        app.run(async |cx| tenfold_auth::demo::join(&cx, organization, email, permissions).await).await;
    joined.unwrap_or_else(|error| panic!("{email} cannot join: {error}"));
    token(app, email).await
}

/// The organization that a token is for.
pub fn organization(token: &str) -> OrgId {
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
