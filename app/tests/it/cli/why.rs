//! `app why`, beside a process that serves HTTP, and `app onset`.

use std::collections::BTreeSet;
#[cfg(target_os = "linux")]
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::in_both_places;
#[cfg(target_os = "linux")]
use super::place::Place;
use super::process::{Process, wait_for};
use super::sign_up;
use super::wire::HttpRequest;

const PASSWORD: (&str, &str) = ("TENFOLD_CONSOLE__PASSWORD", "a long enough password");

in_both_places!(fn a_running_process_is_asked_what_is_wrong(place) {
    let mut server = place.app(&["serve"]).env(PASSWORD.0, PASSWORD.1).start();
    let why = |arguments: &[&str], password: &str| {
        let arguments = [&["why", "--listen", server.address()], arguments].concat();
        place.app(&arguments).env(PASSWORD.0, password).finish()
    };
    let told = why(&[], PASSWORD.1);
    assert_eq!(told.out, "No incident: no endpoint and no job got slower or fails more often.\n", "{}", told.err);
    let url = format!("http://{}/", server.address());
    let json = why(&["--json", "--since", "30m", "--until", "2100-01-01T00:00:00Z", "--at", &url], PASSWORD.1);
    let answer: Value = serde_json::from_str(&json.out).unwrap_or_else(|_| panic!("{}{}", json.out, json.err));
    for key in ["endpoints", "statements", "organizations", "users", "changes", "traces"] {
        assert!(answer[key].is_array(), "{key}: {answer:#}");
    }
    for (arguments, password, part) in [
        (&["--at", &*url][..], "another long password", "console.password"),
        (&[], "", "TENFOLD_CONSOLE__PASSWORD"),
        (&["--at", "127.0.0.1"], PASSWORD.1, "http://HOST:PORT"),
        (&["--since", "yesterday"], PASSWORD.1, "30m"),
        (&["--at", "http://127.0.0.1:1"], PASSWORD.1, "127.0.0.1:1"),
    ] {
        let refused = why(arguments, password);
        assert!(!refused.status.success() && refused.err.contains(part), "{arguments:?}: {}", refused.err);
    }
    server.stop();
});

in_both_places!(fn what_was_recorded_outlives_the_process(place) {
    let pages = || {
        let file = place.work().join("why.db");
        std::fs::metadata(&file).map_or(0, |file| file.len())
    };
    assert_eq!(pages(), 0);
    let serve = || place.app(&["serve"]).env("TENFOLD_WHY__HISTORY", "why.db").env(PASSWORD.0, PASSWORD.1).start();
    let mut server = serve();
    server.stop();
    assert!(pages() > 0, "its start is a change, which is kept");
    // A file that is damaged is no reason not to serve; the console says what is wrong with it.
    for name in ["why.db-wal", "why.db-shm"] {
        let _ = std::fs::remove_file(place.work().join(name));
    }
    place.write("why.db", &"no database ".repeat(1_000));
    let mut server = serve();
    let told = place.app(&["why", "--listen", server.address()]).env(PASSWORD.0, PASSWORD.1).finish();
    assert!(told.out.starts_with("No incident"), "{}{}", told.out, told.err);
    server.stop();
});

in_both_places!(fn a_restart_says_which_settings_have_changed(place) {
    const OTHER: &str = "another password for it";
    let serve = |file: &str, deadline: &str, password: &str| {
        let settings = place.app(&["serve"]).env("TENFOLD_WHY__HISTORY", file).env(PASSWORD.0, password);
        settings.env("TENFOLD_HTTP__DEADLINE", deadline).start()
    };
    let kept = |file: &str| -> String {
        let files = [file, &format!("{file}-wal")].map(|name| std::fs::read(place.work().join(name)).unwrap_or_default());
        String::from_utf8_lossy(&files.concat()).into_owned()
    };
    serve("why.db", "11s", PASSWORD.1).stop();
    serve("why.db", "11s", PASSWORD.1).stop();
    assert!(!kept("why.db").contains(" changed"), "{}", kept("why.db"));
    let first = hashes_of_the_password(&kept("why.db"));
    assert_eq!(first.len(), 1, "the salt of a file stays: {first:?}");
    let mut server = serve("why.db", "7s", OTHER);
    let cookie = sign_in_to_console(&server, OTHER);
    let listed = server.ask(&HttpRequest::get("/console/changes").header("cookie", &cookie)).text();
    server.stop();
    // Of a secret it says nothing but that it changed.
    for part in ["http.deadline changed from &quot;11s&quot; to &quot;7s&quot;", "<td>console.password changed</td>"] {
        assert!(listed.contains(part), "{part} is not in {listed}");
    }
    let told = kept("why.db");
    assert!(!told.contains("console.password changed from"), "{told}");
    assert!(!told.contains(PASSWORD.1) && !told.contains(OTHER), "{told}");
    // The hash of the same value is another one in another file.
    serve("other.db", "11s", PASSWORD.1).stop();
    let other = hashes_of_the_password(&kept("other.db"));
    assert!(other.len() == 1 && other.is_disjoint(&first), "{other:?} {first:?}");
});

