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
