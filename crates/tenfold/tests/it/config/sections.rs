use serde::Deserialize;
use tenfold::config::{ByteSize, ConfigError, Loader, Presence, TimeSpan, unless_empty};

use super::{loader, refusal, written};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Http {
    listen: std::net::SocketAddr,
    port: u16,
    body_limit: ByteSize,
    origins: Vec<String>,
    trace_share: f64,
    limits: Limits,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    headers: u8,
}

#[test]
fn a_section_becomes_its_type_with_the_sections_below_it() {
    let http: Http = loader().load().section("http").unwrap();
    assert_eq!((http.port, http.body_limit, http.limits.headers), (8080, ByteSize::mib(1), 64));
    assert_eq!((http.origins.len(), http.trace_share), (1, 0.5));
    assert_eq!(http.listen.port(), 8080);
    assert_eq!(loader().load().section::<Limits>("http.limits").unwrap().headers, 64);
}

#[test]
fn a_field_that_refuses_its_value_names_key_value_origin_and_what_it_expects() {
    let load = |key: &str, value: &str| {
        refusal(loader().flag("--it", key, Some(value)).unwrap().load().section::<Http>("http"))
    };
    assert_eq!(
        load("http.port", "70000"),
        "`http.port` = 70000 (option --it) is refused: expected a whole number from 0 to 65535 (the default is 8080)"
    );
    assert_eq!(
        load("http.limits.headers", "-1"),
        "`http.limits.headers` = -1 (option --it) is refused: expected a whole number from 0 to 255 (the default is 64)"
    );
    assert_eq!(
        load("http.body_limit", "64 KiBB"),
        "`http.body_limit` = \"64 KiBB\" (option --it) is refused: `64 KiBB` is not a size: write a whole number and B, KiB, MiB, GiB, TiB, kB, MB, GB or TB, such as `64 KiB` (the default is \"1 MiB\")"
    );
    let said = load("http.listen", "everywhere");
    assert!(said.starts_with("`http.listen` = \"everywhere\" (option --it) is refused: "), "{said}");
}

#[test]
fn a_refused_value_from_a_file_keeps_its_line() {
    let path = written("refused_line.toml", "[http]\n\nport = -5\n");
    let loaded = loader().file(&path, Presence::Required).unwrap().load();
    let said = refusal(loaded.section::<Http>("http"));
    assert!(said.starts_with(&format!("`http.port` = -5 ({}:3) is refused", path.display())), "{said}");
}

#[test]
fn an_enum_names_its_variants() {
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        Quiet,
        Loud,
    }
    #[derive(Debug, Deserialize)]
    struct Log {
        level: Level,
    }
    let log = || Loader::new("defaults.toml", "[log]\nlevel = \"quiet\" # how much\n").unwrap();
    assert!(matches!(log().load().section::<Log>("log").unwrap().level, Level::Quiet));
    let loud = log().flag("--level", "log.level", Some("loud")).unwrap().load();
    assert!(matches!(loud.section::<Log>("log").unwrap().level, Level::Loud));
    let loaded = log().flag("--level", "log.level", Some("shrill")).unwrap().load();
    assert_eq!(
        refusal(loaded.section::<Log>("log")),
        "`log.level` = \"shrill\" (option --level) is refused: expected `quiet` or `loud` (the default is \"quiet\")"
    );
}

#[test]
fn a_type_and_defaults_that_drifted_apart_are_refused() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "never filled: the section does not fit")]
    struct Fewer {
        url: String,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "never filled: the section does not fit")]
    struct More {
        url: String,
        replicas: Vec<String>,
    }
    let loaded = loader().load();
    let said = refusal(loaded.section::<Fewer>("database"));
    assert!(said.starts_with("section `database` is refused: unknown field `timeout`"), "{said}");
    let said = refusal(loaded.section::<More>("database"));
    assert_eq!(said, "section `database` is refused: missing field `replicas`");
}

#[test]
fn a_check_across_fields_is_told_as_the_section() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "Http")]
    struct Checked;
    impl TryFrom<Http> for Checked {
        type Error = String;
        fn try_from(_: Http) -> Result<Checked, String> {
            Err("the port must be\nthe one of listen".to_owned())
        }
    }
    let outcome = loader().load().section::<Checked>("http");
    assert!(matches!(outcome, Err(ConfigError::Section { .. })), "{outcome:?}");
    assert_eq!(refusal(outcome), r"section `http` is refused: the port must be\nthe one of listen");
}

#[test]
fn an_empty_string_is_a_value_that_is_not_set() {
    #[derive(Debug, Deserialize)]
    struct Files {
        #[serde(deserialize_with = "unless_empty")]
        limit: Option<ByteSize>,
    }
    let files = || Loader::new("defaults.toml", "[files]\nlimit = \"\" # largest file\n").unwrap();
    assert_eq!(files().load().section::<Files>("files").unwrap().limit, None);
    let set = files().flag("--limit", "files.limit", Some("1 KiB")).unwrap().load();
    assert_eq!(set.section::<Files>("files").unwrap().limit, Some(ByteSize::kib(1)));
    let wrong = files().flag("--limit", "files.limit", Some("much")).unwrap().load();
    assert!(refusal(wrong.section::<Files>("files")).contains("`much` is not a size"));
}

#[test]
fn a_value_out_of_range_names_key_value_origin_and_range() {
    let loaded = loader()
        .environment([("TENFOLD_HTTP__BODY_LIMIT", "2 GiB"), ("TENFOLD_DATABASE__TIMEOUT", "5ms")])
        .unwrap()
        .load();
    let size = ByteSize::gib(2);
    assert_eq!(
        refusal(loaded.within("http.body_limit", size, ByteSize::kib(1)..=ByteSize::mib(64))),
        "`http.body_limit` = \"2 GiB\" (environment TENFOLD_HTTP__BODY_LIMIT) is out of range: use at least 1 KiB and at most 64 MiB"
    );
    assert!(
        refusal(loaded.within("database.timeout", TimeSpan::milliseconds(5), TimeSpan::seconds(1)..))
            .ends_with("use at least 1s")
    );
    assert!(
        refusal(loaded.within("http.port", 8080, ..8080))
            .ends_with("(default) is out of range: use less than 8080")
    );
    loaded.within("http.body_limit", size, ..=size).unwrap();
    loaded.within("http.trace_share", 0.5, 0.0..=1.0).unwrap();
}
