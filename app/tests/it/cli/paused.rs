//! A worker that stands still past its lease, and goes on as if nothing had happened.

use std::time::Duration;

use harness::fleet::start_worker;
use harness::found::{Evidence, Reader};
use harness::ledger::Entry;
use harness::process::{block_on, wait_for};
use harness::verdict::Verdict;
use tenfold::data::Clock;

use super::process::Process;
use super::wire::HttpRequest;
use super::{in_both_places, processed, sign_up};

/// Long enough to be processed for seconds by an unoptimized program, and short enough for everybody else.
const LENGTH: usize = 96 << 20;
const PATIENCE: Duration = Duration::from_secs(120);
const SETTINGS: [(&str, &str); 1] = [("TENFOLD_JOBS__LEASE", "3s")];

/// Stops the worker in the middle of a job, at a moment at which it holds no lock: with one, on SQLite, everybody would
/// wait for it, and no lease would help.
fn pause(worker: &Process, server: &Process, token: &str) {
    let probe = HttpRequest::post("/v1/projects").bearer(token).json(&serde_json::json!({"name": "probe"}));
    wait_for(
        || "the worker always holds a lock".to_owned(),
        || {
            worker.signal("STOP");
            let patience = Duration::from_millis(500);
            let mut connection = server.connect().with_patience(patience).ok()?;
            let stored = connection.ask(&probe).is_ok_and(|answer| answer.status == 201);
            if !stored {
                worker.signal("CONT");
            }
            stored.then_some(())
        },
    );
}

in_both_places!(fn a_worker_that_stood_still_past_its_lease_disturbs_nothing_and_works_on(place) {
    // The limit is that of what the quota is asked with, see `Evidence`.
    let server = place.app(&["serve", "--role", "web"]).env("TENFOLD_FILES__MAX_SIZE", "1 TiB").start();
    let token = sign_up(&server, "ada");
    let mut paused = start_worker(place, &SETTINGS);
    let sent = server.connect().stream("/v1/files?name=long", &token, LENGTH, b"a text", b" of words");
    let (answer, sha256) = sent.expect("the server listens");
    assert_eq!(answer.status, 202, "{}", answer.text());
    let at = Clock::system().now();
    let path = answer.header("location").to_owned();
    let file = || server.ask(&HttpRequest::get(&path).bearer(&token)).json();
    // It reads the text now, and has a while to go.
    wait_for(|| file().to_string(), || (file()["percent"] == 40).then_some(()));
    pause(&paused, &server, &token);

    let mut other = start_worker(place, &SETTINGS);
    let ready = processed(&server, &token, &path, PATIENCE);
    assert_eq!((&ready["status"], &ready["sha256"]), (&"ready".into(), &sha256.clone().into()), "{ready}");
    assert!(paused.is_alive() && !paused.err().contains("lease"), "it was not stopped in the middle: {}", paused.err());
    paused.signal("CONT");
    // It notices by a heartbeat or by the guard of the step that it was about to store.
    let noticed = || paused.err().contains("the lease of");
    wait_for(|| format!("it does not notice:\n{}", paused.err()), || noticed().then_some(()));
    other.kill();
    let (second, second_sha256) =
        server.connect().stream("/v1/files?name=short", &token, 9, b"two", b" words").expect("an answer");
    processed(&server, &token, second.header("location"), PATIENCE);

    block_on(async {
        let reader = Reader::open(place).await;
        while !reader.queued().await.expect("the queue can be read").is_empty() {
            tokio::task::yield_now().await;
        }
        reader.close().await;
    });
    let entry = |path: &str, name: &str, sha256: &str, size: usize| Entry {
        id: path.trim_start_matches("/v1/files/").to_owned(),
        name: name.to_owned(),
        sha256: sha256.to_owned(),
        size: size as u64,
        at,
    };
    let ledger =
        [entry(&path, "long", &sha256, LENGTH), entry(second.header("location"), "short", &second_sha256, 9)];
    let verdict = Verdict::of(&ledger, &[], &Evidence::gather(place, server.address(), &token));
    assert!(verdict.is_clean(), "{}", verdict.complaints());
    // More than once on a machine that is too busy for heartbeats.
    assert!(verdict.effected == 2 && verdict.repeated >= 1, "{verdict:?}");
});
