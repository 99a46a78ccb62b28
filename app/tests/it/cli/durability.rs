//! What was acknowledged survives `kill -9`.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use serde_json::{Value, json};

use super::process::{Process, wait_for};
use super::wire::{HttpAnswer, HttpRequest};
use super::{create_project, in_both_places, list_all, sign_up};

/// Clients that create projects.
const CREATORS: usize = 12;
/// Clients that change the title of a task each, over and over.
const CHANGERS: usize = 4;
const ROUNDS: usize = 5;
/// How many answers a round collects before the kill.
const ANSWERS: usize = 150;

/// What the server has said is done.
#[derive(Default)]
struct Acknowledged {
    /// Projects whose creation was answered with 201: name by id.
    created: Mutex<HashMap<String, String>>,
    /// Each task with the number that its title was last changed to.
    changed: Mutex<HashMap<String, usize>>,
    answers: AtomicUsize,
}

impl Acknowledged {
    fn created(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.created.lock().expect("no client panics")
    }

    fn changed(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.changed.lock().expect("no client panics")
    }
}

fn text(item: &Value, field: &str) -> String {
    item[field].as_str().expect("it is text").to_owned()
}

/// Whether a machine that is busy with other things has made the server refuse a request: then nothing was promised.
fn is_refused(answer: &HttpAnswer) -> bool {
    answer.status == 503
}

/// Creates projects as fast as the server answers, until it does not answer any more.
fn create(process: &Process, token: &str, client: &str, acknowledged: &Acknowledged) {
    let mut connection = process.connect();
    for number in 0.. {
        let name = format!("{client} {number}");
        let request = HttpRequest::post("/v1/projects").bearer(token).json(&json!({"name": name}));
        let Ok(answer) = connection.ask(&request) else { return };
        if is_refused(&answer) {
            continue;
        }
        assert_eq!(answer.status, 201, "{}", answer.text());
        acknowledged.created().insert(text(&answer.json(), "id"), name);
        acknowledged.answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// Changes a task's title from its number to the next one, until the server does not answer any more.
fn change(process: &Process, token: &str, task: &str, acknowledged: &Acknowledged) {
    let mut connection = process.connect();
    let mut number = acknowledged.changed()[task] + 1;
    loop {
        let request = HttpRequest::patch(&format!("/v1/tasks/{task}")).bearer(token);
        let Ok(answer) = connection.ask(&request.json(&json!({"title": number.to_string()}))) else { return };
        if is_refused(&answer) {
            continue;
        }
        assert_eq!(answer.status, 200, "{}", answer.text());
        acknowledged.changed().insert(task.to_owned(), number);
        acknowledged.answers.fetch_add(1, Ordering::Relaxed);
        number += 1;
    }
}

/// Every project that was acknowledged is there, once and under its name; beside them at most those that were
/// under way at a kill.
fn assert_created(process: &Process, token: &str, acknowledged: &Acknowledged, rounds: usize) {
    let created = acknowledged.created();
    let listed = list_all(process, token, "/v1/projects");
    let found: HashMap<String, String> =
        listed.iter().map(|item| (text(item, "id"), text(item, "name"))).collect();
    assert_eq!(found.len(), listed.len(), "an id is listed twice");
    let lost: Vec<_> = created.iter().filter(|(id, name)| found.get(*id) != Some(*name)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), created.len());
    let beside = found.len() - created.len();
    assert!(beside <= rounds * CREATORS, "{beside} rows that nobody asked for");
    let names: HashSet<&String> = found.values().collect();
    assert_eq!(names.len(), found.len(), "a request was stored twice");
}

/// Every task has the title of its last acknowledged change, or of the one that was under way at the kill, from
/// which the next round goes on.
fn assert_changed(process: &Process, token: &str, project: &str, acknowledged: &Acknowledged) {
    let mut changed = acknowledged.changed();
    for task in list_all(process, token, &format!("/v1/projects/{project}/tasks")) {
        let number: usize = text(&task, "title").parse().expect("a title is a number");
        let last = changed.get_mut(&text(&task, "id")).expect("only the tasks of the test are there");
        assert!(number == *last || number == *last + 1, "{last} was acknowledged, {number} is stored");
        *last = number;
    }
}

in_both_places!(fn what_was_acknowledged_is_there_after_kill_9(place) {
    let acknowledged = Acknowledged::default();
    let mut process = place.app(&["serve"]).start();
    let token = sign_up(&process, "ada");
    let project = create_project(&process, &token, "before all rounds");
    acknowledged.created().insert(project.clone(), "before all rounds".to_owned());
    for _ in 0..CHANGERS {
        let request = HttpRequest::post(&format!("/v1/projects/{project}/tasks")).bearer(&token);
        let answer = process.ask(&request.json(&json!({"title": "0"})));
        assert_eq!(answer.status, 201, "{}", answer.text());
        acknowledged.changed().insert(text(&answer.json(), "id"), 0);
    }
    let tasks: Vec<String> = acknowledged.changed().keys().cloned().collect();
    for round in 1..=ROUNDS {
        acknowledged.answers.store(0, Ordering::Relaxed);
        std::thread::scope(|scope| {
            let (process, token, acknowledged) = (&process, &token, &acknowledged);
            for client in 0..CREATORS {
                let client = format!("round {round} client {client}");
                scope.spawn(move || create(process, token, &client, acknowledged));
            }
            for task in &tasks {
                scope.spawn(move || change(process, token, task, acknowledged));
            }
            let answers = || acknowledged.answers.load(Ordering::Relaxed);
            wait_for(|| format!("{} answers so far\n{}", answers(), process.err()), || (answers() >= ANSWERS).then_some(()));
            // The clients hold the process until they notice; it is reaped below.
            process.signal("KILL");
        });
        process.kill();
        process = place.app(&["serve"]).start();
        assert_created(&process, &token, &acknowledged, round);
        assert_changed(&process, &token, &project, &acknowledged);
    }
    process.stop();
});
