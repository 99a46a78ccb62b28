//! A disk without room, as the operating system says it: the write itself fails, for SQLite in the middle of a commit.
//!
//! The room is what `RLIMIT_FSIZE` leaves the process's files, which takes no rights and no disk of one's own; the error
//! is EFBIG where a full disk says ENOSPC, and SQLite meets both at the same places.
//! The signal that comes with it, SIGXFSZ, would end the process if it did not ignore it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use tenfold::data::{Clock, Database, DatabaseSettings, sql};

use super::place::Place;
use super::process::{Process, block_on, wait_for};
use super::wire::{HttpAnswer, HttpRequest};
use super::{create_project, in_both_places, list_all, processed, sign_up};

/// Room for a few commits.
const ROOM: u64 = 64 * 1024;
/// How many refusals each client waits for.
const REFUSALS: usize = 5;

/// What clients were told.
#[derive(Default)]
struct ToldClients {
    /// Projects by id.
    acknowledged: BTreeMap<String, String>,
    /// Names.
    refused: Vec<String>,
}

/// Checks that a refusal is a problem that says to come back.
fn assert_clear(answer: &HttpAnswer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(answer.json()["type"], "urn:tenfold:problem:overloaded", "{}", answer.text());
}

/// Creates projects until the server has refused some.
fn create_until_refused(process: &Process, token: &str, client: &str, told: &Mutex<ToldClients>) {
    let (mut connection, mut refusals) = (process.connect(), 0);
    for number in 0.. {
        if refusals == REFUSALS {
            return;
        }
        let name = format!("{client} {number} {}", "x".repeat(80));
        let new = HttpRequest::post("/v1/projects").bearer(token).json(&json!({"name": name}));
        let answer = connection.ask(&new).unwrap_or_else(|error| panic!("{error}\n{}", process.err()));
        let mut told = told.lock().expect("no client panics");
        if answer.status == 201 {
            told.acknowledged.insert(answer.json()["id"].as_str().expect("it has an id").to_owned(), name);
        } else {
            assert_clear(&answer);
            told.refused.push(name);
            refusals += 1;
        }
    }
}

/// What was acknowledged is there, what was refused is not, and nothing else is.
fn assert_kept(process: &Process, token: &str, told: &ToldClients) {
    let text = |item: &Value, field: &str| item[field].as_str().expect("it is text").to_owned();
    let listed = list_all(process, token, "/v1/projects");
    let found: BTreeMap<String, String> =
        listed.iter().map(|item| (text(item, "id"), text(item, "name"))).collect();
    assert_eq!(found, told.acknowledged);
    assert!(!told.refused.is_empty() && found.values().all(|name| !told.refused.contains(name)));
}

/// SQLite's own verdict over the file.
fn assert_sound(place: &Place) {
    let url = place.url_from_outside();
    let database = Database::open(&url, &DatabaseSettings::default(), Clock::system(), Vec::new());
    let verdict = block_on(database.expect("the file can be opened").run(None, async |cx| {
        let check = sql!("full_disk.check", sqlite: "PRAGMA integrity_check", postgres: "SELECT 'ok'");
        check.all::<(String,), _>(&cx).await
    }));
    assert_eq!(verdict.expect("the file can be checked"), [("ok".to_owned(),)]);
}

#[test]
fn on_a_disk_that_is_full_nothing_acknowledged_is_lost_and_room_is_all_that_it_takes_to_go_on() {
    let place = Place::sqlite();
    let mut process = place.app(&["serve"]).start();
    let token = sign_up(&process, "ada");
    let told = Mutex::new(ToldClients::default());
    for round in 0..3 {
        let log = std::fs::metadata(place.work().join("data/app.db-wal")).expect("SQLite keeps a log").len();
        process.limit_files(Some(log + ROOM));
        std::thread::scope(|scope| {
            for client in 0..8 {
                let client = format!("round {round} client {client}");
                let (process, token, told) = (&process, &token, &told);
                scope.spawn(move || create_until_refused(process, token, &client, told));
            }
        });
        // Who only reads notices nothing.
        assert_kept(&process, &token, &told.lock().expect("no client panics"));
        // A balancer does: sooner or later there is no room for the page that it has written.
        let ready = || process.ask(&HttpRequest::get("/readyz"));
        let is_full = |refused: &Value| {
            let detail = refused["detail"].as_str().unwrap_or_default();
            detail.starts_with("the database ") && detail.ends_with(": disk I/O error")
        };
        // On a busy machine a write may also take too long.
        let refused = || Some(ready()).filter(|answer| answer.status == 503).map(|answer| answer.json());
        let refused = wait_for(|| ready().text(), || refused().filter(is_full));
        assert_eq!(refused["type"], "urn:tenfold:problem:not-ready");
        process.limit_files(None);
        wait_for(|| ready().text(), || (ready().status == 200).then_some(()));
        let mut told = told.lock().expect("no client panics");
        told.acknowledged.insert(
            create_project(&process, &token, "there is room again"),
            "there is room again".to_owned(),
        );
        assert_kept(&process, &token, &told);
    }
    assert!(process.err().contains("disk I/O error"), "the error is the system's: {}", process.err());
    let told = told.into_inner().expect("no client panics");
    assert!(told.acknowledged.len() > 10, "{} were acknowledged", told.acknowledged.len());
    let upload = HttpRequest::post("/v1/files?name=a.txt").bearer(&token).body("some words");
    let upload = process.ask(&upload.header("content-type", "application/octet-stream"));
    assert_eq!(upload.status, 202, "{}", upload.text());
    let file = processed(&process, &token, upload.header("location"), Duration::from_secs(20));
    assert_eq!(file["status"], "ready", "the worker goes on as well: {file}");
    process.kill();
    assert_sound(&place);
    let mut process = place.app(&["serve"]).start();
    assert_kept(&process, &token, &told);
    process.stop();
    assert_sound(&place);
}

/// So many bytes that the database has room for some commits, if its files are here.
fn room_for_the_database(place: &Place) -> u64 {
    let files = std::fs::read_dir(place.work().join("data")).expect("the folder can be read").flatten();
    let longest = files.filter_map(|file| Some(file.metadata().ok()?.len())).max();
    longest.unwrap_or(0) + 4 * ROOM
}

in_both_places!(fn an_upload_whose_last_byte_has_no_room_is_a_507(place) {
    let process = place.app(&["serve"]).start();
    let token = sign_up(&process, "ada");
    let limit = room_for_the_database(place);
    process.limit_files(Some(limit));
    // All pieces but the last one fit, and the last one is written when the file is completed.
    let bytes = vec![b'x'; usize::try_from(limit).expect("it is small") + 1];
    let upload = HttpRequest::post("/v1/files?name=a").bearer(&token).body(bytes);
    let refused = process.ask(&upload);
    assert_eq!(refused.status, 507, "{}\n{}", refused.text(), process.err());
    assert_eq!(refused.json()["type"], "urn:tenfold:problem:storage-full", "{}", refused.text());
    assert_eq!(harness::found::incoming(place), [""; 0], "a part of it is left");
    process.limit_files(None);
    let taken = process.ask(&upload);
    assert_eq!(taken.status, 202, "{}", taken.text());
});
