//! Types of one name in the repository of the framework.

use crate::fixture::Fixture;

const DATA: &str = "crates/tenfold-data/src/lib.rs";
const FILES: &str = "modules/files/src/lib.rs";

/// The good workspace with `data` in the framework and `files` in a module.
fn with(data: &str, files: &str) -> Fixture {
    Fixture::good().with(DATA, data).appended(FILES, files)
}

#[test]
fn a_type_name_that_is_defined_twice_fails_with_both_places() {
    let fixture = with("pub struct Place;", "pub(crate) enum Place { Here }");
    let at = format!("--> {FILES}:{}", fixture.line(FILES, "enum Place"));
    let parts = [
        "error[types]: the type Place is defined twice, also in crates/tenfold-data/src/lib.rs:1\n",
        &at,
        "do: name each by what it is, or share one of them",
    ];
    fixture.check().fails(1, &parts);
}

#[test]
fn traits_and_aliases_and_private_types_have_unique_names_too() {
    for data in ["pub trait Place {}", "type Place = u8;", "mod inner {\n    struct Place;\n}"] {
        with(data, "struct Place;").check().fails(1, &["error[types]: the type Place is defined twice"]);
    }
}

#[test]
fn what_is_no_definition_of_a_type_may_share_its_name() {
    for data in [
        "enum Step { Place }",
        "impl Iterator for Steps {\n    type Item = Place;\n}",
        "pub use files::Place;",
        "#[cfg(test)]\nstruct Place;",
        "#[cfg(test)]\nmod tests {\n    struct Place;\n}",
    ] {
        with(data, "pub struct Place;").check().passes("no boundary is crossed");
    }
}

#[test]
fn a_type_may_be_defined_for_each_platform() {
    let data = "#[cfg(unix)]\npub type Place = u8;\n#[cfg(not(unix))]\npub type Place = u16;";
    with(data, "").check().passes("no boundary is crossed");
}

#[test]
fn a_project_outside_the_repository_names_its_types_freely() {
    let fixture = with("pub struct Place;", "pub struct Place;");
    let project = fixture.edited("crates/tenfold/Cargo.toml", "name = \"tenfold\"", "name = \"core\"");
    project.check().passes("no boundary is crossed");
}
