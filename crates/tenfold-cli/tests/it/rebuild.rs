//! Cargo is told of a module's migrations.

use crate::fixture::Fixture;

#[test]
fn migrations_that_cargo_does_not_watch_are_refused() {
    for script in [
        "",
        "fn main() {}",
        "fn main() {\n    println!(\"cargo::rerun-if-changed=build.rs\");\n}",
        "fn main() {\n    // println!(\"cargo::rerun-if-changed=migrations\");\n}",
    ] {
        let fixture = Fixture::good().with("modules/auth/build.rs", script);
        let parts = ["error[rebuild]", "modules/auth/build.rs:1", "a new file among the migrations of auth"];
        fixture.check().fails(1, &parts);
    }
}

#[test]
fn a_module_without_migrations_needs_no_build_script() {
    let fixture = Fixture::good();
    std::fs::remove_dir_all(fixture.root().join("modules/files/migrations")).expect("it was there");
    std::fs::remove_file(fixture.root().join("modules/files/build.rs")).expect("it was there");
    fixture.check().passes("no boundary is crossed");
}
