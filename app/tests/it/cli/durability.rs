//! What was acknowledged survives `kill -9`.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::process::{Process, wait_for};
use super::wire::Request;
use super::{in_both_places, list_all, sign_up};

const CLIENTS: usize = 16;
const ROUNDS: usize = 5;
/// How many answers a round collects before the kill.
const ANSWERS: usize = 150;

/// Projects whose creation was answered with 201: name by id.
type Acknowledged = Mutex<HashMap<String, String>>;

/// Creates projects as fast as the server answers, until it does not answer any more.
fn create_until_the_end(
    process: &Process,
    token: &str,
    client: &str,
    answered: &AtomicUsize,
    all: &Acknowledged,
) {
    let mut connection = process.connect();
    for number in 0.. {
        let name = format!("{client} {number}");
        let request = Request::post("/v1/projects").bearer(token).json(&json!({"name": name}));
        let Ok(answer) = connection.ask(&request) else { return };
        assert_eq!(answer.status, 201, "{}", answer.text());
        let id = answer.json()["id"].as_str().expect("a project has an id").to_owned();
        all.lock().expect("no client panics").insert(id, name);
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// Everything acknowledged is there, once and under its name; beside it at most what was under way.
fn assert_all_there(process: &Process, token: &str, acknowledged: &Acknowledged, rounds: usize) {
    let acknowledged = acknowledged.lock().expect("no client panics");
    let listed = list_all(process, token, "/v1/projects");
    let field = |item: &serde_json::Value, name: &str| item[name].as_str().expect("it is text").to_owned();
    let found: HashMap<String, String> =
        listed.iter().map(|item| (field(item, "id"), field(item, "name"))).collect();
    assert_eq!(found.len(), listed.len(), "an id is listed twice");
    let lost: Vec<_> = acknowledged.iter().filter(|(id, name)| found.get(*id) != Some(*name)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), acknowledged.len());
    assert!(
        found.len() - acknowledged.len() <= rounds * CLIENTS,
        "{} rows that nobody asked for",
        found.len()
    );
    let names: HashSet<&String> = found.values().collect();
    assert_eq!(names.len(), found.len(), "a request was stored twice");
}

in_both_places!(fn what_was_answered_with_201_is_there_after_kill_9(place) {
    let acknowledged = Acknowledged::default();
    let mut process = place.app(&["serve"]).start();
    let token = sign_up(&process, "ada");
    for round in 1..=ROUNDS {
        let answered = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (process, token, answered, acknowledged) = (&process, &token, &answered, &acknowledged);
                let client = format!("round {round} client {client}");
                scope.spawn(move || create_until_the_end(process, token, &client, answered, acknowledged));
            }
            let told = || format!("{} answers so far\n{}", answered.load(Ordering::Relaxed), process.err());
            wait_for(told, || (answered.load(Ordering::Relaxed) >= ANSWERS).then_some(()));
            // By its id, since the clients hold the process; it is reaped below.
            process.signal("KILL");
        });
        process.kill();
        process = place.app(&["serve"]).start();
        assert_all_there(&process, &token, &acknowledged, round);
    }
    process.stop();
});
