use std::collections::BTreeMap;

use serde::Deserialize;
use tenfold::config::{Loader, Origin, Presence};

use super::{loader, refusal, written};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Database {
    url: String,
    timeout: String,
    verbose: bool,
}

const NO_VARIABLES: [(&str, &str); 0] = [];

#[test]
fn without_any_source_the_defaults_are_in_force() {
    let loaded = loader().load();
    let database: Database = loaded.section("database").unwrap();
    assert_eq!((database.url.as_str(), database.verbose), ("sqlite:data/app.db", false));
    assert_eq!(loaded.origin("database.url").unwrap(), &Origin::Default);
}

#[test]
fn each_later_source_wins_over_the_one_before() {
    let path = written("each_later.toml", "[database]\nurl = \"file\"\ntimeout = \"1s\"\nverbose = true\n");
    let loaded = loader()
        .file(&path, Presence::Required)
        .unwrap()
        .environment([("TENFOLD_DATABASE__URL", "variable"), ("TENFOLD_DATABASE__TIMEOUT", "2s")])
        .unwrap()
        .flag("--database", "database.url", Some("option"))
        .unwrap()
        .load();
    let database: Database = loaded.section("database").unwrap();
    assert_eq!(database.url, "option");
    assert_eq!(database.timeout, "2s");
    assert!(database.verbose);
    assert_eq!(loaded.origin("database.url").unwrap().to_string(), "option --database");
    assert_eq!(
        loaded.origin("database.timeout").unwrap().to_string(),
        "environment TENFOLD_DATABASE__TIMEOUT"
    );
    let file = loaded.origin("database.verbose").unwrap().to_string();
    assert!(file.ends_with("each_later.toml:4"), "{file}");
    assert_eq!(loaded.origin("http.port").unwrap().to_string(), "default");
}

#[test]
fn the_stronger_source_wins_even_if_it_is_read_first() {
    let path = written("stronger.toml", "[database]\nurl = \"file\"\n");
    let loaded = loader()
        .flag("--database", "database.url", Some("option"))
        .unwrap()
        .environment([("TENFOLD_DATABASE__URL", "variable")])
        .unwrap()
        .file(path, Presence::Required)
        .unwrap()
        .load();
    assert_eq!(loaded.section::<Database>("database").unwrap().url, "option");
}

#[test]
fn of_two_files_the_later_one_wins() {
    let first = written("first.toml", "[database]\nurl = \"first\"\n");
    let second = written("second.toml", "[database]\nurl = \"second\"\n");
    let loaded = loader().file(first, Presence::Required).unwrap().file(second, Presence::Required).unwrap();
    assert_eq!(loaded.load().section::<Database>("database").unwrap().url, "second");
}

#[test]
fn an_option_that_was_not_given_changes_nothing() {
    let loaded = loader().flag("--database", "database.url", None).unwrap().load();
    assert_eq!(loaded.origin("database.url").unwrap(), &Origin::Default);
}

#[test]
fn texts_become_the_type_of_the_default() {
    #[derive(Debug, Deserialize)]
    struct Http {
        port: u16,
        origins: Vec<String>,
        trace_share: f64,
        limits: BTreeMap<String, u32>,
    }
    let loaded = loader()
        .environment([
            ("TENFOLD_HTTP__PORT", " 9000 "),
            ("TENFOLD_HTTP__ORIGINS", "https://a, https://b"),
            ("TENFOLD_HTTP__TRACE_SHARE", "1"),
            ("TENFOLD_HTTP__LIMITS__HEADERS", "7"),
            ("TENFOLD_DATABASE__VERBOSE", "true"),
        ])
        .unwrap()
        .load();
    let http: Http = loaded.section("http").unwrap();
    assert_eq!((http.port, http.trace_share, http.limits["headers"]), (9000, 1.0, 7));
    assert_eq!(http.origins, ["https://a", "https://b"]);
    assert!(loaded.section::<Database>("database").unwrap().verbose);
}

#[test]
fn an_empty_text_is_an_empty_string_or_list_and_nothing_else() {
    let loaded =
        loader().environment([("TENFOLD_HTTP__ORIGINS", ""), ("TENFOLD_DATABASE__URL", "")]).unwrap().load();
    assert!(loaded.explain().contains("origins = [] "));
    assert!(loaded.explain().contains("url = \"\" "));
    assert_eq!(
        refusal(loader().environment([("TENFOLD_HTTP__PORT", "")])),
        "`http.port` = \"\" (environment TENFOLD_HTTP__PORT) is refused: expected a whole number (the default is 8080)"
    );
}

#[test]
fn a_text_of_the_wrong_type_names_key_value_place_and_what_is_allowed() {
    let said = refusal(loader().environment([("TENFOLD_HTTP__PORT", "eighty")]));
    assert_eq!(
        said,
        "`http.port` = \"eighty\" (environment TENFOLD_HTTP__PORT) is refused: expected a whole number (the default is 8080)"
    );
    let said = refusal(loader().flag("--verbose", "database.verbose", Some("yes")));
    assert_eq!(
        said,
        "`database.verbose` = \"yes\" (option --verbose) is refused: expected true or false (the default is false)"
    );
    let said = refusal(loader().flag("--share", "http.trace_share", Some("NaN")));
    assert!(said.contains("expected a number (the default is 0.5)"), "{said}");
    let said = refusal(loader().flag("--origins", "http.origins", Some("a,,b")));
    assert!(said.contains("expected texts separated by commas, none of them empty"), "{said}");
}

