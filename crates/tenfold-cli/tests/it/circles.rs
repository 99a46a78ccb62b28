//! Files that import each other.

use crate::fixture::{Fixture, Run};

const ROOT: &str = "crates/tenfold-data/src/lib.rs";
const ONE: &str = "crates/tenfold-data/src/one.rs";
const TWO: &str = "crates/tenfold-data/src/two.rs";
const THREE: &str = "crates/tenfold-data/src/three.rs";

const MODULES: &str = "mod one;\nmod two;\nmod three;\n";

/// The files `one`, `two` and `three` of one crate, each with a struct of its name and a line for what it imports.
fn with(one: &str, two: &str, three: &str) -> Fixture {
    Fixture::good()
        .with(ROOT, MODULES)
        .with(ONE, &format!("{one}\npub struct One;\n"))
        .with(TWO, &format!("{two}\npub struct Two;\n"))
        .with(THREE, &format!("{three}\npub struct Three;\n"))
}

/// A circle, but for what `three` takes from `one`.
fn open_circle(three: &str) -> Fixture {
    with("use crate::two::Two;", "use super::three::Three;", three)
}

#[track_caller]
fn is_closed_by(run: &Run, name: &str) {
    let arrow = format!("{THREE} → {ONE}: {name}");
    run.fails(1, &["error[circles]: 3 files import each other in a circle", &arrow]);
}

#[test]
fn three_files_in_a_circle_fail_with_every_arrow() {
    let run = open_circle("\nfn f(_: crate::one::One) {}").check();
    let parts = [
        "error[circles]: 3 files import each other in a circle",
        "--> crates/tenfold-data/src/one.rs:1",
        "crates/tenfold-data/src/one.rs → crates/tenfold-data/src/two.rs: Two\n",
        "crates/tenfold-data/src/two.rs → crates/tenfold-data/src/three.rs: Three\n",
        "crates/tenfold-data/src/three.rs → crates/tenfold-data/src/one.rs: One\n",
        "do: move what several of them need into a file that imports none of them",
    ];
    run.fails(1, &parts);
}

#[test]
fn two_files_that_import_each_other_pass() {
    let fixture = with("use crate::two::Two;", "use crate::one::One;", "use crate::{one::One, two::Two};");
    fixture.check().passes("no boundary is crossed");
}

#[test]
fn importing_a_module_without_taking_from_it_is_no_arrow() {
    open_circle("use crate::one;").check().passes("no boundary is crossed");
    is_closed_by(&open_circle("use crate::one;\nfn f(_: one::One) {}").check(), "One");
}

#[test]
fn a_re_export_alone_is_no_arrow() {
    open_circle("pub use crate::one::One;").check().passes("no boundary is crossed");
    let used = open_circle("pub use crate::one::One;\nfn f(_: One) {}");
    is_closed_by(&used.check(), "One");
}

#[test]
fn code_for_tests_has_no_arrows() {
    for code in [
        "#[cfg(test)]\nuse crate::one::One;",
        "#[cfg(all(test, any(unix, windows)))]\nuse crate::one::One;",
        "#[cfg(test)]\nmod tests {\n    use crate::one::One;\n}",
        "#[cfg(all(test, unix))]\nfn f(_: crate::one::One) {}",
        "#[cfg(test)]\nstruct Held(crate::one::One);",
        "impl Three {\n    #[cfg(test)]\n    fn f(_: crate::one::One) {}\n}",
    ] {
        open_circle(code).check().passes("no boundary is crossed");
    }
    is_closed_by(&open_circle("#[cfg(not(test))]\nuse crate::one::One;").check(), "One");
}

#[test]
fn a_circle_through_an_inline_module_is_found() {
    let inline = "mod inner {\n    use super::super::one::One;\n}";
    is_closed_by(&open_circle(inline).check(), "One");
}

#[test]
fn an_arrow_points_to_what_a_re_export_names() {
    let fixture = open_circle("use crate::Handed;")
        .with(ROOT, &format!("{MODULES}pub use self::between::Handed;\nmod between {{\n    pub use crate::one::One as Handed;\n}}\n"));
    is_closed_by(&fixture.check(), "One");
}

#[test]
fn a_glob_is_an_arrow() {
    is_closed_by(&open_circle("use crate::one::*;").check(), "everything");
}

#[test]
fn each_unnamed_trait_is_an_arrow() {
    is_closed_by(&open_circle("use crate::one::One as _;\nuse crate::two::Two as _;").check(), "One");
}

#[test]
fn the_tokens_of_macros_and_attributes_are_read() {
    is_closed_by(&open_circle("fn f() { print!(\"{}\", crate::one::VALUE); }").check(), "VALUE");
    is_closed_by(&open_circle("#[derive(crate::one::Shown)]\nstruct Part;").check(), "Shown");
}

#[test]
fn a_program_does_not_import_its_files_from_its_library() {
    let fixture = Fixture::good()
        .with("app/src/main.rs", MODULES)
        .with("app/src/one.rs", "use crate::two::Two;")
        .with("app/src/two.rs", "use crate::three::Three;")
        .with("app/src/three.rs", "use app::one::One;");
    fixture.check().passes("no boundary is crossed");
    let closed = fixture.with("app/src/three.rs", "use crate::one::One;");
    closed.check().fails(1, &["error[circles]", "app/src/three.rs → app/src/one.rs: One"]);
}

#[test]
fn imports_that_lead_round_in_a_ring_end() {
    let ring = open_circle("use left::right;\nuse right::left;\nfn f(_: left::Name) {}");
    ring.check().passes("no boundary is crossed");
    let re_exports = with("pub use crate::two::Name;", "pub use crate::one::Name;", "use crate::one::Name;");
    re_exports.check().passes("no boundary is crossed");
}

#[test]
fn an_exception_tolerates_a_circle_until_it_is_broken() {
    let allow = "[[allow]]\nrule = \"circles\"\nwhere = \"crates/tenfold-data/src/one.rs\"\n\
                 reason = \"broken with the next release\"\nuntil = \"2026-12-31\"\n";
    let closed = open_circle("use crate::one::One;").with("tenfold-check.toml", allow);
    closed.check().passes("no boundary is crossed but for 1 exception");
    let broken = open_circle("").with("tenfold-check.toml", allow);
    broken.check().fails(1, &["error[exceptions]", "tenfold-check.toml:2", "tolerates nothing"]);
}
