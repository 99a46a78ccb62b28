//! What cannot work is refused at once, in one line that says what to do.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::json;

use super::place::Place;
use super::process::Launch;
use super::wire::HttpRequest;
use super::{in_both_places, list_all, sign_up};

/// Runs the process to its end: it must fail within ten seconds with nothing on standard output and one line
/// on standard error that holds `parts`; gives the line.
#[track_caller]
fn assert_refused(launch: Launch, parts: &[&str]) -> String {
    let finished = launch.finish();
    let (out, err) = (finished.out, finished.err);
    assert!(matches!(finished.status.code(), Some(1..=2)), "{}: {err}", finished.status);
    assert_eq!(out, "", "standard output; standard error is {err}");
    assert_eq!(err.lines().count(), 1, "not one line: {err}");
    assert!(err.starts_with("error: ") && err.ends_with('\n'), "{err}");
    for part in parts {
        assert!(err.contains(part), "{part:?} is missing in: {err}");
    }
    assert!(finished.took < Duration::from_secs(10), "took {:?}", finished.took);
    err
}

/// An address on this machine where nobody listens.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("a listener has an address").port()
}

#[test]
fn demo_data_is_refused_on_an_address_that_others_reach_before_anything_is_written() {
    let place = Place::sqlite();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        assert_refused(
            place.bare(&["serve", "--demo", "--listen", address]),
            &["--demo", address, "127.0.0.1"],
        );
        assert_refused(place.bare(&["--listen", address]), &["--demo", address]);
        assert!(place.is_untouched());
    }
}

in_both_places!(fn demo_data_is_refused_in_a_database_with_accounts(place) {
    let mut real = place.app(&["serve"]).start();
    let token = sign_up(&real, "ada");
    real.stop();
    let refused = place.app(&["serve", "--demo"]).finish();
    assert_eq!((refused.status.code(), &*refused.out), (Some(1), ""), "{}", refused.err);
    // On PostgreSQL the log has said before which role it is.
    let said = refused.err.lines().last().unwrap_or_default();
    for part in ["error: --demo", "has accounts", "without --demo", "--database"] {
        assert!(said.contains(part), "{part:?} is missing in: {}", refused.err);
    }
    let real = place.app(&["serve"]).start();
    assert_eq!(list_all(&real, &token, "/v1/users").len(), 1);
    let credentials = json!({"email": "both@demo.test", "password": "tenfold-demo"});
    assert_eq!(real.ask(&HttpRequest::post("/v1/auth/sign-in").json(&credentials)).status, 401);
});

#[test]
fn a_port_in_use_is_refused_before_the_database_is_touched() {
    let place = Place::sqlite();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("a listener has an address").to_string();
    assert_refused(place.bare(&["serve", "--listen", &address]), &[&address, "in use", "--listen"]);
    assert!(place.is_untouched());
}

#[test]
fn an_address_of_another_machine_cannot_be_listened_on() {
    let place = Place::sqlite();
    assert_refused(place.bare(&["serve", "--listen", "192.0.2.1:8080"]), &["192.0.2.1:8080", "--listen"]);
    assert!(place.is_untouched());
}

#[test]
fn a_mistake_on_the_command_line_is_one_line_that_leads_to_help() {
    let place = Place::sqlite();
    assert_refused(place.bare(&["--frobnicate"]), &["--frobnicate", "--help"]);
    assert_refused(place.bare(&["sevre"]), &["sevre", "--help"]);
    assert_refused(place.bare(&["serve", "--listen"]), &["--listen <ADDRESS>", "--help"]);
    assert_refused(place.bare(&["migrate", "down"]), &["down", "status", "up"]);
    assert_refused(place.bare(&["migrate"]), &["WHAT", "--help"]);
    assert!(place.is_untouched());
}