#[test]
fn a_nul_is_refused_in_the_environment_in_options_and_in_the_file() {
    let said = refusal(loader().environment([("TENFOLD_DATABASE__URL", "a\0b")]));
    assert!(said.contains(r#"`database.url` = "a\u0000b""#), "{said}");
    assert!(said.contains("must not contain the character NUL"), "{said}");
    let said = refusal(loader().flag("--origins", "http.origins", Some("a,\0")));
    assert!(said.contains("NUL"), "{said}");
    let path = written("nul.toml", "[database]\nurl = \"a\\u0000b\"\n");
    assert!(refusal(loader().file(path, Presence::Required)).contains("NUL"));
    let said = refusal(loader().environment([("TENFOLD_DATABASE__\0URL", "x")]));
    assert!(said.contains(r"`TENFOLD_DATABASE__\u{0}URL`"), "{said}");
}

#[cfg(unix)]
#[test]
fn what_is_not_utf8_is_refused_if_it_is_ours_and_passed_over_if_not() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};
    let odd = |text: &[u8]| OsString::from_vec(text.to_vec());
    let said = refusal(loader().environment([(odd(b"TENFOLD_DATABASE__URL"), odd(b"sqlite:\xff"))]));
    assert_eq!(
        said,
        "`database.url` = \"sqlite:\u{fffd}\" (environment TENFOLD_DATABASE__URL) is refused: it is not UTF-8 (the default is \"sqlite:data/app.db\")"
    );
    let said = refusal(loader().environment([(odd(b"TENFOLD_HTTP__PORT\xff"), odd(b"1"))]));
    assert!(said.contains("did you mean `TENFOLD_HTTP__PORT`?"), "{said}");
    loader().environment([(odd(b"LESSOPEN\xff"), odd(b"\xff")), (odd(b"\xffTENFOLD_X"), odd(b"1"))]).unwrap();
}

#[test]
fn a_terminal_escape_in_a_value_reaches_no_terminal() {
    let said = refusal(loader().environment([("TENFOLD_HTTP__PORT", "\u{1b}[2Jboo\n")]));
    assert!(said.contains(r#""\u001B[2Jboo\n""#), "{said}");
    let long = "9".repeat(5000);
    assert!(refusal(loader().environment([("TENFOLD_HTTP__PORT", long)])).len() < 400);
}

#[test]
fn explain_is_valid_toml_with_origins_aligned_by_section() {
    let loaded = loader()
        .environment(NO_VARIABLES)
        .unwrap()
        .flag("--database", "database.url", Some("sqlite:\"odd\" \\ \u{1b} ü"))
        .unwrap()
        .load();
    let explained = loaded.explain();
    assert!(
        explained.starts_with(
            r#"[http]
listen = "127.0.0.1:8080"         # default
port = 8080                       # default
body_limit = "1 MiB"              # default
origins = ["https://a.example"]   # default
trace_share = 0.5                 # default

[http.limits]
headers = 64   # default

[database]
url = "sqlite:\"odd\" \\ \u001B ü"   # option --database
timeout = "30s"                      # default
"#
        ),
        "{explained}"
    );
    let parsed: toml::Table = toml::from_str(&explained).unwrap();
    assert_eq!(parsed["database"]["url"].as_str(), Some("sqlite:\"odd\" \\ \u{1b} ü"));
    assert_eq!(parsed["http"]["limits"]["headers"].as_integer(), Some(64));
    assert_eq!(format!("{loaded:?}"), explained);
}

#[test]
fn an_explained_configuration_can_be_read_again_as_a_file() {
    let path = written("again.toml", loader().load().explain());
    let again = loader().file(path, Presence::Required).unwrap().load();
    let without_origins = |text: String| -> toml::Table { toml::from_str(&text).unwrap() };
    assert_eq!(without_origins(again.explain()), without_origins(loader().load().explain()));
}

#[test]
fn a_path_with_a_line_break_keeps_explain_valid() {
    let path = written("line\nbreak.toml", "[http]\nport = 1\n");
    let explained = loader().file(path, Presence::Required).unwrap().load().explain();
    toml::from_str::<toml::Table>(&explained).unwrap();
    assert!(explained.contains(r"line\nbreak.toml:2"), "{explained}");
}

#[test]
fn a_value_wider_than_the_column_does_not_move_the_others() {
    let defaults = format!("[a]\nlong = \"{}\" # x\nshort = 1 # y\n", "z".repeat(100));
    let explained = Loader::new("defaults.toml", &defaults).unwrap().load().explain();
    assert!(explained.ends_with("short = 1   # default\n"), "{explained}");
}
