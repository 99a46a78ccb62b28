//! The reference backend as a process: started, asked over sockets, stopped and killed as in operation.

pub(crate) mod place;

mod cache;
mod collector;
mod commands;
mod connections;
mod dashboard;
mod durability;
mod file_folders;
mod full_disk;
mod jobs;
mod large_uploads;
mod ledger;
mod load;
mod logs;
mod mcp;
mod neighbours;
mod operators;
mod otlp;
mod own_writes;
mod paused;
mod pooler;
mod refusals;
mod serving;
mod statement_counts;
mod stopping;
mod why;

use std::time::Duration;

pub(crate) use harness::{process, wire};
use serde_json::{Value, json};

use self::process::Process;
use self::wire::HttpRequest;

/// Runs a test once in a place with an SQLite file and once in one with a PostgreSQL database.
macro_rules! in_both_places {
    ($(#[$attribute:meta])* fn $name:ident($place:ident) $body:block) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn body($place: &crate::cli::place::Place) $body

            $(#[$attribute])*
            #[test]
            fn on_sqlite() {
                body(&crate::cli::place::Place::sqlite());
            }

            $(#[$attribute])*
            #[test]
            fn on_postgres() {
                body(&crate::cli::place::Place::postgres());
            }
        }
    };
}
pub(crate) use in_both_places;

/// A password that nothing else in a log could look like.
const PASSWORD: &str = "correct-horse-battery-staple";

/// The body of a sign-up: `name@example.test` with an organization of the same name.
fn new_person(name: &str) -> Value {
    json!({"email": format!("{name}@example.test"), "password": PASSWORD, "organization": name})
}

/// Signs a new person up and gives the token.
fn sign_up(process: &Process, name: &str) -> String {
    let answer = process.ask(&HttpRequest::post("/v1/auth/sign-up").json(&new_person(name)));
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["token"].as_str().expect("a session has a token").to_owned()
}

/// Signs somebody of the demo in and gives the token.
fn sign_in_to_demo(process: &Process, email: &str) -> String {
    let credentials = json!({"email": email, "password": "tenfold-demo"});
    let answer = process.ask(&HttpRequest::post("/v1/auth/sign-in").json(&credentials));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["token"].as_str().expect("a session has a token").to_owned()
}

/// Makes a project and gives its id.
fn create_project(process: &Process, token: &str, name: &str) -> String {
    let answer = process.ask(&HttpRequest::post("/v1/projects").bearer(token).json(&json!({"name": name})));
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().expect("a project has an id").to_owned()
}

/// All items of a list, page by page.
fn list_all(process: &Process, token: &str, path: &str) -> Vec<Value> {
    harness::found::list(&mut process.connect(), token, path)
}

/// The file at `path` once it is not being processed any more, however long that takes within `patience`.
fn processed(process: &Process, token: &str, path: &str, patience: Duration) -> Value {
    let file = || process.ask(&HttpRequest::get(path).bearer(token)).json();
    let done = process::wait_at_most(patience, || Some(file()).filter(|file| file["status"] != "processing"));
    done.unwrap_or_else(|| {
        panic!("{path} is not processed after {patience:?}: {}\n{}", file(), process.err())
    })
}
