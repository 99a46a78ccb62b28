//! Code that must not compile: `tests/refused/`, each file compiled as its own crate. rustdoc's `compile_fail` would
//! accept any error, because a stable compiler ignores the expected error code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const SOURCE: &str = include_str!("../refused/lib.rs");

/// Refusals of the derive itself, in a file of their own: after such an error the compiler does not check types.
const OWNERS: &str = include_str!("../refused/owners.rs");

/// Texts that mean different things on the two databases, also in a file of their own.
const SUMS: &str = include_str!("../refused/sums.rs");

/// Relations between modules, in a file of their own as well.
const MODULES: &str = include_str!("../refused/modules.rs");

/// Lines by number, from 1, each with the code and the message of its errors.
pub type Errors = BTreeMap<u64, Vec<(String, String)>>;

/// A crate around a source text, with only this crate as a dependency. Cargo reuses what it has compiled, because the
/// target folder is ours.
pub struct Probe(PathBuf);

impl Probe {
    pub fn of(source: &str, name: &str) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&place).expect("the target folder can be written");
        let manifest = format!(
            "[workspace]\n[package]\nname = \"{name}\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n\
             [dependencies]\ntenfold-data = {{ path = {here:?} }}\n"
        );
        std::fs::write(place.join("Cargo.toml"), manifest).unwrap();
        std::fs::write(place.join("lib.rs"), source).unwrap();
        std::fs::copy(here.join("../../Cargo.lock"), place.join("Cargo.lock")).expect("versions are locked");
        Probe(place)
    }

    /// Writes another file of the crate.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().expect("it lies in the crate")).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Removes a folder of the crate, if an earlier run left it.
    pub fn remove(&self, folder: &str) {
        let folder = self.0.join(folder);
        if folder.exists() {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }

    pub fn errors(&self) -> Errors {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["check", "--offline", "--quiet", "--message-format=json", "--target-dir"]).arg(target);
        let ran = cargo.current_dir(&self.0).output().expect("cargo runs");
        let mut errors = Errors::new();
        for line in String::from_utf8_lossy(&ran.stdout).lines() {
            let message: Value = serde_json::from_str(line).expect("cargo speaks JSON");
            let said = &message["message"];
            if message["reason"] == "compiler-message" && said["level"] == "error" {
                if said["spans"].as_array().is_none_or(Vec::is_empty) {
                    continue; // how many there were
                }
                let code = said["code"]["code"].as_str().unwrap_or("derive");
                let text = said["message"].as_str().unwrap_or_default().to_owned();
                errors.entry(line_of(said)).or_default().push((code.to_owned(), text));
            }
        }
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() != errors.values().any(|all| !all.is_empty()), "cargo fails: {said}");
        errors
    }
}

/// The line that an error points to. For code that a derive writes, the line of the attribute with the name; for code
/// that one of our macros writes, the line that calls it.
fn line_of(said: &Value) -> u64 {
    let spans = said["spans"].as_array().into_iter().flatten();
    let primary = spans.clone().find(|span| span["is_primary"] == true && span["expansion"].is_null());
    let named = primary.or_else(|| spans.clone().find(|span| span["is_primary"] == true));
    let mut named = named.unwrap_or(&Value::Null);
    while named["file_name"] != "lib.rs" && named["expansion"].is_object() {
        named = &named["expansion"]["span"];
    }
    named["line_start"].as_u64().unwrap_or_default()
}

/// The expected errors in a source's marks, by line.
fn expected(source: &str) -> BTreeMap<u64, (&str, &str)> {
    let marked = (1..).zip(source.lines());
    let marked = marked.filter_map(|(number, line)| Some((number, line.split_once("//~ ")?.1)));
    marked.filter_map(|(number, mark)| Some((number, mark.split_once(' ')?))).collect()
}

/// Asserts that the marked lines of `source` are refused as marked, and no others. Returns how many there are.
#[track_caller]
fn assert_refused(source: &str, name: &str) -> usize {
    let (errors, expected) = (Probe::of(source, name).errors(), expected(source));
    let mut wrong = Vec::new();
    for (line, (code, text)) in &expected {
        let said = errors.get(line).map_or(&[][..], Vec::as_slice);
        if !said.iter().any(|(found, message)| {
            found == code && message.replace("std::option::", "").replace("std::string::", "").contains(text)
        }) {
            wrong.push(format!("line {line} must be refused with {code} {text}, and there is {said:?}"));
        }
    }
    for (line, said) in errors.iter().filter(|(line, _)| !expected.contains_key(line)) {
        wrong.push(format!("line {line} must compile, and there is {said:?}"));
    }
    assert!(wrong.is_empty(), "in tests/refused\n{}", wrong.join("\n"));
    expected.len()
}

#[test]
fn what_must_not_compile_is_refused_for_the_reason_that_stands_beside_it() {
    let marked = assert_refused(SOURCE, "refused");
    assert!(marked > 60, "{marked} lines are marked");
}

#[test]
fn an_entity_that_names_no_owner_does_not_compile() {
    let marked = assert_refused(OWNERS, "refused-owners");
    assert!(marked >= 12, "{marked} lines are marked");
}

#[test]
fn a_text_that_divides_a_sum_does_not_compile() {
    assert_eq!(assert_refused(SUMS, "refused-sums"), 2);
}

#[test]
fn a_relation_to_another_modules_entity_does_not_compile() {
    assert_eq!(assert_refused(MODULES, "refused-modules"), 1);
}

#[test]
fn without_the_lines_that_must_not_compile_the_rest_does() {
    // A refused relation is left out with its field, so that the column that it names stays free for others.
    let mut rest = String::new();
    let mut field_of_a_refused = false;
    for line in SOURCE.lines() {
        let refused = line.contains("//~ ");
        if !refused && !field_of_a_refused {
            rest.push_str(line);
        }
        field_of_a_refused = refused && line.trim_start().starts_with("#[");
        rest.push('\n');
    }
    let errors = Probe::of(&rest, "not-refused").errors();
    assert!(errors.is_empty(), "{errors:?}");
}
