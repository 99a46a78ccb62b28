//! Every text of `sql!` is one that both databases could run, whether or not some other test runs it.

use std::path::Path;

use tenfold::both_databases;
use tenfold::data::Dialect;
use tenfold::testing::TestApp;
use tenfold_cli::{Place, Statement, statements};

/// The statements of the product, as the sources have them.
fn of_the_product() -> Vec<Statement> {
    statements(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap_or_else(|error| panic!("{error}"))
}

/// What the database says against each statement that it could not run on the migrated schema.
async fn refused(app: &TestApp, statements: &[Statement]) -> Vec<String> {
    let mut refused = Vec::new();
    for Statement { name, sqlite, postgres, place } in statements {
        let text = match app.database().dialect() {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
        };
        if let Err(error) = app.database().check(name, text).await {
            refused.push(format!("{place}: {error}"));
        }
    }
    refused
}

both_databases!(app::app(); async fn every_text_of_sql_is_one_that_the_database_can_run(app) {
    let statements = of_the_product();
    for known in ["auth_sessions.authenticate", "files_usage.take", "tenfold_jobs.claim"] {
        assert!(statements.iter().any(|statement| statement.name == known), "{known} is not among them");
    }
    let refused = refused(app, &statements).await;
    assert!(refused.is_empty(), "{}", refused.join("\n"));
});

both_databases!(app::app(); async fn a_typo_in_a_text_that_no_test_runs_is_found(app) {
    let statement = |name: &str, text: &str| Statement {
        name: name.to_owned(),
        sqlite: text.to_owned(),
        postgres: text.to_owned(),
        place: Place::new("modules/auth/src/never.rs", 7),
    };
    let wrong = [
        statement("wrong.column", "SELECT emial FROM auth_accounts WHERE id = $1"),
        statement("wrong.table", "DELETE FROM auth_acounts WHERE id = $1"),
        statement("wrong.word", "SELECT email FORM auth_accounts"),
        statement("right", "SELECT email FROM auth_accounts WHERE id = $1"),
        statement("wrong.insert", "INSERT INTO auth_accounts (id, email) VALUES ($1)"),
    ];
    let refused = refused(app, &wrong).await;
    assert_eq!(refused.len(), 4, "{refused:?}");
    for (refused, name) in refused.iter().zip(["wrong.column", "wrong.table", "wrong.word", "wrong.insert"]) {
        assert!(refused.starts_with(&format!("modules/auth/src/never.rs:7: {name} at ")), "{refused}");
    }
    assert!(refused[0].contains("emial"), "{}", refused[0]);
});

#[test]
fn names_tell_statements_apart() {
    let mut names: Vec<String> = of_the_product().into_iter().map(|statement| statement.name).collect();
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
    assert!(twice.is_empty(), "metrics and errors could not tell which is meant: {twice:?}");
}
