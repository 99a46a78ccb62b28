use std::collections::BTreeMap;

use serde::Deserialize;
use tenfold::config::{Loader, Presence};

use super::{refusal, written};

const DEFAULTS: &str = r#"
[doors]
open = true   # whether any is
[doors.of.NAME]
# How many may pass.
width = 1
# What opens it.
key_secret = ""
"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Doors {
    open: bool,
    #[serde(default)]
    of: BTreeMap<String, Door>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Door {
    width: u8,
    key_secret: String,
}

fn loader() -> Loader {
    Loader::new("defaults.toml", DEFAULTS).expect("the defaults are right")
}

#[test]
fn a_section_has_the_names_that_its_sources_write() {
    let path = written("named.toml", "[doors.of.front]\nwidth = 2\n\n[doors.of.cellar]\n");
    let loaded = loader()
        .file(&path, Presence::Required)
        .unwrap()
        .environment([
            ("TENFOLD_DOORS__OF__SIDE_DOOR__KEY_SECRET", "sesame"),
            ("TENFOLD_DOORS__OF__FRONT__WIDTH", "3"),
        ])
        .unwrap()
        .flag("--it", "doors.of.back.width", Some("4"))
        .unwrap()
        .load();
    let doors: Doors = loaded.section("doors").unwrap();
    let widths: Vec<(&str, u8)> = doors.of.iter().map(|(name, door)| (name.as_str(), door.width)).collect();
    assert_eq!(widths, [("back", 4), ("cellar", 1), ("front", 3), ("side_door", 1)]);
    assert_eq!(doors.of["side_door"].key_secret, "sesame");
    assert!(doors.open);
    assert!(!loaded.explain().contains("sesame"), "{}", loaded.explain());
    assert!(loaded.explain().contains("[doors.of.front]\nwidth = 3"), "{}", loaded.explain());
}

#[test]
fn without_a_name_there_is_none_and_the_reference_shows_the_form() {
    let loaded = loader().load();
    assert!(loaded.section::<Doors>("doors").unwrap().of.is_empty());
    assert!(!loaded.explain().contains("NAME"));
    let keys: Vec<String> = loaded.documentation().map(|entry| entry.key).collect();
    assert_eq!(keys, ["doors.open", "doors.of.NAME.width", "doors.of.NAME.key_secret"]);
}

#[test]
fn what_is_no_setting_of_a_name_is_refused() {
    let flag = |key: &str, value: &str| loader().flag("--it", key, Some(value)).map(|loader| loader.load());
    assert_eq!(
        refusal(flag("doors.of.front.widht", "1")),
        "no setting is called `doors.of.front.widht` (option --it): did you mean `doors.of.front.width`?"
    );
    for name in ["Front", "front door", "front__door", "front_", "1st", ""] {
        let said = refusal(flag(&format!("doors.of.{name}.width"), "1"));
        assert!(said.starts_with("no setting is called"), "{said}");
    }
    let said = refusal(flag("doors.of.front.width", "wide"));
    assert!(said.starts_with("`doors.of.front.width` = \"wide\" (option --it) is refused"), "{said}");
    let loaded = flag("doors.of.front.width", "300").unwrap();
    let said = refusal(loaded.section::<Doors>("doors"));
    assert!(said.starts_with("`doors.of.front.width` = 300 (option --it) is refused"), "{said}");
}