#[test]
fn a_bad_value_is_refused_with_its_name_its_place_and_what_is_allowed() {
    let place = Place::sqlite();
    assert_refused(
        place.bare(&["serve", "--listen", "here"]),
        &["http.listen", "here", "--listen", "127.0.0.1:8080"],
    );
    let launch = place.bare(&["serve"]).env("TENFOLD_HTTP__DEADLINE", "soon");
    assert_refused(launch, &["http.deadline", "soon", "TENFOLD_HTTP__DEADLINE", "30s"]);
    let launch = place.bare(&["serve"]).env("TENFOLD_AUTH__PROVIDERS__ACME__ISUER", "https://acme.test");
    assert_refused(launch, &["TENFOLD_AUTH__PROVIDERS__ACME__ISUER", "ACME__ISSUER"]);
    let launch = place.bare(&["serve"]).env("TENFOLD_HTTP__MAX_CONNECTIONS", "0");
    assert_refused(launch, &["http.max_connections", "TENFOLD_HTTP__MAX_CONNECTIONS", "at least 1"]);
    let launch = place.bare(&["serve"]).env("TENFOLD_JOBS__POISON_AFTER", "2");
    assert_refused(launch, &["jobs.poison_after", "TENFOLD_JOBS__POISON_AFTER", "at least 3"]);
    let launch = place.bare(&["serve"]).env("TENFOLD_HTTP__BODY_LIMIT", "10 MiB");
    assert_refused(launch, &["http.connection_buffer_limit", "twice http.body_limit", "10 MiB"]);
    let launch = place.bare(&["serve"]).env("TENFOLD_ADMISSION__MAX_WAIT", "1h");
    assert_refused(launch, &["admission.max_wait", "at most http.deadline", "30s"]);
    let launch = place.bare(&["serve"]).env("TENFOLD_HTTP__OPERATORS", "127.0.0.1:8080");
    assert_refused(launch, &["http.operators", "another port than http.listen"]);
    let launch = place.bare(&["serve"]).env("TENFOLD_LOG__FORMAT", "xml");
    assert_refused(launch, &["log.format", "xml", "TENFOLD_LOG__FORMAT", "pretty", "json"]);
    assert!(place.is_untouched());
    place.write("app.toml", "[http]\n\nbody_limit = \"huge\"\n");
    assert_refused(place.bare(&["serve"]), &["http.body_limit", "huge", "app.toml:3", "1 MiB"]);
    place.write("app.toml", "[http\n");
    assert_refused(place.bare(&["config"]), &["app.toml:1", "TOML"]);
    assert!(!place.work().join("data").exists());
}

#[test]
fn a_short_password_for_the_metrics_is_refused_and_not_shown() {
    let place = Place::sqlite();
    let launch = place.bare(&["serve"]).env("TENFOLD_METRICS__PASSWORD", "sesame");
    let said = assert_refused(launch, &["metrics.password", "TENFOLD_METRICS__PASSWORD", "12 characters"]);
    assert!(!said.contains("sesame"), "{said}");
    assert!(place.is_untouched());
}

#[test]
fn an_origin_that_is_none_is_refused_with_what_one_is() {
    let place = Place::sqlite();
    for origin in ["*", "null", "app.example.com", "https://app.example.com/", "https://*.example.com"] {
        let launch =
            place.bare(&["serve"]).env("TENFOLD_HTTP__ORIGINS", &format!("https://good.test,{origin}"));
        assert_refused(launch, &["http.origins", origin, "TENFOLD_HTTP__ORIGINS", "origin"]);
    }
    assert!(place.is_untouched());
}

#[test]
fn a_bad_value_for_a_module_is_refused_before_the_database_is_touched() {
    for command in ["serve", "config"] {
        let place = Place::sqlite();
        let launch = place.app(&[command]).env("TENFOLD_AUTH__HASH_QUEUE", "0");
        assert_refused(launch, &["auth.hash_queue", "TENFOLD_AUTH__HASH_QUEUE", "at least 1"]);
        let launch = place.app(&[command]).env("TENFOLD_FILES__ORPHAN_AFTER", "9s");
        assert_refused(launch, &["files.orphan_after", "9s", "TENFOLD_FILES__ORPHAN_AFTER", "at least 10s"]);
        assert!(place.is_untouched());
    }
}

#[test]
fn a_bad_log_filter_is_refused() {
    let place = Place::sqlite();
    let launch = place.app(&["serve"]).env("TENFOLD_LOG__FILTER", "loud");
    assert_refused(launch, &["loud", "info"]);
    assert!(place.is_untouched());
}