in_both_places!(fn a_setting_that_ends_its_process_at_once_is_told(place) {
    let serve = |deadline: &str| {
        let settings = place.app(&["serve"]).env("TENFOLD_WHY__HISTORY", "why.db").env(PASSWORD.0, PASSWORD.1);
        settings.env("TENFOLD_HTTP__DEADLINE", deadline).start()
    };
    serve("11s").stop();
    // Before it has written a page, unless this machine stands still.
    serve("7s").kill();
    let mut server = serve("7s");
    let changed = "http.deadline changed from &quot;11s&quot; to &quot;7s&quot;";
    assert_eq!(cells_of_changes(&server, "http.deadline"), [changed]);
    // The start that brought the setting is no second one of the same.
    let starts = cells_of_changes(&server, " started");
    assert!(starts.len() == 2 && starts[0].ends_with(" started (2 times)"), "{starts:?}");
    let cookie = sign_in_to_console(&server, PASSWORD.1);
    let deploys = server.ask(&HttpRequest::get("/console/deploys").header("cookie", &cookie)).text();
    assert!(deploys.contains(changed), "{deploys}");
    server.stop();
});

in_both_places!(fn a_second_process_waits_for_the_file_of_the_first(place) {
    let serve = || {
        let settings = place.app(&["serve", "--role", "web"]).env("TENFOLD_WHY__HISTORY", "why.db");
        settings.env(PASSWORD.0, PASSWORD.1).start()
    };
    let (mut first, mut second) = (serve(), serve());
    let told = "the history for `why` is not kept in why.db: another process keeps its history there";
    let cookies = [&first, &second].map(|server| sign_in_to_console(server, PASSWORD.1));
    let is_told = |server: &Process, cookie: &str, path: &str| {
        server.ask(&HttpRequest::get(path).header("cookie", cookie)).text().contains(told)
    };
    for path in ["/console", "/console/deploys"] {
        assert!(is_told(&second, &cookies[1], path) && !is_told(&first, &cookies[0], path), "{path}");
    }
    assert!(format!("{}{}", second.out(), second.err()).contains(told));
    first.kill();
    wait_for(|| second.err(), || (!is_told(&second, &cookies[1], "/console")).then_some(()));
    second.stop();
    let third = serve();
    let starts = cells_of_changes(&third, " started");
    assert!(starts.len() == 1 && starts[0].ends_with(" (3 times)"), "{starts:?}");
});

in_both_places!(fn a_deploy_says_which_schedules_have_changed(place) {
    let serve = |zone: &str, role: &str| {
        let settings = place.app(&["serve", "--role", role]).env(PASSWORD.0, PASSWORD.1);
        settings.env("TENFOLD_JOBS__TIME_ZONE", zone).start()
    };
    let told = |server: &Process| cells_of_changes(server, "tenfold.prune");
    let mut first = serve("UTC", "all");
    assert!(told(&first).is_empty(), "nothing ran before: {:?}", told(&first));
    first.stop();
    // Of the processes of the new version the first one changes it; those that come later hear of it.
    let changed = "the schedule tenfold.prune changed from every day at 04:41 UTC to every day at 04:41 Asia/Tokyo";
    for role in ["all", "web"] {
        let mut server = serve("Asia/Tokyo", role);
        assert_eq!(told(&server), [changed], "{role}");
        server.stop();
    }
});

/// A copy of the program as if it was built from something else: with another build id.
#[cfg(target_os = "linux")]
fn another_build(place: &Place) -> PathBuf {
    let copy = place.work().join("another");
    std::fs::copy(env!("CARGO_BIN_EXE_app"), &copy).expect("the program can be copied");
    let mut program = std::fs::read(&copy).expect("it can be read");
    let note = b"\x14\0\0\0\x03\0\0\0GNU\0";
    let found =
        program.windows(note.len()).position(|bytes| bytes == note).expect("the linker makes a build id");
    program[found + note.len()] ^= 0xff;
    std::fs::write(&copy, program).expect("it can be written");
    copy
}

#[cfg(target_os = "linux")]
in_both_places!(fn a_new_build_of_a_version_is_told_from_a_restart(place) {
    let starts = |program: &Path| {
        let serve = place.app_of(program, &["serve"]).env("TENFOLD_WHY__HISTORY", "why.db");
        let mut server = serve.env(PASSWORD.0, PASSWORD.1).start();
        let told = cells_of_changes(&server, " started");
        server.stop();
        told
    };
    let program = Path::new(env!("CARGO_BIN_EXE_app"));
    let first = starts(program);
    assert!(first.len() == 1 && first[0].contains(" (build "), "{first:?}");
    let again = format!("{} (2 times)", first[0]);
    assert_eq!(starts(program), [&*again]);
    // The same commit is the same build, whatever else it was made from.
    if option_env!("SOURCE_COMMIT").is_none_or(str::is_empty) {
        let all = starts(&another_build(place));
        assert!(all.len() == 2 && all[1] == again, "{all:?}");
        assert!(all[0] != first[0] && all[0].ends_with(" started") && all[0].contains(" (build "), "{all:?}");
    }
});

