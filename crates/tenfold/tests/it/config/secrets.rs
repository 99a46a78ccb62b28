use serde::Deserialize;
use tenfold::config::{ConfigError, Loaded, Loader, Presence, Secret};

use super::{loader, refusal, written};

const SECRET: &str = "hunter2\"\\\u{1b}";

/// Neither what the error says nor its `Debug` holds the password.
fn keeps_silent<T: std::fmt::Debug>(outcome: Result<T, ConfigError>) -> String {
    let debugged = format!("{outcome:?}");
    assert!(!debugged.contains("hunter"), "{debugged}");
    let said = refusal(outcome);
    assert!(!said.contains("hunter"), "{said}");
    said
}

fn with_url(url: &str) -> Loaded {
    loader().flag("--database", "database.url", Some(url)).unwrap().load()
}

#[test]
fn a_secret_reaches_its_section_and_is_never_explained() {
    #[derive(Debug, Deserialize)]
    struct Auth {
        key: Secret,
        pins: Vec<Secret>,
    }
    let loaded = loader()
        .environment([("TENFOLD_AUTH__KEY", SECRET), ("TENFOLD_AUTH__PINS", "hunter2,hunter3")])
        .unwrap()
        .load();
    let auth: Auth = loaded.section("auth").unwrap();
    assert_eq!((auth.key.expose(), auth.pins[1].expose()), (SECRET, "hunter3"));
    assert_eq!(format!("{auth:?} {}", auth.key), "Auth { key: ••••, pins: [••••, ••••] } ••••");
    assert!(!auth.key.is_empty());
    let explained = loaded.explain();
    assert!(explained.contains("key = \"••••\"              # environment TENFOLD_AUTH__KEY"), "{explained}");
    assert!(explained.contains("pins = [\"••••\", \"••••\"]   # environment"), "{explained}");
    assert!(!format!("{loaded:?}").contains("hunter"));
    toml::from_str::<toml::Table>(&explained).unwrap();
}

#[test]
fn a_secret_that_is_not_set_shows_that_it_is_not() {
    let explained = loader().load().explain();
    assert!(explained.contains("key = \"\" "), "{explained}");
    assert!(explained.contains("pins = [] "), "{explained}");
}

#[test]
fn keys_become_secret_by_a_list_too() {
    let loader = loader().secrets(&["http.listen", "http.port"]).unwrap();
    let said = keeps_silent(loader.flag("--port", "http.port", Some("hunter2")));
    assert_eq!(said, "`http.port` = \"••••\" (option --port) is refused: expected a whole number");
    let loaded = super::loader().secrets(&["http.listen"]).unwrap().load();
    assert!(loaded.explain().contains("listen = \"••••\" "));
    assert!(loaded.documentation().any(|entry| entry.key == "http.listen" && entry.default == "\"••••\""));
}

#[test]
fn a_word_that_only_begins_like_secret_marks_nothing() {
    let text = "[a]\nplain = \"shown\" # secretary's name\n# secret\n# The key.\nhidden = \"hunter2\"\n";
    let explained = Loader::new("defaults.toml", text).unwrap().load().explain();
    assert!(explained.contains("plain = \"shown\""), "{explained}");
    assert!(explained.contains("hidden = \"••••\""), "{explained}");
}

#[test]
fn the_word_marks_a_secret_anywhere_behind_the_value() {
    for comment in ["secret", "The key; a secret.", "The door's key (secret)", "32 bytes, secret, in base64"]
    {
        let text = format!("[a]\nhidden = \"hunter2\" # {comment}\n");
        let explained = Loader::new("defaults.toml", &text).map(|loader| loader.load().explain());
        let explained = explained.unwrap_or_else(|error| error.to_string());
        assert!(!explained.contains("hunter2"), "{comment}: {explained}");
    }
}

#[test]
fn a_setting_with_the_name_of_a_secret_needs_no_mark() {
    for name in ["password", "smtp_password", "client_secret", "token"] {
        let text = format!("[a]\n# What lets us in.\n{name} = \"hunter2\"\n");
        let explained = Loader::new("defaults.toml", &text).map(|loader| loader.load().explain());
        let explained = explained.unwrap_or_else(|error| error.to_string());
        assert!(explained.contains(name) && !explained.contains("hunter2"), "{explained}");
    }
}