#[test]
fn a_name_that_does_not_exist_is_refused_with_the_nearest_one() {
    let place = Place::sqlite();
    let launch = place.bare(&["serve"]).env("TENFOLD_HTP__LISTEN", "127.0.0.1:0");
    assert_refused(launch, &["TENFOLD_HTP__LISTEN", "TENFOLD_HTTP__LISTEN"]);
    place.write("app.toml", "[http]\nlissten = \"127.0.0.1:0\"\n");
    assert_refused(place.bare(&["serve"]), &["http.lissten", "app.toml:2", "listen"]);
}

#[test]
fn a_settings_file_that_was_named_has_to_be_there() {
    let place = Place::sqlite();
    assert_refused(place.bare(&["serve", "--config", "prod.toml"]), &["prod.toml", "does not exist"]);
    assert!(place.is_untouched());
}

#[test]
fn a_postgres_that_nobody_runs_is_refused_without_its_password() {
    let place = Place::sqlite();
    let url = format!("postgres://app:open-sesame@127.0.0.1:{}/app", closed_port());
    for command in [&["serve"] as &[&str], &["migrate", "up"], &["migrate", "status"]] {
        let parts = &["database.url", "--database", "refused"];
        let line = assert_refused(place.app(command).env("TENFOLD_DATABASE__URL", &url), parts);
        assert!(!line.contains("sesame"), "{line}");
    }
}

#[test]
fn a_postgres_database_or_user_that_does_not_exist_is_named_without_the_password() {
    const RUNTIME: &str = "tenfold_test_runtime@";
    let place = Place::postgres();
    let (server, _) = place.url.rsplit_once('/').expect("an address has a database");
    let nowhere =
        format!("{}/no_such_database", server.replace(RUNTIME, "tenfold_test_runtime:open-sesame@"));
    let nobody = place.url.replace(RUNTIME, "no_such_user:open-sesame@");
    for (url, named) in [(nowhere, "no_such_database"), (nobody, "no_such_user")] {
        for command in [&["serve"] as &[&str], &["migrate", "status"]] {
            let parts = &[named, "does not exist", "database.url", "--database"];
            let line = assert_refused(place.app(command).env("TENFOLD_DATABASE__URL", &url), parts);
            assert!(!line.contains("sesame"), "{line}");
        }
    }
}

/// A server that answers each start-up message with these bytes and then says nothing more.
fn postgres_that_says(greeting: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("a listener has an address");
    // It ends with the tests.
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection is taken");
            let _ = stream.read(&mut [0; 1024]).expect("the client speaks first");
            stream.write_all(greeting).expect("the client listens");
            open.push(stream);
        }
    });
    address
}

#[test]
fn a_wrong_password_for_postgres_is_refused_and_not_printed() {
    const REFUSAL: &[u8] = b"E\0\0\0\x37SFATAL\0VFATAL\0C28P01\0Mno entry with this password\0\0";
    assert_eq!(usize::from(REFUSAL[4]), REFUSAL.len() - 1);
    let place = Place::sqlite();
    let url = format!("postgres://app:open-sesame@{}/app?sslmode=disable", postgres_that_says(REFUSAL));
    let parts = &["no entry with this password", "database.url", "--database"];
    let line = assert_refused(place.app(&["serve"]).env("TENFOLD_DATABASE__URL", &url), parts);
    assert!(!line.contains("sesame"), "{line}");
}

#[test]
fn a_password_that_postgres_wants_and_the_address_has_not_is_asked_for() {
    const ASKS_FOR_PASSWORD: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
    let place = Place::sqlite();
    let url = format!("postgres://app@{}/app?sslmode=disable", postgres_that_says(ASKS_FOR_PASSWORD));
    let parts = &["password missing", "database.url", "--database"];
    assert_refused(place.app(&["serve"]).env("TENFOLD_DATABASE__URL", &url), parts);
}

#[test]
fn a_postgres_that_takes_connections_and_says_nothing_is_given_up() {
    let place = Place::sqlite();
    let url = format!("postgres://app:open-sesame@{}/app?sslmode=disable", postgres_that_says(b""));
    let launch = place.app(&["serve"]).env("TENFOLD_DATABASE__URL", &url);
    let line = assert_refused(launch.env("TENFOLD_DATABASE__ACQUIRE_TIMEOUT", "1s"), &["acquire_timeout"]);
    assert!(!line.contains("sesame"), "{line}");
}

