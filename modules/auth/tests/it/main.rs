//! What the module keeps in its tables; what it answers is tested with the application.

mod clean_up;
mod permissions;
mod secrets;
mod sign_up;

use serde_json::{Value, json};
use tenfold::App;
use tenfold::testing::{TestApp, TestResponse};

/// What new people sign up with.
pub const PASSWORD: &str = "correct horse battery";

/// An application of this module alone.
pub fn app() -> App {
    App::new("auth-alone", "0.0.0").module(auth::module())
}

/// Signs somebody up.
pub async fn try_sign_up(app: &TestApp, email: &str) -> TestResponse {
    let new = json!({"email": email, "password": PASSWORD, "organization": "New"});
    app.post("/v1/auth/sign-up").json(&new).send().await
}

/// Signs somebody up and gives the session.
pub async fn sign_up(app: &TestApp, email: &str) -> Value {
    let answer = try_sign_up(app, email).await;
    assert_eq!(answer.status(), 201, "{}", answer.text());
    answer.json()
}

/// A JSON string's text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