/// The cells of the page of changes that contain this, the newest first.
fn cells_of_changes(server: &Process, part: &str) -> Vec<String> {
    let cookie = sign_in_to_console(server, PASSWORD.1);
    let page = server.ask(&HttpRequest::get("/console/changes").header("cookie", &cookie)).text();
    let cells = page.split("<td>").filter_map(|cell| Some(cell.split_once("</td>")?.0.to_owned()));
    cells.filter(|cell| cell.contains(part)).collect()
}

/// The hashes of `console.password` in the bytes of a file.
fn hashes_of_the_password(kept: &str) -> BTreeSet<String> {
    let found = kept.split("\"console.password\":\"").skip(1);
    found.filter_map(|rest| Some(rest.get(..32)?.to_owned())).collect()
}

/// The cookie of an operator.
fn sign_in_to_console(server: &Process, password: &str) -> String {
    let form = HttpRequest::post("/console/sign-in").header("sec-fetch-site", "same-origin");
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    let signed_in = server.ask(&form.body(format!("password={}", password.replace(' ', "+"))));
    signed_in.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

in_both_places!(fn several_processes_are_asked_together(place) {
    let start = || place.app(&["serve", "--role", "web"]).env(PASSWORD.0, PASSWORD.1).start();
    let (mut one, mut other) = (start(), start());
    let urls = [&one, &other].map(|process| format!("http://{}", process.address()));
    let why = |arguments: &[&str]| place.app(&[&["why"], arguments].concat()).env(PASSWORD.0, PASSWORD.1).finish();
    let both = ["--at", &*urls[0], "--at", &*urls[1]];
    let told = why(&both);
    assert!(told.out.starts_with("No incident"), "{}{}", told.out, told.err);
    let json = why(&[&both[..], &["--json"]].concat());
    let answer: Value = serde_json::from_str(&json.out).unwrap_or_else(|_| panic!("{}{}", json.out, json.err));
    assert!(answer["changes"].is_array(), "{answer:#}");
    // One that is away is named, and the other one asked all the same.
    one.stop();
    let told = why(&both);
    assert!(told.status.success() && told.out.starts_with("No incident"), "{}{}", told.out, told.err);
    assert!(told.err.contains(&urls[0]), "{}", told.err);
    other.stop();
    let told = why(&both);
    assert!(!told.status.success() && told.err.contains("none of the 2 processes"), "{}", told.err);
});

in_both_places!(fn change_points_of_a_file_are_printed(place) {
    let level = |low: i32| (0..100).map(move |number| low + number * 7 % 3);
    let lines: String = level(10).chain(level(20)).enumerate().map(|(at, value)| format!("{at},{value}\n")).collect();
    place.write("series.csv", &format!("second,ms\n{lines}"));
    let told = place.bare(&["onset", "series.csv"]).finish();
    assert!(told.out.starts_with("200 values, 1 changes\nfrom value 101: 10.99"), "{}{}", told.out, told.err);
    assert!(told.out.contains("p = "), "{}", told.out);
    place.write("bad.csv", "ms\n1\ntwo\n");
    let refused = place.bare(&["onset", "bad.csv"]).finish();
    assert!(refused.err.contains("bad.csv, line 3: `two` is no number"), "{}", refused.err);
});

in_both_places!(fn the_days_of_an_endpoint_outlive_the_process(place) {
    let serve = || place.app(&["serve"]).env("TENFOLD_WHY__HISTORY", "why.db").env(PASSWORD.0, PASSWORD.1).start();
    let list = |server: &Process, token: &str, times: usize| {
        for _ in 0..times {
            assert_eq!(server.ask(&HttpRequest::get("/v1/users").bearer(token)).status, 200);
        }
    };
    let mut server = serve();
    let token = sign_up(&server, "ada");
    list(&server, &token, 7);
    // What was recorded last is written when it stops, and the next process adds to it.
    server.stop();
    let mut server = serve();
    list(&server, &token, 3);
    let cookie = sign_in_to_console(&server, PASSWORD.1);
    let get = |path: &str| server.ask(&HttpRequest::get(path).header("cookie", &cookie));
    let page = get("/console/endpoints/days?name=GET%20/v1/users");
    let text = page.text();
    assert_eq!(page.status, 200, "{text}");
    for part in ["<td class=\"number\">10</td>", "started (2 times)", "By the hour"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // A question about a time before the file says so.
    let before = get("/console/why.json?until=2020-01-01T00:00:00Z");
    assert!(before.text().contains("Nothing was recorded in that time"), "{}", before.text());
    server.stop();
});
