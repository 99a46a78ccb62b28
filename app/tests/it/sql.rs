//! Every text of `sql!` is one that both databases could run, and keeps to the tables of its module, whether or not some
//! other test runs it.

use std::path::Path;

use tenfold::both_databases;
use tenfold::data::Dialect;
use tenfold::testing::{ModuleText, TestApp};
use tenfold_cli::{FileLine, ProductStatement, statements};

/// Statements that are for a database of their own, by how their names begin.
const ELSEWHERE: &[(&str, &str)] = &[
    ("bench_", "a benchmark makes its tables itself"),
    ("tenfold_why_", "the history of what was recorded is a file of its own"),
];

/// The statements of the product, as the sources have them.
fn of_the_product() -> Vec<ProductStatement> {
    let mut all = statements(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap_or_else(|error| panic!("{error}"));
    all.retain(|statement| !ELSEWHERE.iter().any(|(begin, _)| statement.name.starts_with(begin)));
    all
}

/// What the database says against each statement that it could not run on the migrated schema.
async fn refused(app: &TestApp, statements: &[ProductStatement]) -> Vec<String> {
    let mut refused = Vec::new();
    for ProductStatement { name, sqlite, postgres, place, .. } in statements {
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

both_databases!(app::app(); async fn every_text_of_sql_keeps_to_the_tables_of_its_module(app) {
    let dialect = app.database().dialect();
    let texts: Vec<ModuleText> = of_the_product().into_iter().map(|statement| judged(statement, dialect)).collect();
    let breaches: Vec<String> = app.breaches(&texts).await.iter().map(ToString::to_string).collect();
    assert!(breaches.is_empty(), "{}", breaches.join("\n\n"));
});

both_databases!(app::app(); async fn a_text_on_another_modules_tables_is_found_although_no_test_runs_it(app) {
    let foreign = [
        ("files", "SELECT email FROM auth_accounts WHERE id = $1", "auth_accounts belongs to module auth"),
        ("app", "SELECT count(*) FROM files_usage", "files_usage belongs to module files"),
        ("billing", "DELETE FROM tenfold_jobs WHERE id = $1", "tenfold_jobs belongs to the framework"),
    ];
    let text = |module: &str, text: &str| ModuleText {
        name: "foreign.rows".to_owned(),
        module: module.to_owned(),
        place: "modules/x/src/never.rs:7".to_owned(),
        text: text.to_owned(),
    };
    let texts: Vec<ModuleText> = foreign.iter().map(|(module, sql, _)| text(module, sql)).collect();
    let breaches = app.breaches(&texts).await;
    assert_eq!(breaches.len(), foreign.len());
    for (breach, (module, _, told)) in breaches.iter().map(ToString::to_string).zip(foreign) {
        assert!(breach.starts_with(&format!("foreign.rows (module {module}) reaches past its tables")), "{breach}");
        assert!(breach.contains("asked for at modules/x/src/never.rs:7") && breach.contains(told), "{breach}");
    }
});

/// A statement as its database's guard over rights takes it.
fn judged(statement: ProductStatement, dialect: Dialect) -> ModuleText {
    let text = match dialect {
        Dialect::Sqlite => statement.sqlite,
        Dialect::Postgres => statement.postgres,
    };
    let place = statement.place.to_string();
    ModuleText { name: statement.name, module: statement.module, place, text }
}

both_databases!(app::app(); async fn a_typo_in_a_text_that_no_test_runs_is_found(app) {
    let statement = |name: &str, text: &str| ProductStatement {
        name: name.to_owned(),
        module: "auth".to_owned(),
        sqlite: text.to_owned(),
        postgres: text.to_owned(),
        place: FileLine::new("modules/auth/src/never.rs", 7),
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
