//! A test of an application fails when what it drives reaches past the tables of a module.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tenfold::data::{Dialect, MigrationFile};
use tenfold::{App, Module, testing};

/// A module whose name takes the table `auth_token_keys`, which auth reads at its start, away from auth.
fn split() -> Module {
    const FILES: &[MigrationFile] = &[MigrationFile {
        name: "0001_split.sql",
        text: "CREATE TABLE auth_token_notes (id uuid PRIMARY KEY);",
    }];
    Module::new("auth-token").migrations(FILES)
}

#[test]
fn a_statement_on_another_modules_table_fails_the_test_that_sent_it() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let app = App::new("split", "0")
            .module(tenfold_mail::module())
            .module(tenfold_auth::module())
            .module(split());
        let test = || {
            testing::run(app, dialect, &[], async |app| {
                assert_eq!(app.get("/docs").send().await.status(), 200)
            })
        };
        let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("auth reads a table of auth-token");
        let told = panic.downcast::<String>().expect("a test fails with a text");
        for part in [
            "statements reach past the tables of their modules:",
            "(module auth) reaches past its tables on ",
            dialect.system_name(),
            "asked for at modules/auth/src/",
            "auth_token_keys belongs to module auth-token: call auth-token through its interface",
        ] {
            assert!(told.contains(part), "{part} is not in {told}");
        }
    }
}
