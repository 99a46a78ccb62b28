//! Texts that the check finds, and texts that it cannot read.

use crate::fixture::Fixture;

/// A trigger that sqlparser reads in none of its dialects.
const UNREADABLE: &str =
    "CREATE TRIGGER billing_touch AFTER UPDATE OF id ON billing_invoices WHEN NEW.id > 1 BEGIN
  UPDATE billing_invoices SET id = NEW.id FROM billing_a AS a, billing_b WHERE id = OLD.id;
  INSERT INTO billing_log SELECT * FROM billing_invoices RAISE NOTHING HERE;
  DELETE FROM TABLE_NAME;
END;
";

fn billing(source: &str) -> Fixture {
    Fixture::good().with("modules/billing/src/report.rs", source)
}

#[test]
fn a_text_that_no_parser_reads_is_refused() {
    let fixture = billing("fn f() {\n    sql!(\"billing.x\", \"SELECT FROM WHERE )\");\n}");
    fixture.check().fails(1, &["error[sql]", "modules/billing/src/report.rs:2", "this SQL cannot be parsed"]);
}

#[test]
fn a_statement_without_a_literal_is_refused() {
    let fixture = billing("fn f() {\n    sql!(\"billing.x\", TEXT);\n}");
    fixture.check().fails(1, &["error[sql]", "modules/billing/src/report.rs:2", "has no SQL"]);
}

#[test]
fn a_migration_that_no_parser_reads_is_refused_on_its_line() {
    let fixture =
        Fixture::good().with("modules/billing/migrations/0002_x.sql", "SELECT 1;\nCREATE TABLE ;;(");
    fixture.check().fails(1, &["error[sql]", "modules/billing/migrations/0002_x.sql:2", "*.sqlite.sql"]);
}

#[test]
fn a_migration_for_one_database_is_scanned_where_no_parser_reads_it() {
    let path = "modules/billing/migrations/0002_touch.sqlite.sql";
    let good = UNREADABLE.replace("TABLE_NAME", "billing_invoices");
    Fixture::good().with(path, &good).check().passes("7 texts of SQL, 8 tables");
    let bad = UNREADABLE.replace("TABLE_NAME", "auth_users").replace("billing_b ", "auth_sessions ");
    let place_of_list = format!("{path}:2");
    let place_of_delete = format!("{path}:4");
    Fixture::good().with(path, &bad).check().fails(2, &["error[tables]", &place_of_list, &place_of_delete]);
}

#[test]
fn both_texts_of_a_statement_are_read() {
    let fixture = billing(
        "fn f() {\n    sql!(\"billing.now\",\n        sqlite = \"SELECT 1 FROM billing_invoices\",\n        \
         postgres = \"SELECT 1 FROM auth_users\");\n}",
    );
    fixture.check().fails(1, &["error[tables]", "modules/billing/src/report.rs:4"]);
}

#[test]
fn a_bound_value_and_a_name_in_words_are_no_texts() {
    let fixture = billing(
        "fn f() { sql!(\"select by state\", \"SELECT 1 FROM billing_invoices\", \"open or late\"); }",
    );
    fixture.check().passes("no boundary is crossed");
}

#[test]
fn a_statement_inside_another_macro_is_found() {
    for source in [
        "fn f() { join!(a(), tenfold::sql!(\"x\", \"SELECT 1 FROM auth_users\").all(cx)); }",
        "macro_rules! m { ($x:expr) => { sql!(\"x\", \"SELECT 1 FROM auth_users\").bind($x) }; }",
        "fn f() { select! { a = g() => { sql!(\"x\", \"SELECT 1 FROM auth_users\") } } }",
        "fn f() { block! { let x = sql!(\"x\", \"SELECT 1 FROM auth_users\"); x.run() } }",
    ] {
        billing(source).check().fails(1, &["error[tables]", "modules/billing/src/report.rs:1", "auth_users"]);
    }
}

#[test]
fn statements_in_a_modules_tests_keep_to_its_tables_too() {
    let source = "#[test]\nfn x() {\n    sql!(\"x\", \"SELECT 1 FROM auth_users\");\n}";
    let fixture = Fixture::good().with("modules/billing/tests/it/main.rs", source);
    fixture.check().fails(1, &["error[tables]", "modules/billing/tests/it/main.rs:3"]);
}

#[test]
fn a_source_that_is_no_rust_is_refused() {
    billing("fn f() {}\nfn {").check().fails(1, &["error[sources]", "modules/billing/src/report.rs:2"]);
}
