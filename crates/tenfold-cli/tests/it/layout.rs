//! Names of modules, and who may depend on an implementation.

use crate::fixture::{Fixture, dependency, manifest};

#[test]
fn a_module_may_not_depend_on_anothers_implementation() {
    let fixture = Fixture::good().appended("modules/files/Cargo.toml", &dependency("files", "../auth"));
    let line = fixture.line("modules/files/Cargo.toml", "auth = ");
    let place = format!("modules/files/Cargo.toml:{line}");
    fixture
        .check()
        .fails(1, &["error[implementation]", &place, "the implementation of module auth", "auth-api"]);
}

#[test]
fn a_dev_dependency_on_an_implementation_counts_too() {
    let line = format!("[dev-dependencies]\n{}", dependency("billing", "../auth"));
    let fixture = Fixture::good().appended("modules/billing/Cargo.toml", &line);
    fixture
        .check()
        .fails(1, &["error[implementation]", "modules/billing/Cargo.toml:9", "[dev-dependencies]"]);
}

#[test]
fn a_dependency_table_for_one_target_counts_too() {
    let line = "[target.'cfg(unix)'.dependencies.auth]\npath = \"../auth\"";
    let fixture = Fixture::good().appended("modules/billing/Cargo.toml", line);
    fixture.check().fails(1, &["error[implementation]", "modules/billing/Cargo.toml:8"]);
}

#[test]
fn a_dependency_inherited_from_the_workspace_counts_too() {
    let fixture = Fixture::good()
        .appended("Cargo.toml", "[workspace.dependencies]\nauth = { path = \"modules/auth\" }")
        .appended("modules/billing/Cargo.toml", "auth.workspace = true");
    fixture.check().fails(1, &["error[implementation]", "modules/billing/Cargo.toml:8"]);
}

#[test]
fn a_renamed_dependency_is_found_by_its_key() {
    let fixture = Fixture::good()
        .appended("modules/billing/Cargo.toml", "identity = { package = \"auth\", path = \"../auth\" }");
    fixture.check().fails(1, &["error[implementation]", "modules/billing/Cargo.toml:8", "depends on `auth`"]);
}

#[test]
fn a_modules_package_bears_its_name_since_its_statements_do() {
    let fixture =
        Fixture::good().edited("modules/billing/Cargo.toml", "name = \"billing\"", "name = \"money\"");
    let parts =
        ["error[layout]", "modules/billing/Cargo.toml:1", "the package of module billing is called money"];
    fixture.check().fails(1, &parts);
}

#[test]
fn an_interface_may_not_know_its_implementation() {
    let fixture = Fixture::good()
        .with("modules/auth/Cargo.toml", &manifest("auth", &["../../crates/tenfold"]))
        .appended("modules/auth/api/Cargo.toml", "auth = { path = \"..\" }");
    fixture.check().fails(
        1,
        &[
            "error[implementation]",
            "modules/auth/api/Cargo.toml:7",
            "an interface does not know its implementation",
        ],
    );
}

#[test]
fn a_package_that_is_no_default_member_is_no_application() {
    let fixture = Fixture::good()
        .edited("Cargo.toml", "\"app\", ", "\"app\", \"bench\", ")
        .with("bench/Cargo.toml", &manifest("bench", &["../modules/auth"]))
        .with("bench/src/lib.rs", "");
    fixture.check().fails(1, &["error[implementation]", "bench/Cargo.toml:6"]);
}

#[test]
fn a_module_registers_itself_under_its_folders_name() {
    let fixture = Fixture::good().edited("modules/billing/src/lib.rs", "new(\"billing\")", "new(\"bills\")");
    fixture.check().fails(1, &["error[layout]", "modules/billing/src/lib.rs:5", "\"bills\""]);
}

#[test]
fn an_interface_bears_its_modules_name() {
    let fixture = Fixture::good().edited("modules/auth/api/src/lib.rs", "name = \"auth\"", "name = \"iam\"");
    fixture.check().fails(1, &["error[layout]", "modules/auth/api/src/lib.rs:5", "\"iam\""]);
}

#[test]
fn a_module_provides_only_what_its_own_interface_declares() {
    let fixture =
        Fixture::good().edited("modules/files/src/lib.rs", ".needs", ".provides::<dyn Files>(x).needs");
    fixture.check().fails(1, &["error[layout]", "modules/files/src/lib.rs:5", "provides `Files`"]);
}

#[test]
fn an_interface_package_is_called_after_its_module() {
    let fixture = Fixture::good()
        .edited("Cargo.toml", "\"modules/auth/api\"", "\"modules/files/api\", \"modules/auth/api\"")
        .with("modules/files/api/Cargo.toml", &manifest("uploads", &[]))
        .with("modules/files/api/src/lib.rs", "");
    fixture.check().fails(1, &["error[layout]", "modules/files/api/Cargo.toml:1", "call it files-api"]);
}

#[test]
fn two_modules_do_not_share_a_name() {
    let fixture = Fixture::good()
        .edited("Cargo.toml", "\"modules/*\"", "\"app/modules/*\", \"modules/*\"")
        .with("app/modules/auth/Cargo.toml", &manifest("own-auth", &[]))
        .with("app/modules/auth/src/lib.rs", "");
    fixture
        .check()
        // Cargo knows packages by their names, so one of the two does not bear its module's; nor does the application have it.
        .fails(3, &["error[layout]", "modules/auth/Cargo.toml:1", "a second module is called auth"]);
}
