//! The arrows between the framework's packages.

use crate::fixture::{Fixture, dependency, manifest};

#[test]
fn data_access_does_not_know_what_stands_on_it() {
    let fixture = Fixture::good()
        .with("crates/tenfold/Cargo.toml", &manifest("tenfold", &[]))
        .appended("crates/tenfold-data/Cargo.toml", &dependency("tenfold-data", "../tenfold"));
    let parts = ["error[layers]", "crates/tenfold-data/Cargo.toml:6", "tenfold-data depends on tenfold"];
    fixture.check().fails(1, &parts);
}

#[test]
fn only_data_access_depends_on_a_database_driver() {
    let fixture = Fixture::good()
        .appended("modules/billing/Cargo.toml", "rusqlite = \"0.42\"")
        .appended("crates/tenfold-data/Cargo.toml", "rusqlite = \"0.42\"\ntokio-postgres = \"0.7\"");
    fixture.check().fails(1, &["error[layers]", "modules/billing/Cargo.toml:8", "driver rusqlite"]);
}

#[test]
fn the_framework_knows_no_modules() {
    let line = dependency("tenfold", "../../modules/billing/api");
    let fixture = Fixture::good().appended("crates/tenfold/Cargo.toml", &line);
    fixture.check().fails(1, &["error[layers]", "crates/tenfold/Cargo.toml:7", "depends on billing-api"]);
}

#[test]
fn a_module_knows_no_application() {
    let fixture = Fixture::good().appended("modules/files/Cargo.toml", &dependency("files", "../../app"));
    fixture.check().fails(1, &["error[layers]", "modules/files/Cargo.toml:8", "depends on app"]);
}

#[test]
fn only_an_application_mounts_a_leaf() {
    let console = "modules/files/Cargo.toml";
    let fixture = Fixture::good()
        .with("crates/tenfold-console/Cargo.toml", &manifest("tenfold-console", &["../tenfold"]))
        .with("crates/tenfold-console/src/lib.rs", "")
        .appended("app/Cargo.toml", &dependency("app", "../crates/tenfold-console"))
        .appended(console, &dependency("files", "../../crates/tenfold-console"));
    fixture.check().fails(1, &["error[layers]", "modules/files/Cargo.toml:8", "which is a leaf"]);
}

#[test]
fn the_tests_of_the_derives_may_use_what_the_derives_write() {
    let macros = manifest("tenfold-macros", &[]) + "[dev-dependencies]\n" + &dependency("", "../tenfold");
    let fixture = Fixture::good()
        .with("crates/tenfold-macros/Cargo.toml", &macros)
        .with("crates/tenfold-macros/src/lib.rs", "");
    fixture.check().passes("no boundary is crossed");
}
