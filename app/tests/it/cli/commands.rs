//! `app config`, `app migrate`, `app --help`, `app --version`.

use tenfold::data::Dialect;

use super::in_both_places;
use super::place::Place;
use super::process::wait_for;

#[test]
fn config_prints_every_setting_with_where_it_comes_from() {
    let place = Place::sqlite();
    place.write("app.toml", "[http]\ndeadline = \"7s\"\n");
    let launch = place.bare(&["config", "--listen", "127.0.0.1:4242"]).env("TENFOLD_AUTH__HASH_QUEUE", "5");
    let finished = launch.finish();
    assert_eq!((finished.status.code(), finished.err.as_str()), (Some(0), ""));
    let line = |key: &str| {
        let found = finished.out.lines().find(|line| line.starts_with(&format!("{key} = ")));
        found.unwrap_or_else(|| panic!("{key} is missing in: {}", finished.out)).to_owned()
    };
    for (key, value, origin) in [
        ("listen", "\"127.0.0.1:4242\"", "--listen"),
        ("deadline", "\"7s\"", "app.toml:2"),
        ("hash_queue", "5", "TENFOLD_AUTH__HASH_QUEUE"),
        ("body_limit", "\"1 MiB\"", "default"),
    ] {
        let line = line(key);
        assert!(line.contains(value) && line.contains(origin), "{line}");
    }
    // A section of any name has no keys before it has one.
    for (section, key) in every_key().into_iter().filter(|(section, _)| !section.ends_with(".NAME")) {
        assert!(finished.out.contains(&format!("[{section}]")), "{section}");
        assert!(line(&key).contains(" # "), "{key} has no origin");
    }
}

#[test]
fn config_says_what_a_setting_or_a_section_means() {
    let place = Place::sqlite();
    let one = place.bare(&["config", "http.deadline"]).env("TENFOLD_HTTP__DEADLINE", "7s").finish();
    assert_eq!((one.status.code(), one.err.as_str()), (Some(0), ""));
    let lines: Vec<&str> = one.out.lines().collect();
    let [section, comment, variable, value] = lines[..] else { panic!("{}", one.out) };
    assert_eq!((section, variable), ("[http]", "# TENFOLD_HTTP__DEADLINE"));
    assert_eq!(value, "deadline = \"7s\"   # environment TENFOLD_HTTP__DEADLINE");
    assert!(comment.starts_with("# A request that takes longer"), "{comment}");
    let section =
        place.bare(&["config", "metrics"]).env("TENFOLD_METRICS__PASSWORD", "open-sesame-open").finish();
    assert!(section.out.starts_with("[metrics]\n# "), "{}", section.out);
    assert!(!section.out.contains("sesame") && !section.out.contains("[http]"), "{}", section.out);
    // It can be put into app.toml as it is.
    place.write("app.toml", &one.out);
    let again = place.bare(&["config", "http.deadline"]).finish();
    assert!(again.out.ends_with("deadline = \"7s\"   # app.toml:4\n"), "{}{}", again.out, again.err);
    let unknown = place.bare(&["config", "htpp"]).finish();
    assert!(
        unknown.status.code() == Some(1) && unknown.err.contains("htpp") && unknown.err.contains("http"),
        "{}",
        unknown.err
    );
}

/// All keys of all sections, from the documented defaults.
fn every_key() -> Vec<(String, String)> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in app::app().defaults().lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            keys.push((section.clone(), key.to_owned()));
        }
    }
    assert!(keys.len() > 20, "{keys:?}");
    keys
}

#[test]
fn config_shows_no_secret_wherever_it_comes_from() {
    let url = "postgres://app:open-sesame@127.0.0.1/app";
    let place = Place::sqlite();
    let by_environment = place.bare(&["config"]).env("TENFOLD_DATABASE__URL", url).finish();
    let by_option = place.bare(&["config", "--database", url]).finish();
    place.write("app.toml", &format!("[database]\nurl = \"{url}\"\n"));
    let by_file = place.bare(&["config"]).finish();
    for (finished, origin) in
        [(by_environment, "TENFOLD_DATABASE__URL"), (by_option, "--database"), (by_file, "app.toml:2")]
    {
        assert_eq!(finished.status.code(), Some(0), "{}", finished.err);
        assert!(finished.out.contains(origin), "{}", finished.out);
        assert!(!finished.out.contains("sesame") && !finished.err.contains("sesame"), "{}", finished.out);
    }
    for variable in ["TENFOLD_CONSOLE__PASSWORD", "TENFOLD_METRICS__PASSWORD"] {
        let finished = place.bare(&["config"]).env(variable, "open-sesame-open").finish();
        assert!(finished.out.contains(variable), "{}", finished.out);
        assert!(!finished.out.contains("sesame"), "{}", finished.out);
    }
}

