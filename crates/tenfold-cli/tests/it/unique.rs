//! Two modules share no name of what an application has once.

use crate::fixture::Fixture;

/// `of_files` beside `of_billing`, each in a file of its module.
fn check(of_billing: &str, of_files: &str) -> crate::fixture::Run {
    Fixture::good()
        .appended("modules/billing/src/lib.rs", of_billing)
        .with("modules/files/src/more.rs", of_files)
        .check()
}

/// An endpoint with a route that leads to it.
fn endpoint(attribute: &str, name: &str) -> String {
    format!(
        "#[endpoint({attribute}, tag = \"files\")]\npub(crate) async fn {name}() {{}}\n\
         fn more() -> Routes {{ Routes::new().routes(routes!({name})) }}\n"
    )
}

/// A type that implements a trait with one constant, which `registered` mentions.
fn named(of: &str, constant: &str, name: &str, registered: &str) -> String {
    format!(
        "pub struct Sent;\nimpl {of} for Sent {{\n    const {constant}: &'static str = \"{name}\";\n}}\n{registered}\n"
    )
}

#[test]
fn two_operations_of_one_name_are_refused() {
    let billing = endpoint("get, \"/v1/bills\"", "list_all");
    check(&billing, &endpoint("get, \"/v1/files\"", "list_files")).passes("no boundary is crossed");
    let parts = [
        "error[unique]: the operation list_all is there twice, also in modules/billing/src/lib.rs:",
        "modules/files/src/more.rs:2",
        "rename one of the handlers",
    ];
    check(&billing, &endpoint("get, \"/v1/files\"", "list_all")).fails(1, &parts);
}

#[test]
fn two_operations_of_one_route_are_refused() {
    let billing = endpoint("get, \"/v1/bills/{id}\"", "get_bill");
    for other in ["put, \"/v1/bills/{id}\"", "get, \"/v1/bills/all\"", "get, \"/v1/bills/{id}/lines\""] {
        check(&billing, &endpoint(other, "get_file")).passes("no boundary is crossed");
    }
    let parts = ["the route GET /v1/bills/{bill} is there twice", "modules/files/src/more.rs:1"];
    check(&billing, &endpoint("get, \"/v1/bills/{bill}\"", "get_file")).fails(1, &parts);
}

#[test]
fn two_jobs_events_or_permissions_of_one_name_are_refused() {
    let registered = "fn more(module: Module) -> Module { module.job::<Sent>() }";
    for (of, constant, registered, what) in [
        ("Job", "KIND", registered, "the kind of job files.sent is there twice"),
        ("Event", "NAME", "", "the event files.sent is there twice"),
        ("Permission", "NAME", "", "the permission files.sent is there twice"),
    ] {
        let billing = |name: &str| named(of, constant, name, registered);
        let files = named(of, constant, "files.sent", registered);
        check(&billing("billing.sent"), &files).passes("no boundary is crossed");
        check(&billing("files.sent"), &files)
            .fails(1, &["error[unique]", what, "modules/files/src/more.rs:3"]);
    }
}

#[test]
fn a_name_in_a_test_is_not_the_applications() {
    let job =
        named("Job", "KIND", "files.sent", "fn more(module: Module) -> Module { module.job::<Sent>() }");
    Fixture::good()
        .with("modules/files/src/more.rs", &job)
        .with("modules/files/tests/it/more.rs", &job)
        .check()
        .passes("no boundary is crossed");
}
