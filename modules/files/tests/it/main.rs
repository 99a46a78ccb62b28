//! The module alone, beside stand-ins for what it needs: `cargo test -p files`.

mod kinds;
mod pictures;
mod refusals;
mod stand_ins;
mod uploads;

use bytes::Bytes;
use serde_json::Value;
use tenfold::App;
use tenfold::testing::{TestApp, TestResponse, sessions};

/// An application of this module alone.
pub fn app() -> App {
    App::new("files-alone", "0.0.0")
        .module(sessions())
        .module(stand_ins::module())
        .module(tenfold_files::module())
}

/// The token of somebody who may do everything here.
pub const OWNER: &str = "files.read,files.write";

/// Uploads.
pub async fn upload(app: &TestApp, token: &str, name: &str, bytes: impl Into<Bytes>) -> TestResponse {
    app.post(&format!("/v1/files?name={name}")).bearer(token).body(bytes).send().await
}

/// Uploads and gives the file's path.
pub async fn accepted(app: &TestApp, token: &str, name: &str, bytes: impl Into<Bytes>) -> String {
    let answer = upload(app, token, name, bytes).await;
    assert_eq!(answer.status(), 202, "{}", answer.text());
    assert_eq!(answer.json()["status"], "processing");
    let location = answer.header("location").to_owned();
    assert_eq!(location, format!("/v1/files/{}", answer.json()["id"].as_str().expect("an id")));
    location
}

/// What is at a path.
pub async fn get(app: &TestApp, token: &str, path: &str) -> Value {
    let answer = app.get(path).bearer(token).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

/// Uploads, processes and gives the file.
pub async fn processed(app: &TestApp, token: &str, name: &str, bytes: impl Into<Bytes>) -> Value {
    let path = accepted(app, token, name, bytes).await;
    app.run_due_jobs().await;
    get(app, token, &path).await
}

/// A JSON string's text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
