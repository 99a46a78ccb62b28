//! The folder of files belongs to a database: a process with another one does not start.

use std::path::PathBuf;

use super::place::Place;
use super::process::{Process, wait_for};
use super::wire::HttpRequest;
use super::{in_both_places, sign_up};

const MARKER: &str = ".tenfold-store";

/// A folder for files in the working directory, as the application names it.
fn folder(place: &Place, name: &str) -> PathBuf {
    place.work().canonicalize().expect("it is there").join(name)
}

/// The id in the marker of a folder.
fn mark(place: &Place, name: &str) -> String {
    let marker = std::fs::read_to_string(folder(place, name).join(MARKER));
    marker.expect("the folder has a marker").trim().to_owned()
}

/// Starts the application with a folder of files, and gives what it says when it refuses.
fn refusal(place: &Place, arguments: &[&str], name: &str) -> String {
    let refused = place.app(arguments).env("TENFOLD_FILES__BLOBS", &format!("file:{name}")).finish();
    assert_eq!((refused.status.code(), &*refused.out), (Some(1), ""), "{}", refused.err);
    // On PostgreSQL the log has said before which role it is.
    refused.err.lines().last().unwrap_or_default().to_owned()
}

/// A process with a folder of files that is about to start.
fn begin(place: &Place, name: &str) -> Process {
    place.app(&["serve"]).env("TENFOLD_FILES__BLOBS", &format!("file:{name}")).spawn()
}

/// Waits until it listens or has refused to; gives whether it listens.
fn listens(process: &Process) -> bool {
    let said = || format!("{}{}", process.out(), process.err());
    wait_for(said, || {
        let said = said();
        if said.contains("listens on") { Some(true) } else { said.contains("error: ").then_some(false) }
    })
}

in_both_places!(fn a_process_with_another_folder_of_files_does_not_start(place) {
    let first = place.app(&["serve"]).start();
    let token = sign_up(&first, "ada");
    let upload = first.ask(&HttpRequest::post("/v1/files?name=a").bearer(&token).body("some words"));
    assert_eq!(upload.status, 202, "{}", upload.text());
    let (id, elsewhere) = (mark(place, "data/blobs"), folder(place, "elsewhere"));
    for arguments in [&["serve"][..], &["serve", "--role", "worker"]] {
        let said = refusal(place, arguments, "elsewhere");
        let marker = elsewhere.join(MARKER).display().to_string();
        for part in ["error: files.blobs: ", "has no mark", "share one folder", &id, &marker] {
            assert!(said.contains(part), "{part:?} is missing in: {said}");
        }
    }
    let other = "0198c0de-0000-7000-8000-000000000000";
    std::fs::write(elsewhere.join(MARKER), other).expect("it can be written");
    let said = refusal(place, &["serve"], "elsewhere");
    assert!(said.contains(&format!("its mark is {other}")) && said.contains(&id), "{said}");
    // As it says, for one whose files are lost.
    std::fs::write(elsewhere.join(MARKER), &id).expect("it can be written");
    let second = place.app(&["serve"]).env("TENFOLD_FILES__BLOBS", "file:elsewhere").start();
    let content = HttpRequest::get(&format!("{}/content", upload.header("location"))).bearer(&token);
    assert_eq!(first.ask(&content).text(), "some words");
    let missing = second.ask(&content);
    assert_eq!(missing.status, 503, "{}", missing.text());
    assert_eq!(missing.json()["type"], "urn:tenfold:problem:content-missing", "{}", missing.text());
    // A thread of its own writes the log.
    let parts = ["files.blobs: ", &*elsewhere.to_string_lossy()];
    wait_for(|| second.err(), || parts.iter().all(|part| second.err().contains(part)).then_some(()));
});

in_both_places!(fn a_database_takes_the_folder_that_it_finds(place) {
    // Of a version that marked nothing.
    std::fs::create_dir_all(place.work().join("data/blobs/incoming")).expect("it can be made");
    place.app(&["serve"]).start().stop();
    place.app(&["serve"]).start().stop();
    let id = mark(place, "data/blobs");
    // The database is made anew, and the folder is the old one.
    let anew = if place.dialect() == tenfold::data::Dialect::Sqlite { Place::sqlite() } else { Place::postgres() };
    let blobs = format!("file:{}", folder(place, "data/blobs").display());
    anew.app(&["serve"]).env("TENFOLD_FILES__BLOBS", &blobs).start().stop();
    assert_eq!(mark(place, "data/blobs"), id);
    let said = refusal(&anew, &["serve"], "data/blobs");
    assert!(said.contains(&id), "{said}");
});

in_both_places!(fn processes_that_start_at_once_agree_on_the_folder(place) {
    // Those of one folder start both, if theirs is the one; of two folders one is taken.
    let processes = ["one", "one", "two", "two"].map(|name| begin(place, name));
    let started = processes.each_ref().map(listens);
    let is_one = started[0];
    assert_eq!(started, [is_one, is_one, !is_one, !is_one], "{}", processes.map(|process| process.err()).join("\n"));
    let (taken, other) = if is_one { ("one", "two") } else { ("two", "one") };
    assert!(refusal(place, &["serve"], other).contains(&mark(place, taken)));
});
