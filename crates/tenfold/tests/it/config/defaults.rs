use tenfold::config::{Documentation, Loader};

use super::{loader, refusal};

#[test]
fn the_comments_of_the_defaults_are_the_documentation_in_their_order() {
    let entries: Vec<Documentation> = loader().load().documentation().collect();
    let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys[..3], ["http.listen", "http.port", "http.body_limit"]);
    assert_eq!(keys[keys.len() - 2..], ["auth.key", "auth.pins"]);
    assert_eq!(
        entries[2],
        Documentation {
            key: "http.body_limit".to_owned(),
            variable: "TENFOLD_HTTP__BODY_LIMIT".to_owned(),
            default: "\"1 MiB\"".to_owned(),
            comment: "Largest request body,\nheaders not counted.".to_owned(),
            secret: false,
        }
    );
    assert_eq!(entries[1].comment, "a port");
    assert_eq!((entries[9].comment.as_str(), entries[9].secret), ("32 bytes in base64.", true));
    assert_eq!((entries[10].comment.as_str(), entries[10].secret), ("numbers of the doors", true));
}

#[test]
fn the_documentation_tells_the_default_whatever_is_in_force() {
    let loaded = loader().flag("--port", "http.port", Some("1")).unwrap().load();
    assert_eq!(loaded.documentation().nth(1).unwrap().default, "8080");
}

#[test]
fn a_hash_inside_a_value_is_no_comment_and_a_comment_apart_is_not_the_keys() {
    let said = refusal(Loader::new("defaults.toml", "[a]\n# About the section.\n\nb = \"#c\"\n"));
    assert_eq!(said, "the defaults are wrong at defaults.toml:4: document `a.b` with a comment above it");
}

#[test]
fn defaults_that_break_a_rule_are_refused_with_their_line() {
    for (text, expected) in [
        ("[a]\nb = 1\n", "defaults.toml:2: document `a.b` with a comment above it"),
        ("[a]\nb = \"\" # secret\n", "document `a.b` with a comment above it"),
        ("b = 1 # x\n", "defaults.toml:1: put `b` into a section, or give the section a key"),
        ("[a]\n", "put `a` into a section, or give the section a key"),
        ("[a]\nB = 1 # x\n", "`a.B` needs parts of a-z, 0-9 and single `_`"),
        ("[a]\nb__c = 1 # x\n", "`a.b__c` needs parts"),
        ("[a]\nb_ = 1 # x\n", "`a.b_` needs parts"),
        ("[a]\nb-c = 1 # x\n", "`a.b-c` needs parts"),
        ("[a]\n\"b.c\" = 1 # x\n", "needs parts"),
        (
            "[a]\nb = 2026-01-01 # x\n",
            "`a.b`: a default is a string, a number, a boolean or an array of strings",
        ),
        ("[a]\nb = [1] # x\n", "`a.b`: expected an array of strings"),
        ("[a]\nb = nan # x\n", "`a.b`: expected a number"),
        ("[a\n", "defaults.toml:1:3 is not valid TOML"),
    ] {
        let said = refusal(Loader::new("defaults.toml", text));
        assert!(said.contains(expected), "{text:?}: {said}");
    }
}
