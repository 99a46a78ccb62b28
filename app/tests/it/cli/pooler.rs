//! The reference backend behind pgbouncer in transaction mode.

use std::time::Duration;

use serde_json::json;

use super::place::Place;
use super::process::wait_for;
use super::wire::HttpRequest;
use super::{create_project, list_all, processed, sign_up};

#[test]
fn a_person_signs_up_works_and_uploads_behind_pgbouncer() {
    let place = Place::pooled();
    let mut process = place.app(&["serve"]).start();
    // The log has a thread of its own.
    wait_for(|| process.err(), || process.err().contains("row-level security is on for").then_some(()));
    let (ada, bob) = (sign_up(&process, "ada"), sign_up(&process, "bob"));
    let project = create_project(&process, &ada, "Website");
    std::thread::scope(|scope| {
        for client in 0..8 {
            let (process, ada, project) = (&process, &ada, &project);
            scope.spawn(move || {
                for number in 0..10 {
                    let task = json!({"title": format!("{client} {number}")});
                    let path = format!("/v1/projects/{project}/tasks");
                    let answer = process.ask(&HttpRequest::post(&path).bearer(ada).json(&task));
                    assert_eq!(answer.status, 201, "{}", answer.text());
                }
            });
        }
    });
    assert_eq!(list_all(&process, &ada, &format!("/v1/projects/{project}/tasks")).len(), 80);
    assert_eq!(list_all(&process, &bob, "/v1/projects").len(), 0);
    let upload = process.ask(&HttpRequest::post("/v1/files?name=a.txt").bearer(&ada).body(b"text".to_vec()));
    assert_eq!(upload.status, 202, "{}", upload.text());
    let file = processed(&process, &ada, upload.header("location"), Duration::from_secs(20));
    assert_eq!(file["status"], "ready", "{file}");
    process.stop();
}
