//! The list of a workspace's statements, for the test that has databases prepare them.

use tenfold_cli::{CheckError, statements};

use crate::fixture::Fixture;

#[test]
fn the_product_s_statements_are_listed_with_their_texts_and_places() {
    let source = "fn f() {\n    sql!(\"billing.one\", \"SELECT 1\");\n    sql!(\n        \"billing.two\",\n        \
                  sqlite: \"SELECT 2\",\n        postgres: \"SELECT 3\"\n    );\n}";
    let fixture = Fixture::good()
        .with("modules/billing/src/extra.rs", source)
        .with("modules/billing/tests/it.rs", "fn f() { sql!(\"test.only\", \"SELECT 4\"); }");
    let found = statements(fixture.root()).expect("the workspace is read");
    let extra: Vec<_> = found.iter().filter(|found| found.place.path.ends_with("extra.rs")).collect();
    let shown: Vec<_> = extra.iter().map(|found| (&*found.name, &*found.sqlite, &*found.postgres)).collect();
    assert_eq!(shown, [("billing.one", "SELECT 1", "SELECT 1"), ("billing.two", "SELECT 2", "SELECT 3")]);
    assert_eq!(extra.iter().map(|found| found.place.line).collect::<Vec<_>>(), [2, 3]);
    assert!(found.iter().all(|found| found.name != "test.only"));
}

#[test]
fn a_statement_without_a_name_is_an_error_with_its_line() {
    let fixture =
        Fixture::good().with("modules/billing/src/extra.rs", "fn f() {\n    sql!(\"SELECT 1\");\n}");
    let error = statements(fixture.root()).expect_err("the macro takes a name first");
    assert!(matches!(error, CheckError::Source { .. }), "{error}");
    assert!(error.to_string().starts_with("modules/billing/src/extra.rs:2: "), "{error}");
}