#[test]
fn a_url_shows_all_but_its_password() {
    for (url, shown) in [
        ("postgres://u:hunter2@h/db", "postgres://u:••••@h/db"),
        ("postgres://u:hun@ter/2 3@h/db", "postgres://u:••••@h/db"),
        ("redis://:hunter2@h:6379", "redis://:••••@h:6379"),
        (
            "postgres://u:hunter2@h1,h2:5432/db?sslmode=require",
            "postgres://u:••••@h1,h2:5432/db?sslmode=require",
        ),
        (
            "postgres://h:5432/db?user=u&password=hunter@2&sslmode=off",
            "postgres://h:5432/db?user=u&password=••••&sslmode=off",
        ),
        ("s3://bucket?Secret_Access_KEY=hunter2", "s3://bucket?Secret_Access_KEY=••••"),
        ("host=h password=hunter2 user=u", "host=h password=•••• user=u"),
        ("host=h password = 'hunter 2' user=u", "host=h password = •••• user=u"),
        ("password=a\\ hunter2;hunter&hunter", "password=••••"),
        ("postgres://h:5432/db", "postgres://h:5432/db"),
        ("postgres://u@h/db", "postgres://u@h/db"),
        ("sqlite:data/app.db", "sqlite:data/app.db"),
        ("sqlite:a@b:c", "sqlite:a@b:c"),
        ("password=", "password="),
        ("ü://ü:hünter2@ü", "ü://ü:••••@ü"),
    ] {
        let explained = with_url(url).explain();
        assert!(explained.contains(&format!("url = \"{shown}\" ")), "{url}: {explained}");
    }
}

#[test]
fn a_password_in_a_list_is_masked_as_well() {
    let loaded = loader().flag("--origins", "http.origins", Some("a, https://u:hunter2@h")).unwrap().load();
    assert!(loaded.explain().contains(r#"["a", "https://u:••••@h"]"#));
}

#[test]
fn a_field_that_refuses_a_secret_is_not_quoted() {
    #[derive(Debug, Deserialize)]
    struct Auth {
        #[expect(dead_code, reason = "never filled: the value does not fit")]
        key: u32,
    }
    let loaded = loader().environment([("TENFOLD_AUTH__KEY", SECRET)]).unwrap().load();
    assert_eq!(
        keeps_silent(loaded.section::<Auth>("auth")),
        "`auth.key` = \"••••\" (environment TENFOLD_AUTH__KEY) is refused: expected what its documentation says: 32 bytes in base64."
    );
}

#[test]
fn a_field_that_refuses_a_url_with_a_password_is_not_quoted() {
    #[derive(Debug, Deserialize)]
    struct Database {
        #[expect(dead_code, reason = "never filled: the value does not fit")]
        url: std::net::SocketAddr,
    }
    assert_eq!(
        keeps_silent(with_url("postgres://u:hunter2@h/db").section::<Database>("database")),
        "`database.url` = \"postgres://u:••••@h/db\" (option --database) is refused: expected what its documentation says: `sqlite:<path>` or `postgres://user:password@host/database`. (the default is \"sqlite:data/app.db\")"
    );
}

#[test]
fn a_check_across_fields_cannot_give_a_secret_away() {
    #[derive(Deserialize)]
    struct Raw {
        key: String,
        pins: Vec<String>,
    }
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "Raw")]
    struct Auth;
    impl TryFrom<Raw> for Auth {
        type Error = String;
        fn try_from(raw: Raw) -> Result<Auth, String> {
            Err(format!("{} and {:?} are no key, {:?} no pins", raw.key, raw.key, raw.pins))
        }
    }
    let loaded = loader()
        .environment([("TENFOLD_AUTH__KEY", SECRET), ("TENFOLD_AUTH__PINS", "h,hunter3")])
        .unwrap()
        .load();
    let said = keeps_silent(loaded.section::<Auth>("auth"));
    assert!(said.contains("•••• and \"••••\" are no key"), "{said}");
}

#[test]
fn a_secret_of_the_wrong_type_in_the_file_is_not_quoted() {
    let path = written("secret_type.toml", "[auth]\nkey = [\"hunter2\"]\n");
    let said = keeps_silent(loader().file(&path, Presence::Required));
    assert!(said.contains("`auth.key` = \"••••\""), "{said}");
    let path = written("url_type.toml", "[http]\nport = \"postgres://u:hunter2@h\"\n");
    let said = keeps_silent(loader().file(&path, Presence::Required));
    assert!(said.contains("= \"postgres://u:••••@h\""), "{said}");
    let path = written("array_type.toml", "[http]\nport = [\"postgres://u:hunter2@h\"]\n");
    keeps_silent(loader().file(&path, Presence::Required));
}

#[cfg(unix)]
#[test]
fn a_secret_that_is_not_utf8_is_not_quoted() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};
    let value = OsString::from_vec(b"hunter2\xff".to_vec());
    keeps_silent(loader().environment([("TENFOLD_AUTH__KEY", value)]));
    let value = OsString::from_vec(b"postgres://u:hunter2\xff@h".to_vec());
    keeps_silent(loader().environment([("TENFOLD_DATABASE__URL", value)]));
}

#[test]
fn a_secret_out_of_range_is_not_quoted() {
    let loaded = loader().secrets(&["http.port"]).unwrap().load();
    let said = refusal(loaded.within("http.port", 8080, 1..=80));
    assert_eq!(said, "`http.port` = \"••••\" (default) is out of range: use at least 1 and at most 80");
}