#[test]
fn a_postgres_address_that_cannot_be_used_is_refused_without_its_password() {
    let place = Place::sqlite();
    let cases = [
        ("postgres://app:open-sesame@127.0.0.1/app?sslmode=allow", "sslmode=allow"),
        ("postgres://app:open-sesame@127.0.0.1:port/app", "not a PostgreSQL address"),
        ("mysql://app:open-sesame@127.0.0.1/app", "postgres://"),
        ("open-sesame", "sqlite:PATH"),
        ("sqlite:", "sqlite:data/app.db"),
    ];
    for (url, told) in cases {
        let parts = &["database.url", told];
        let line = assert_refused(place.app(&["serve"]).env("TENFOLD_DATABASE__URL", url), parts);
        assert!(!line.contains("sesame"), "{line}");
    }
    assert!(place.is_untouched());
}

#[test]
fn an_sqlite_file_that_cannot_be_one_is_refused_and_left_alone() {
    let place = Place::sqlite();
    place.write(
        "text",
        "This is a text of more than the hundred bytes that SQLite's header has. ".repeat(3).as_str(),
    );
    std::fs::create_dir(place.work().join("folder")).expect("the place can be written");
    for (path, told) in [
        ("text", "file text: file is not a database"),
        ("folder", "file folder: unable to open"),
        ("text/app.db", "folder text: File exists"),
    ] {
        let url = format!("sqlite:{path}");
        for command in [&["serve"] as &[&str], &["migrate", "up"], &["migrate", "status"]] {
            let parts = &[told, "database.url", "--database"];
            assert_refused(place.app(command).env("TENFOLD_DATABASE__URL", &url), parts);
        }
    }
    let text = std::fs::read_to_string(place.work().join("text")).expect("the text is still there");
    assert!(text.starts_with("This is a text"), "{text}");
}

#[test]
fn an_sqlite_file_where_this_user_may_not_write_is_refused() {
    let place = Place::sqlite();
    // Nobody may make files in /proc, root included, whom permissions do not stop.
    assert_refused(
        place.app(&["serve"]).env("TENFOLD_DATABASE__URL", "sqlite:/proc/app.db"),
        &["/proc/app.db", "--database"],
    );
    let folder = place.work().join("locked");
    std::fs::create_dir(&folder).expect("the place can be written");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o500)).expect("the folder is ours");
    if std::fs::write(folder.join("probe"), "").is_ok() {
        return; // Root writes all the same.
    }
    assert_refused(
        place.app(&["serve"]).env("TENFOLD_DATABASE__URL", "sqlite:locked/app.db"),
        &["locked", "--database"],
    );
}

#[test]
fn a_provider_that_lacks_something_is_refused_by_its_key() {
    const SECRET: &str = "not-to-be-shown";
    let place = Place::sqlite();
    let (id, secret) = (("CLIENT_ID", "ours"), ("CLIENT_SECRET", SECRET));
    for (settings, key) in [
        (&[secret][..], "client_id"),
        (&[id], "client_secret"),
        (&[id, secret], "issuer"),
        (&[id, secret, ("ISSUER", "http://login.example.com")], "issuer"),
        (&[id, secret, ("ISSUER", "login.example.com")], "issuer"),
        (&[id, secret, ("ISSUER", "https://a:b@login.example.com")], "issuer"),
        (
            &[id, secret, ("ISSUER", "https://login.example.com"), ("LINK_BY_ADDRESS", "true")],
            "link_by_address",
        ),
        (
            &[id, secret, ("ISSUER", "https://login.example.com"), ("LINK_BY_ADDRESS", "yes")],
            "link_by_address",
        ),
    ] {
        let mut launch = place.bare(&["serve"]);
        for (name, value) in settings {
            launch = launch.env(&format!("TENFOLD_AUTH__PROVIDERS__ACME__{name}"), value);
        }
        let said = assert_refused(launch, &[&format!("auth.providers.acme.{key}")]);
        assert!(!said.contains(SECRET), "{said}");
    }
    assert!(place.is_untouched());
}
