//! A table has one owner.

use crate::fixture::{Fixture, dependency, manifest};

/// The good workspace with a statement of billing's.
fn statement(text: &str) -> Fixture {
    let source = format!("async fn report() {{\n    sql!(\"billing.report\", r#\"{text}\"#);\n}}\n");
    Fixture::good().with("modules/billing/src/report.rs", &source)
}

/// The good workspace with a migration of billing's.
fn migration(name: &str, text: &str) -> Fixture {
    Fixture::good().with(&format!("modules/billing/migrations/{name}"), text)
}

#[test]
fn a_join_with_another_modules_table_is_refused_on_its_line() {
    let fixture = statement("SELECT i.id\nFROM billing_invoices i\nJOIN auth_users u ON u.id = i.user_id");
    let parts = ["error[tables]", "modules/billing/src/report.rs:4", "`auth_users`, which belongs to auth"];
    fixture.check().fails(1, &parts);
}

#[test]
fn every_kind_of_statement_is_looked_into() {
    for text in [
        "INSERT INTO auth_users (id) VALUES (1)",
        "UPDATE auth_users SET email = 'x'",
        "DELETE FROM auth_users WHERE id IN (SELECT 1)",
        "SELECT (SELECT count(*) FROM auth_users) FROM billing_invoices",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM \"AUTH_USERS\")",
        "INSERT INTO billing_invoices (id) SELECT id FROM auth_users",
        "UPDATE billing_invoices SET id = u.id FROM auth_users u",
        "DELETE FROM billing_invoices USING auth_users u",
        "WITH x AS (DELETE FROM auth_users RETURNING id) SELECT id FROM x",
        "SELECT id FROM public.auth_users FOR UPDATE SKIP LOCKED",
        "INSERT INTO billing_invoices (id) VALUES (1) ON CONFLICT (id) WHERE id > 1 DO UPDATE SET id = (SELECT 1 FROM auth_users)",
        "INSERT OR IGNORE INTO auth_users (id) VALUES (?1)",
        "(SELECT 1 FROM billing_invoices) UNION SELECT 2 FROM auth_users",
        "-- by hand\nSELECT 1 FROM auth_users WHERE org_id = ?1 AND id IN (SELECT value FROM json_each(?2))",
        "TRUNCATE auth_users",
        "COPY auth_users TO STDOUT",
        "BEGIN; DELETE FROM auth_users",
    ] {
        statement(text).check().fails(1, &["error[tables]", "modules/billing/src/report.rs:", "auth_users"]);
    }
}

#[test]
fn common_table_expressions_aliases_and_functions_are_no_tables() {
    for text in [
        "WITH recent AS (SELECT id FROM billing_invoices) SELECT * FROM recent",
        "WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b AS c",
        "WITH RECURSIVE tree AS (SELECT 1 UNION ALL SELECT * FROM tree) SELECT * FROM tree",
        "WITH old AS (SELECT id FROM billing_invoices) DELETE FROM billing_invoices WHERE id IN (SELECT id FROM old)",
        "SELECT value FROM json_each(?1)",
        "INSERT INTO billing_invoices (id) VALUES ($1) ON CONFLICT (id) WHERE paid IS NULL DO UPDATE SET id = 2",
        "SELECT x FROM unnest($1::bigint[]) AS x",
        "SELECT extract(epoch FROM created_at) FROM billing_invoices",
    ] {
        statement(text).check().passes("7 texts of SQL");
    }
}

#[test]
fn a_common_table_expression_does_not_hide_the_table_that_it_reads() {
    let text = "WITH auth_users AS (SELECT * FROM auth_users) SELECT * FROM auth_users";
    statement(text).check().fails(1, &["error[tables]", "auth_users"]);
}

#[test]
fn a_table_without_the_prefix_is_refused() {
    let fixture = Fixture::good().edited("modules/auth/src/lib.rs", "\"auth_users\"", "\"users\"");
    let parts = [
        "error[tables]",
        "modules/auth/src/lib.rs:3",
        "`users`, which lacks its prefix",
        "`auth_users`",
        "error[tenant]", // since the entity of `auth_users` has gone
    ];
    fixture.check().fails(2, &parts);
}

#[test]
fn a_table_of_another_schema_or_of_the_framework_is_refused() {
    statement("SELECT 1 FROM stock.billing_invoices").check().fails(1, &["`stock.billing_invoices`"]);
    statement("DELETE FROM tenfold_jobs").check().fails(1, &["`tenfold_jobs`, a table of the framework"]);
}

#[test]
fn of_two_prefixes_the_longer_one_owns() {
    let fixture = Fixture::good()
        .with("modules/auth-tokens/Cargo.toml", &manifest("auth-tokens", &[]))
        .appended("app/Cargo.toml", &dependency("app", "../modules/auth-tokens"))
        .with("modules/auth-tokens/src/lib.rs", "#[entity(table = \"auth_tokens_keys\")] struct Key;")
        .appended("modules/auth/src/lib.rs", "#[entity(table = \"auth_tokens_keys\")] struct SameKey;");
    let line = fixture.line("modules/auth/src/lib.rs", "auth_tokens_keys");
    let place = format!("modules/auth/src/lib.rs:{line}");
    fixture.check().fails(1, &["error[tables]", &place, "belongs to auth-tokens"]);
}

#[test]
fn an_application_names_no_table_of_a_module() {
    let fixture = Fixture::good()
        .with("app/src/lib.rs", "fn f() { sql!(\"stats\", \"SELECT count(*) FROM files_blobs\"); }");
    fixture.check().fails(1, &["error[tables]", "app/src/lib.rs:1", "app names the table `files_blobs`"]);
}

#[test]
fn no_foreign_key_crosses_a_module() {
    // The last breaks the rule of locks as well.
    for (text, errors) in [
        ("CREATE TABLE billing_plans (\n  owner INTEGER REFERENCES auth_users (id)\n);", 1),
        ("CREATE TABLE billing_plans (owner INTEGER,\n  FOREIGN KEY (owner) REFERENCES auth_users (id));", 1),
        (
            "ALTER TABLE billing_invoices\n  ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES public.auth_users (id);",
            2,
        ),
    ] {
        let parts = [
            "error[foreign-key]",
            "modules/billing/migrations/0002_plans.sql:2",
            "`auth_users`, a table of auth: no foreign key crosses a module",
        ];
        migration("0002_plans.sql", text).check().fails(errors, &parts);
    }
}

#[test]
fn every_definition_in_a_migration_is_looked_into() {
    // Some break the rule of locks as well.
    for (text, errors) in [
        ("CREATE INDEX x ON auth_users (email);", 2),
        ("DROP TABLE IF EXISTS auth_users;", 2),
        ("ALTER TABLE auth_users ADD COLUMN x TEXT;", 1),
        ("CREATE VIEW billing_view AS SELECT * FROM auth_users;", 1),
        ("CREATE VIEW auth_view AS SELECT * FROM billing_invoices;", 1),
        ("CREATE TABLE billing_copy AS SELECT * FROM auth_users;", 1),
        ("CREATE TRIGGER t AFTER INSERT ON auth_users FOR EACH ROW EXECUTE FUNCTION f();", 1),
        ("TRUNCATE TABLE auth_users;", 2),
        ("INSERT INTO auth_users (id) VALUES (1);", 1),
    ] {
        let parts = ["error[tables]", "modules/billing/migrations/0002_x.sql:1", "which belongs to auth"];
        migration("0002_x.sql", text).check().fails(errors, &parts);
    }
}
