//! `app load` against a running application.

use harness::process::Finished;
use serde_json::Value;

use super::in_both_places;
use super::place::Place;
use super::process::Process;
use super::{list_all, sign_in_to_demo};

/// The scenario of the guide.
fn scenario() -> &'static str {
    let guide = include_str!("../../../../docs/guide/load.md");
    let (_, begun) = guide.split_once("```toml\n").expect("the guide shows a scenario");
    begun.split_once("```").expect("it ends").0
}

/// Sends load to a process. The command line is that of the tester, without the database.
fn load(place: &Place, process: &Process, words: &[&str]) -> Finished {
    let target = format!("http://{}", process.address());
    let words: Vec<&str> =
        ["load", "--target", &target, "--timeout", "60s"].iter().chain(words).copied().collect();
    place.bare(&words).finish()
}

/// Repeats a run for as long as this machine was too busy to send what was due: such a run says nothing.
fn until_sent(mut run: impl FnMut() -> Finished) -> Finished {
    let mut finished = run();
    for _ in 0..4 {
        if !finished.err.contains("could not be sent within a second") {
            break;
        }
        finished = run();
    }
    finished
}

/// A file that the load has written.
fn read(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.work().join(name)).expect("the load has written it")
}

/// The counts of an operation of a report.
fn operation<'r>(report: &'r Value, name: &str) -> &'r Value {
    let mut operations = report["operations"].as_array().expect("operations").iter();
    operations
        .find(|operation| operation["operation"] == name)
        .unwrap_or_else(|| panic!("{name} in {report:#}"))
}

in_both_places!(fn without_a_scenario_each_example_is_called(place) {
    let process = place.app(&["serve", "--demo"]).start();
    let words = ["--rate", "40", "--duration", "2s", "--warm-up", "0s", "--max-errors", "0", "--json", "-"];
    let finished = until_sent(|| load(place, &process, &words));
    assert_eq!(finished.status.code(), Some(0), "{}{}", finished.out, finished.err);
    let report: Value = serde_json::from_str(&finished.out).expect("a report");
    let operations = report["operations"].as_array().expect("operations");
    assert!(operations.len() >= 12, "{report:#}");
    assert!(finished.err.contains(", as 1 account\n"), "{}", finished.err);
    for name in ["list_users", "get_user", "sign_in", "create_project", "patch_task", "upload_file"] {
        assert!(operations.iter().any(|operation| operation["operation"].as_str().is_some_and(|own| own.starts_with(name))), "{name}: {report:#}");
    }
    let left_out = report["left_out"].to_string();
    assert!(left_out.contains("switch answers 4"), "{left_out}");
    assert!(!report.to_string().contains("sign_out") && !report.to_string().contains("delete_"), "{report:#}");
});

in_both_places!(fn the_scenario_of_the_guide_runs(place) {
    let process = place.app(&["serve", "--demo"]).start();
    place.write("load.toml", scenario());
    let words = ["load.toml", "--rate", "30", "--duration", "3s", "--json", "load.json", "--html", "load.html"];
    let projects_of_acme = || {
        let all = list_all(&process, &sign_in_to_demo(&process, "owner@acme.test"), "/v1/projects");
        let made = all.iter().filter(|project| project["name"].as_str().is_some_and(|name| name.starts_with("Project ")));
        made.count() as u64
    };
    let mut before = 0;
    let finished = until_sent(|| {
        before = projects_of_acme();
        load(place, &process, &words)
    });
    assert_eq!(finished.status.code(), Some(0), "{}{}", finished.out, finished.err);
    let report: Value = serde_json::from_str(&read(place, "load.json")).expect("a report");
    assert_eq!((&report["total"]["failed"], &report["valid"]), (&0.into(), &true.into()), "{report:#}");
    for name in ["list_users?limit=100", "sign_in", "create_project", "upload_file?name=hello.txt", "notification_events"] {
        assert!(operation(&report, name)["answered"].as_u64() > Some(0), "{name}: {report:#}");
    }
    assert!(finished.err.contains("5 kinds, 2 of which write, as 4 accounts"), "{}", finished.err);
    let shown = [finished.out, finished.err, report.to_string(), read(place, "load.html")].concat();
    assert!(!shown.contains("tenfold-demo") && !shown.contains("correct horse"), "{shown}");
    let made = projects_of_acme() - before;
    // The others are those of the organizations that signed up.
    assert!(made > 0 && made < operation(&report, "create_project")["answered"].as_u64().expect("a count"), "{made}");
    // The organizations are there, and sign in.
    let words = ["load.toml", "--rate", "20", "--duration", "1s", "--warm-up", "0s"];
    let again = until_sent(|| load(place, &process, &words));
    assert_eq!(again.status.code(), Some(0), "{}{}", again.out, again.err);
});

