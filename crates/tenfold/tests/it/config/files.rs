use std::path::Path;

use tenfold::config::{ConfigError, MAX_FILE_BYTES, Presence};

use super::{loader, refusal, written};

#[test]
fn a_missing_file_is_refused_only_if_it_is_required() {
    loader().file("no/such/app.toml", Presence::Optional).unwrap();
    assert_eq!(
        refusal(loader().file("no/such/app.toml", Presence::Required)),
        "the configuration file `no/such/app.toml` does not exist: create it, or name one that does"
    );
}

#[test]
fn a_directory_instead_of_a_file_is_refused_even_if_optional() {
    let outcome = loader().file(env!("CARGO_TARGET_TMPDIR"), Presence::Optional);
    assert!(matches!(outcome, Err(ConfigError::Unreadable { .. })), "{outcome:?}");
    assert!(refusal(outcome).contains(": name a file this process may read"));
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_is_refused_even_if_optional() {
    // A link to itself, since file permissions do not stop the root user of a container.
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("itself.toml");
    let _ = std::fs::remove_file(&path);
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let outcome = loader().file(&path, Presence::Optional);
    assert!(matches!(outcome, Err(ConfigError::Unreadable { .. })), "{outcome:?}");
    let below_a_file = written("a_file.toml", "").join("app.toml");
    assert!(refusal(loader().file(below_a_file, Presence::Optional)).contains("cannot be read"));
    assert!(
        refusal(loader().file("a\0b.toml", Presence::Optional)).contains(r"`a\u{0}b.toml` cannot be read")
    );
}

#[test]
fn a_broken_file_is_refused_with_line_and_column_and_without_its_text() {
    let path = written("broken.toml", "[http]\nport = 80\n\n[database]\nurl = postgres://u:hunter2@h/db\n");
    let outcome = loader().file(&path, Presence::Optional);
    let Err(ConfigError::Syntax { line, column, .. }) = &outcome else { panic!("{outcome:?}") };
    assert_eq!((*line, *column), (5, 7));
    assert!(!format!("{outcome:?}").contains("hunter2"));
    let said = refusal(outcome);
    assert!(said.contains("broken.toml:5:7 is not valid TOML: "), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_key_given_twice_in_one_file_is_refused() {
    let path = written("twice.toml", "[http]\nport = 80\nport = 81\n");
    let said = refusal(loader().file(path, Presence::Optional));
    assert!(said.contains("twice.toml:3:1 is not valid TOML: duplicate key"), "{said}");
}

#[test]
fn columns_count_characters_and_not_bytes() {
    let path = written("characters.toml", "[http]\nlisten = \"äöü\" x\n");
    let said = refusal(loader().file(path, Presence::Optional));
    assert!(said.contains("characters.toml:2:16 "), "{said}");
}

#[test]
fn a_file_that_is_not_utf8_is_refused_with_its_place() {
    let path = written("latin1.toml", b"[http]\nlisten = \"M\xfcller\"\n");
    let said = refusal(loader().file(path, Presence::Optional));
    assert!(said.contains("latin1.toml:2:12 is not valid TOML: save the file as UTF-8"), "{said}");
}

#[test]
fn a_file_beyond_the_limit_is_refused() {
    let fits = written("fits.toml", "#".repeat(MAX_FILE_BYTES as usize));
    loader().file(fits, Presence::Required).unwrap();
    let path = written("too_large.toml", "#".repeat(MAX_FILE_BYTES as usize + 1));
    assert!(refusal(loader().file(path, Presence::Optional)).contains("is larger than 1048576 bytes"));
}

#[test]
fn an_empty_file_a_byte_order_mark_and_windows_line_ends_are_fine() {
    loader().file(written("empty.toml", ""), Presence::Required).unwrap();
    let path = written("windows.toml", "\u{feff}[http]\r\n# ours\r\nport = 80\r\n");
    let loaded = loader().file(path, Presence::Required).unwrap().load();
    let origin = loaded.origin("http.port").unwrap().to_string();
    assert!(origin.ends_with("windows.toml:3"), "{origin}");
}

#[test]
fn every_way_to_write_a_key_is_the_same_key() {
    for (name, text) in [
        ("dotted.toml", "http.limits.headers = 3\n"),
        ("inline.toml", "http = { limits = { headers = 3 } }\n"),
        ("header.toml", "[http.limits]\nheaders = 0x3\n"),
        ("quotes.toml", "[\"http\"]\n'limits'.\"headers\" = 3\n"),
    ] {
        let loaded = loader().file(written(name, text), Presence::Required).unwrap().load();
        assert!(loaded.explain().contains("headers = 3 "), "{name}: {}", loaded.explain());
    }
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_its_line() {
    for (name, assignment, expected) in [
        (
            "text.toml",
            "listen = 8080",
            "`http.listen` = 8080 (HERE:2) is refused: expected a string in double quotes (the default is \"127.0.0.1:8080\")",
        ),
        (
            "integer.toml",
            "port = \"80\"",
            "`http.port` = \"80\" (HERE:2) is refused: expected a whole number without quotes (the default is 8080)",
        ),
        (
            "fraction.toml",
            "port = 80.5",
            "`http.port` = 80.5 (HERE:2) is refused: expected a whole number without quotes (the default is 8080)",
        ),
        (
            "huge.toml",
            "port = 99999999999999999999",
            "`http.port` = 99999999999999999999 (HERE:2) is refused: expected a whole number without quotes (the default is 8080)",
        ),
        (
            "float.toml",
            "trace_share = inf",
            "`http.trace_share` = inf (HERE:2) is refused: expected a number without quotes (the default is 0.5)",
        ),
        (
            "list.toml",
            "origins = [\"a\", 1]",
            "`http.origins` = [\"a\", 1] (HERE:2) is refused: expected an array of strings, such as [\"a\", \"b\"] (the default is [\"https://a.example\"])",
        ),
        (
            "date.toml",
            "listen = 2026-01-01",
            "`http.listen` = 2026-01-01 (HERE:2) is refused: expected a string in double quotes (the default is \"127.0.0.1:8080\")",
        ),
    ] {
        let path = written(name, format!("[http]\n{assignment}\n"));
        let said = refusal(loader().file(&path, Presence::Required));
        assert_eq!(said.replace(path.to_str().unwrap(), "HERE"), expected);
    }
    let path = written("boolean.toml", "[database]\nverbose = 1\n");
    assert!(
        refusal(loader().file(path, Presence::Required)).contains("expected true or false, without quotes")
    );
}

#[test]
fn a_whole_number_does_for_a_float() {
    let path = written("whole.toml", "[http]\ntrace_share = 1\n");
    let explained = loader().file(path, Presence::Required).unwrap().load().explain();
    assert!(explained.contains("trace_share = 1.0 "), "{explained}");
}
