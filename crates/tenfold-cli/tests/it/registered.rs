//! What a module has is part of the application.

use crate::fixture::{Fixture, manifest};

#[test]
fn a_module_that_no_application_has_is_refused() {
    let fixture = Fixture::good()
        .with("modules/notes/Cargo.toml", &manifest("notes", &[]))
        .with("modules/notes/src/lib.rs", "pub fn module() -> Module { Module::new(\"notes\") }");
    let parts = ["error[registered]", "modules/notes/Cargo.toml:1", "no application has the module notes"];
    fixture.check().fails(1, &parts);
}

#[test]
fn a_module_that_the_application_does_not_list_is_refused() {
    let with_list = |list: &str| {
        Fixture::good().appended("app/Cargo.toml", &format!("[package.metadata.tenfold]\nmodules = [{list}]"))
    };
    with_list("\"auth\", \"billing\", \"files\"").check().passes("no boundary is crossed");
    let parts = [
        "error[registered]",
        "modules/billing/Cargo.toml:1",
        "add \"billing\" to `modules`",
        "app/Cargo.toml",
    ];
    with_list("\"auth\", \"files\"").check().fails(1, &parts);
}

#[test]
fn migrations_that_the_module_does_not_register_are_refused() {
    let fixture = Fixture::good().edited("modules/files/src/lib.rs", ".migrations(migrations!())", "");
    let parts = [
        "error[registered]",
        "modules/files/migrations/0001_uploads.sql:1",
        "add `.migrations(migrations!())`",
    ];
    fixture.check().fails(1, &parts);
}

#[test]
fn an_endpoint_that_no_route_leads_to_is_refused() {
    let endpoints = "#[endpoint(get, \"/v1/files\", tag = \"files\")]\npub(crate) async fn list_files() {}\n\
                     #[endpoint(get, \"/v1/files/{id}\", tag = \"files\")]\npub(crate) async fn get_file() {}\n";
    let with_routes = |routes: &str| {
        let routes = format!("fn routes() -> Routes {{ Routes::new(){routes} }}");
        Fixture::good()
            .with("modules/files/src/list.rs", endpoints)
            .with("modules/files/src/routes.rs", &routes)
    };
    with_routes(".routes(routes!(list::list_files)).routes(routes!(list::get_file))")
        .check()
        .passes("no boundary is crossed");
    let parts =
        ["error[registered]", "modules/files/src/list.rs:4", "no route leads to the endpoint get_file"];
    with_routes(".routes(routes!(list::list_files))").check().fails(1, &parts);
}