in_both_places!(fn migrate_tells_what_is_pending_applies_it_once_and_tells_that(place) {
    let run = |what: &str| {
        let finished = place.app(&["migrate", what]).finish();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.err);
        finished.out
    };
    let before = run("status");
    let pending: Vec<_> = before.lines().filter(|line| line.starts_with("pending  ")).collect();
    assert!(pending.len() >= 2 && before.lines().count() == pending.len() + 1, "{before}");
    assert_eq!(run("up"), format!("{} migrations applied\n", pending.len()));
    let (after, wall) = run("status").trim_end().rsplit_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(after, pending.join("\n").replace("pending", "applied"));
    let expected = match place.dialect() {
        Dialect::Sqlite => "row-level security is off: SQLite has no row-level security",
        Dialect::Postgres => "row-level security is on for ",
    };
    assert!(wall.starts_with(expected), "{wall}");
    assert_eq!(run("up"), "0 migrations applied\n");
});

#[test]
fn a_staleness_that_others_do_not_wait_for_is_refused() {
    let place = Place::sqlite();
    let run = |staleness: &str, size: &str| {
        let launch = place.app(&["migrate", "status"]).env("TENFOLD_CACHE__STALENESS", staleness);
        let finished = launch.env("TENFOLD_CACHE__SIZE", size).finish();
        (finished.status.code(), finished.err)
    };
    for staleness in ["100ms", "3s"] {
        let (code, said) = run(staleness, "1 MiB");
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("use more than 100ms and at most 2s"), "{said}");
    }
    assert_eq!([run("3s", "0").0, run("101ms", "1 MiB").0], [Some(0), Some(0)]);
}

#[test]
fn asking_what_is_pending_does_not_make_the_file() {
    let place = Place::sqlite();
    let finished = place.app(&["migrate", "status"]).finish();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.err);
    assert!(
        finished.out.contains("pending  ") && finished.out.ends_with("does not exist yet\n"),
        "{}",
        finished.out
    );
    assert!(place.is_untouched());
}

#[test]
fn a_role_that_owns_nothing_says_who_is_to_migrate_and_starts_behind_him() {
    let place = Place::postgres();
    let alone = |what: &[&str]| place.app(what).env("TENFOLD_DATABASE__MIGRATE_URL", "");
    let refused = alone(&["serve"]).finish();
    assert_eq!(refused.status.code(), Some(1), "{}", refused.out);
    assert!(
        refused.err.contains("migrate up") && refused.err.contains("database.migrate_url"),
        "{}",
        refused.err
    );
    assert_eq!(place.app(&["migrate", "up"]).finish().status.code(), Some(0));
    let mut process = alone(&["serve"]).start();
    // The log has a thread of its own.
    wait_for(|| process.err(), || process.err().contains("row-level security is on for").then_some(()));
    super::sign_up(&process, "ada");
    process.stop();
}

#[test]
fn client_ts_prints_writes_and_compares_the_same_client() {
    let place = Place::sqlite();
    let run = |words: &[&str]| {
        let finished = place.bare(words).finish();
        (finished.status.code(), finished.out, finished.err)
    };
    let (code, printed, _) = run(&["client", "ts"]);
    assert!(code == Some(0) && printed.contains("listUsers: (args: ListUsersArgs"), "{printed}");
    let stale = "error: api.ts is not the client of this API; write it again: `client ts --write api.ts`\n";
    assert_eq!(run(&["client", "ts", "--compare", "api.ts"]), (Some(1), String::new(), stale.to_owned()));
    let fine = |says: &str| (Some(0), says.to_owned(), String::new());
    assert_eq!(run(&["client", "ts", "--write", "api.ts"]), fine("wrote api.ts\n"));
    assert_eq!(run(&["client", "ts", "--write", "api.ts"]), fine("api.ts is up to date\n"));
    assert_eq!(run(&["client", "ts", "--compare", "api.ts"]), fine("api.ts is the client of this API\n"));
    place.write("api.ts", &printed.replace("listUsers", "listPeople"));
    assert_eq!(run(&["client", "ts", "--compare", "api.ts"]).0, Some(1));
}

#[test]
fn help_names_every_command_and_option_and_version_is_one_line() {
    let place = Place::sqlite();
    let help = place.bare(&["--help"]).finish();
    assert_eq!((help.status.code(), help.err.as_str()), (Some(0), ""));
    for word in [
        "serve",
        "config",
        "migrate",
        "openapi",
        "client",
        "--config",
        "--listen",
        "--database",
        "--demo",
        "--help",
        "--version",
    ] {
        assert!(help.out.contains(word), "{word} is missing in: {}", help.out);
    }
    let version = place.bare(&["--version"]).finish();
    assert_eq!(version.status.code(), Some(0));
    assert_eq!(version.out, format!("app {}\n", env!("CARGO_PKG_VERSION")));
    assert!(place.is_untouched());
}

#[test]
fn a_reader_that_has_gone_away_is_no_panic() {
    let place = Place::sqlite();
    for arguments in [&["config"] as &[&str], &["--help"], &["migrate", "status"]] {
        let finished = place.app(arguments).deaf().finish();
        assert!(!finished.err.contains("panicked"), "{}", finished.err);
        assert_eq!(finished.status.code(), Some(0), "{}", finished.err);
    }
}
