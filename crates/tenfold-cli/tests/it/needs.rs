//! What a module declares is what Cargo lets it reach.

use crate::fixture::{Fixture, dependency, manifest};

#[test]
fn a_dependency_that_is_not_declared_is_refused() {
    let fixture = Fixture::good().edited("modules/billing/src/lib.rs", "        .needs::<dyn Auth>()\n", "");
    let parts = [
        "error[needs]",
        "modules/billing/Cargo.toml:7",
        "module billing depends on auth-api",
        "`.needs::<dyn Auth>()` at modules/billing/src/lib.rs:5",
    ];
    fixture.check().fails(1, &parts);
}

#[test]
fn a_declaration_without_a_dependency_is_refused() {
    let fixture = Fixture::good().with("modules/files/Cargo.toml", &manifest("files", &["../auth/api"]));
    let parts = ["error[needs]", "modules/files/src/lib.rs:5", "does not depend on billing-api"];
    fixture.check().fails(1, &parts);
}

#[test]
fn a_trait_that_nobody_declares_is_refused() {
    let fixture = Fixture::good().edited("modules/files/src/lib.rs", "dyn Billing", "dyn Payments");
    let parts = ["error[needs]", "modules/files/src/lib.rs:5", "`dyn Payments`, a trait that no interface"];
    fixture.check().fails(2, &parts);
}

#[test]
fn a_module_does_not_need_itself() {
    let fixture =
        Fixture::good().edited("modules/auth/src/lib.rs", ".provides", ".needs::<dyn Auth>().provides");
    fixture.check().fails(1, &["error[needs]", "modules/auth/src/lib.rs:7", "its own interface"]);
}

#[test]
fn traits_of_one_name_are_told_apart_by_their_paths() {
    let service = "#[module_api(name = \"auth\", version = 1)] pub trait Service { }";
    let other = "#[module_api(name = \"billing\", version = 1)] pub trait Service { }";
    let fixture = Fixture::good()
        // A project, whose types may share a name.
        .edited("crates/tenfold/Cargo.toml", "name = \"tenfold\"", "name = \"core\"")
        .appended("modules/auth/api/src/lib.rs", service)
        .appended("modules/billing/api/src/lib.rs", other)
        .edited("modules/files/src/lib.rs", "dyn Billing", "dyn billing_api::Service");
    fixture.check().passes("no boundary is crossed");
}

#[test]
fn a_registration_in_code_for_tests_declares_nothing() {
    let test = "#[cfg(test)] mod tests { fn m() { Module::new(\"other\").needs::<dyn Nobody>(); } }";
    let fixture = Fixture::good()
        .appended("modules/auth/src/lib.rs", test)
        .with("modules/auth/tests/it/main.rs", "fn m() { Module::new(\"x\").needs::<dyn Nobody>(); }");
    fixture.check().passes("no boundary is crossed");
}

#[test]
fn an_interface_may_use_another_ones_types_freely() {
    let fixture = Fixture::good()
        .edited("Cargo.toml", "\"modules/auth/api\"", "\"modules/files/api\", \"modules/auth/api\"")
        .with(
            "modules/files/api/Cargo.toml",
            &(manifest("files-api", &[]) + &dependency("", "../../auth/api")),
        )
        .with("modules/files/api/src/lib.rs", "");
    fixture.check().passes("no boundary is crossed");
}

/// The good workspace in which billing tells an event, and files asks it nothing and listens.
fn listening(registration: &str) -> Fixture {
    let event = "pub struct Paid { }\n\nimpl Event for Paid { const NAME: &'static str = \"billing.paid\"; }";
    Fixture::good().appended("modules/billing/api/src/lib.rs", event).edited(
        "modules/files/src/lib.rs",
        ".needs::<dyn Billing>()",
        registration,
    )
}

#[test]
fn listening_to_an_event_declares_a_dependency_too() {
    listening(".on::<Paid, _, _>(\"files.on_paid\", on_paid)").check().passes("no boundary is crossed");
    let with_path = ".on::<billing_api::Paid, _, _>(\"files.on_paid\", on_paid)";
    listening(with_path).check().passes("no boundary is crossed");
}

#[test]
fn a_listener_whose_event_is_not_written_out_declares_nothing() {
    let parts = [
        "error[needs]",
        "module files depends on billing-api",
        "`.needs::<dyn Billing>()` or `.on::<Paid, _, _>(…)` at modules/files/src/lib.rs:5",
    ];
    listening(".on(\"files.on_paid\", on_paid)").check().fails(1, &parts);
}

#[test]
fn an_event_that_the_interface_does_not_declare_is_no_dependency() {
    let own =
        "pub struct Stored { }\n\nimpl Event for Stored { const NAME: &'static str = \"files.stored\"; }";
    let fixture = listening(".on::<Stored, _, _>(\"files.on_stored\", on_stored)")
        .appended("modules/files/src/lib.rs", own);
    fixture.check().fails(1, &["error[needs]", "module files depends on billing-api"]);
}