#[test]
fn a_load_that_cannot_begin_says_why() {
    let place = Place::sqlite();
    for (words, status, says) in [
        (&["load", "--listen", "127.0.0.1:1"][..], 1, "nothing answers at http://127.0.0.1:1"),
        (&["load", "missing.toml"], 1, "the scenario missing.toml cannot be read"),
        (&["load", "--rate", "fast"], 2, "`fast` is not a rate"),
        (&["load", "--max-errors", "200"], 2, "write a number from 0 to 100"),
        (&["load", "--listen", "192.0.2.1:80"], 1, "with --target"),
        (&["load", "--json", "missing/load.json"], 1, "missing/load.json cannot be written"),
        (&["load", "--json", "-", "--html", "missing/load.html"], 1, "missing/load.html cannot be written"),
        // Those that can be written are not left behind.
        (
            &["load", "--listen", "127.0.0.1:1", "--json", "load.json", "--html", "load.html"],
            1,
            "nothing answers",
        ),
    ] {
        let finished = place.bare(words).finish();
        assert_eq!(finished.status.code(), Some(status), "{words:?}: {}", finished.err);
        assert!(finished.err.starts_with("error: ") && finished.err.contains(says), "{}", finished.err);
        assert!(finished.err.lines().count() == 1 && finished.out.is_empty(), "{}", finished.err);
    }
    assert!(place.is_untouched());
    place.write("load.json", "that of yesterday");
    let finished = place.bare(&["load", "--listen", "127.0.0.1:1", "--json", "load.json"]).finish();
    assert_eq!((finished.status.code(), &*read(&place, "load.json")), (Some(1), "that of yesterday"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_that_cannot_be_written_keeps_no_other_back() {
    let place = Place::sqlite();
    let process = place.app(&["serve", "--demo"]).start();
    let sent = ["--rate", "20", "--duration", "1s", "--warm-up", "0s"];
    place.write("load.json", &"longer than a report. ".repeat(100_000));
    let run = |files: &[&str]| load(&place, &process, &[&sent[..], files].concat());
    // It can be opened, and is always full.
    let finished = run(&["--html", "/dev/full", "--json", "load.json"]);
    assert_eq!(finished.status.code(), Some(1), "{}", finished.err);
    assert!(finished.err.contains("error: /dev/full cannot be written: "), "{}", finished.err);
    assert!(finished.out.contains("list_users"), "the table is shown: {}", finished.out);
    let report: Value = serde_json::from_str(&read(&place, "load.json")).expect("nothing of the old text");
    assert!(report["total"]["sent"].as_u64() > Some(0), "{report:#}");
    let finished = run(&["--html", "load.html", "--json", "/dev/full"]);
    assert_eq!(finished.status.code(), Some(1), "{}", finished.err);
    assert!(finished.err.contains("error: /dev/full cannot be written: "), "{}", finished.err);
    assert!(
        finished.out.contains("list_users") && read(&place, "load.html").contains("<svg"),
        "{}",
        finished.out
    );
}

#[test]
fn the_exit_status_tells_what_is_wrong_with_a_run() {
    let place = Place::sqlite();
    let process = place.app(&["serve", "--role", "web"]).start();
    // Hashing a password takes longer than the limit on any machine.
    place.write(
        "load.toml",
        "[[step]]\noperation = \"sign_up\"\n\
         body = { email = \"{unique}@load.test\", password = \"correct horse battery\", organization = \"Load\" }\n",
    );
    let run = |words: &[&str]| {
        until_sent(|| load(&place, &process, &[&["load.toml", "--warm-up", "0s"], words].concat()))
    };
    let nothing_was_due = run(&["--rate", "0.01", "--duration", "1ms"]);
    assert_eq!(nothing_was_due.status.code(), Some(3), "{}", nothing_was_due.err);
    assert!(nothing_was_due.err.contains("error: the run is invalid"), "{}", nothing_was_due.err);
    let slow = run(&["--rate", "5", "--duration", "1s", "--max-p99", "1ms"]);
    assert_eq!(slow.status.code(), Some(4), "{}", slow.err);
    assert!(slow.err.contains("error: a limit did not hold: p99 is "), "{}", slow.err);
    assert!(slow.out.contains("sign_up"), "{}", slow.out);
}
