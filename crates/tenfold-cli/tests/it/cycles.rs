//! Cycles of modules that Cargo accepts.

use crate::fixture::{Fixture, manifest};

/// auth → files → billing → auth, through implementations only.
fn ring() -> Fixture {
    Fixture::good()
        .edited("Cargo.toml", "\"modules/auth/api\"", "\"modules/files/api\", \"modules/auth/api\"")
        .with("modules/files/api/Cargo.toml", &manifest("files-api", &[]))
        .with(
            "modules/files/api/src/lib.rs",
            "#[module_api(name = \"files\", version = 1)] pub trait Files { fn forget(&self, user: u64); }",
        )
        .with("modules/auth/Cargo.toml", &manifest("auth", &["api", "../files/api"]))
        .edited("modules/auth/src/lib.rs", "Service::new)", "Service::new).needs::<dyn files_api::Files>()")
        .with(
            "modules/auth/src/leave.rs",
            "impl Service {\n    async fn leave(&self, user: u64) {\n        self.files.forget(user).await\n    }\n}\n",
        )
}

#[test]
fn a_cycle_that_cargo_accepts_is_refused_with_the_call_that_closes_it() {
    let parts = [
        "error[cycle]: modules form a cycle: files → auth → files",
        "modules/auth/src/leave.rs:3",
        "files → auth: files depends on auth-api (modules/files/Cargo.toml:6)",
        "files → auth: .needs::<dyn Auth>() (modules/files/src/lib.rs:5)",
        "auth → files: auth depends on files-api (modules/auth/Cargo.toml:7)",
        "auth → files: .needs::<dyn Files>() (modules/auth/src/lib.rs:7)",
        "Cargo accepts this, but",
        "the call `files.forget(…)` at modules/auth/src/leave.rs:3 closes the cycle",
    ];
    ring().check().fails(1, &parts);
}

#[test]
fn a_cycle_over_three_modules_names_all_its_edges() {
    let fixture = ring()
        .with("modules/files/Cargo.toml", &manifest("files", &["../billing/api"]))
        .edited("modules/files/src/lib.rs", ".needs::<dyn identity::Auth>()", "")
        .with("modules/files/api/Cargo.toml", &manifest("files-api", &[]));
    let parts = [
        "billing → auth → files → billing",
        "auth → files: auth depends on files-api (modules/auth/Cargo.toml:7)",
        "files → billing: .needs::<dyn Billing>() (modules/files/src/lib.rs:5)",
        "billing → auth: billing depends on auth-api (modules/billing/Cargo.toml:7)",
        "billing → auth: billing-api depends on auth-api (modules/billing/api/Cargo.toml:6)",
        "what files takes from billing at modules/files/src/lib.rs:5 closes the cycle",
    ];
    fixture.check().fails(1, &parts);
}

#[test]
fn a_build_dependency_closes_a_cycle_too() {
    let text =
        manifest("auth", &["api"]) + "[build-dependencies]\nbilling-api = { path = \"../billing/api\" }\n";
    let fixture = Fixture::good().with("modules/auth/Cargo.toml", &text);
    let parts = ["error[cycle]", "modules/auth/Cargo.toml:8", "billing → auth → billing"];
    fixture.check().fails(1, &parts);
}

#[test]
fn a_test_may_use_an_interface_above_it_without_making_a_cycle() {
    let text =
        manifest("auth", &["api"]) + "[dev-dependencies]\nbilling-api = { path = \"../billing/api\" }\n";
    Fixture::good().with("modules/auth/Cargo.toml", &text).check().passes("no boundary is crossed");
}

#[test]
fn a_cycle_that_cargo_refuses_as_well_says_so() {
    let fixture =
        Fixture::good().with("modules/auth/api/Cargo.toml", &manifest("auth-api", &["../../billing/api"]));
    fixture.check().fails(1, &["error[cycle]", "Cargo will refuse this too"]);
}
