//! The routes that are measured, as requests of the people of the demo.

use anyhow::Context as _;
use harness::process::Process;
use harness::wire::{HttpAnswer, HttpRequest};
use serde_json::{Value, json};

/// `list_…` are pages of an organization of 1,000 users but for the last, which is all of it; `whole_10` is all of one of 10.
/// Uploads come last, for they leave jobs behind that nobody runs.
pub const ALL: [&str; 8] =
    ["session", "user", "list_10", "list_100", "list_1000", "whole_10", "patch", "upload"];

/// Somebody who is signed in: an organization's owner.
struct BenchOwner {
    token: String,
    /// Users of the organization.
    users: Vec<String>,
}

/// The user of the session.
pub struct BenchOwners {
    /// Of the organization of 1,000.
    large: BenchOwner,
    /// Of that of 10.
    small: BenchOwner,
    /// What an owner may do.
    pub permissions: Vec<String>,
}

impl BenchOwners {
    /// Signs in to a server with the data of the demo.
    ///
    /// # Errors
    /// When nobody can sign in.
    pub fn sign_in(server: &Process) -> anyhow::Result<Self> {
        let large = BenchOwner::sign_in(server, "owner@acme.test")?;
        let small = BenchOwner::sign_in(server, "owner@globex.test")?;
        let session = server.ask(&HttpRequest::get("/v1/auth/session").bearer(&large.token)).json();
        let permissions = strings(session["permissions"].as_array(), |name| name);
        Ok(BenchOwners { large, small, permissions })
    }

    /// What the connection of this number sends, and the token that it carries: others are of another organization where the
    /// route is the same for both, and each has a user of its own to look at and to change.
    pub fn request(&self, route: &str, number: usize) -> (&str, HttpRequest) {
        let alternating = if number % 2 == 1 { &self.small } else { &self.large };
        let person = match route {
            "session" | "user" | "upload" => alternating,
            "whole_10" => &self.small,
            _ => &self.large,
        };
        let user = || format!("/v1/users/{}", person.users[number / 2 % person.users.len()]);
        let request = match route {
            "user" => HttpRequest::get(&user()),
            "list_100" => HttpRequest::get("/v1/users?limit=100"),
            "list_1000" => HttpRequest::get("/v1/users?limit=1000"),
            "list_10" | "whole_10" => HttpRequest::get("/v1/users?limit=10"),
            "patch" => {
                let (profile, settings) =
                    (json!({ "display_name": "Ada Lovelace" }), json!({ "theme": "dark" }));
                let user = format!("/v1/users/{}", person.users[number]);
                HttpRequest::patch(&user).json(&json!({ "profile": profile, "settings": settings }))
            }
            "upload" => {
                let text = "A line of a text that somebody uploads, as people do.\n".repeat(76);
                let file = HttpRequest::post("/v1/files?name=lines.txt");
                file.header("content-type", "application/octet-stream").body(text)
            }
            _ => HttpRequest::get("/v1/auth/session"),
        };
        (&person.token, request.bearer(&person.token))
    }
}

impl BenchOwner {
    fn sign_in(server: &Process, email: &str) -> anyhow::Result<Self> {
        let credentials = json!({ "email": email, "password": "tenfold-demo" });
        let session = server.ask(&HttpRequest::post("/v1/auth/sign-in").json(&credentials)).json();
        let token = session["token"].as_str().context("nobody can sign in")?.to_owned();
        let users = server.ask(&HttpRequest::get("/v1/users?limit=100").bearer(&token)).json();
        Ok(BenchOwner { users: strings(users["items"].as_array(), |user| &user["id"]), token })
    }
}

fn strings(values: Option<&Vec<Value>>, of: impl Fn(&Value) -> &Value) -> Vec<String> {
    values.into_iter().flatten().filter_map(|value| of(value).as_str()).map(str::to_owned).collect()
}

/// Whether two servers say the same; an upload has an id of its own in each answer.
///
/// # Errors
/// When they do not.
pub fn compare(route: &str, ours: &HttpAnswer, theirs: &HttpAnswer) -> anyhow::Result<()> {
    let same = ours.status == theirs.status
        && match route {
            "upload" => ours.text().len() == theirs.text().len(),
            _ => ours.text() == theirs.text(),
        };
    anyhow::ensure!(
        same,
        "{route}: ours says {} {:.2000}\nby hand {} {:.2000}",
        ours.status,
        ours.text(),
        theirs.status,
        theirs.text()
    );
    Ok(())
}
