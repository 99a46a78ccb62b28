//! `app jobs …`, beside a process that serves HTTP and runs no jobs.

use serde_json::Value;

use super::in_both_places;
use super::place::Place;
use super::sign_up;
use super::wire::HttpRequest;

/// What a command prints; it must succeed.
fn jobs(place: &Place, arguments: &[&str]) -> String {
    let finished = place.app(&[&["jobs"], arguments].concat()).finish();
    assert_eq!(finished.status.code(), Some(0), "{arguments:?}: {}", finished.err);
    finished.out
}

fn in_json(place: &Place, arguments: &[&str]) -> Value {
    let out = jobs(place, &[arguments, &["--json"]].concat());
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in {out}"))
}

/// The states of the uploads that the list has.
fn uploads(place: &Place, arguments: &[&str]) -> Vec<(String, String)> {
    let listed = in_json(place, &[&["list"], arguments].concat());
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let listed = listed.as_array().expect("a list").iter();
    listed
        .filter(|job| job["kind"] == "files.process_upload")
        .map(|job| (word(&job["id"]), word(&job["state"])))
        .collect()
}

in_both_places! {
    fn jobs_are_seen_and_steered_at_a_terminal(place) {
        let refused = place.app(&["jobs", "stats"]).finish();
        assert_eq!((refused.status.code(), refused.out.as_str()), (Some(1), ""));
        let server = place.app(&["serve", "--role", "web"]).start();
        let token = sign_up(&server, "ada");
        let upload = HttpRequest::post("/v1/files?name=a.txt").bearer(&token).body("some words");
        let file = server.ask(&upload).header("location").to_owned();

        let waiting = uploads(place, &[]);
        let [(id, state)] = waiting.as_slice() else { panic!("{waiting:?}") };
        assert_eq!(state, "available");
        assert!(jobs(place, &["list"]).contains(id));
        let shown = in_json(place, &["show", id]);
        assert_eq!((&shown["queue"], shown["arguments"].is_object()), (&Value::from("default"), true), "{shown}");
        assert!(jobs(place, &["show", id]).contains("files.process_upload"));
        assert!(in_json(place, &["stats"])["states"]["available"].as_u64() >= Some(1));

        jobs(place, &["pause", "default"]);
        assert!(jobs(place, &["stats"]).contains("paused"));
        jobs(place, &["resume", "default"]);
        assert!(!jobs(place, &["stats"]).contains("paused"));
        let unknown = place.app(&["jobs", "pause", "nothing"]).finish();
        assert!(unknown.err.contains("nothing") && unknown.status.code() == Some(1), "{}", unknown.err);

        jobs(place, &["cancel", id]);
        assert_eq!(uploads(place, &["--state", "cancelled"]), [(id.clone(), "cancelled".to_owned())]);
        jobs(place, &["retry", id]);
        assert!(jobs(place, &["run-due"]).ends_with(" jobs ran\n"));
        assert_eq!(uploads(place, &["--state", "completed"]), [(id.clone(), "completed".to_owned())]);
        let file = server.ask(&HttpRequest::get(&file).bearer(&token)).json();
        assert_ne!(file["status"], "processing", "{file}");
    }
}
