//! PostgreSQL's behaviour that row-level security relies on. If one of these changes, review `migrate/rls.rs` and
//! `driver/postgres/rls.rs`.

use tenfold_data::{OrgId, sql};
use tokio_postgres::Client;

use crate::bench::Bench;
use crate::work;

/// A bench with two tasks of its own organization and four of another, which is returned too.
async fn with_tasks() -> (Bench, OrgId) {
    let bench = Bench::postgres().await;
    let other = OrgId(bench.database.clock().new_id());
    bench
        .system(async |system| {
            work::plan(&system.within(bench.org), 1).await;
            work::plan(&system.within(other), 2).await;
        })
        .await;
    (bench, other)
}

async fn count(client: &Client, table: &str) -> i64 {
    client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await.unwrap().get(0)
}

async fn setting(client: &Client) -> Option<String> {
    client.query_one("SELECT current_setting('tenfold.org', true)", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_plain_set_leaks_into_the_next_transaction_and_set_local_does_not() {
    let (bench, other) = with_tasks().await;
    let runtime = bench.as_runtime().await;
    let local = format!("BEGIN; SET LOCAL tenfold.org = '{}'; COMMIT", bench.org.0);
    runtime.batch_execute(&local).await.unwrap();
    assert_eq!(count(&runtime, "work_tasks").await, 0, "what SET LOCAL said is over");
    let plain = format!("BEGIN; SET tenfold.org = '{}'; COMMIT", other.0);
    runtime.batch_execute(&plain).await.unwrap();
    assert_eq!(count(&runtime, "work_tasks").await, 4, "the next user would act for the other organization");
}

#[tokio::test]
async fn no_connection_of_ours_keeps_an_organization() {
    let (bench, _) = with_tasks().await;
    let kept = sql!(
        "settings.kept",
        "SELECT coalesce(current_setting('tenfold.org', true), '') || current_setting('tenfold.reach', true)"
    );
    for _ in 0..3 {
        let mine = sql!("tasks.mine", "SELECT count(*) FROM work_tasks WHERE org_id = $1");
        bench.request(async |cx| mine.all::<(i64,), _>(&cx).await).await.unwrap();
    }
    let kept = bench.system(async |cx| kept.all::<(String,), _>(&cx).await).await.unwrap();
    assert_eq!(kept, [("system".to_owned(),)]);
}

#[tokio::test]
async fn after_set_local_the_setting_is_empty_and_not_null() {
    let (bench, _) = with_tasks().await;
    let runtime = bench.as_runtime().await;
    assert_eq!(setting(&runtime).await, None);
    assert_eq!(count(&runtime, "work_tasks").await, 0);
    let local = format!("BEGIN; SET LOCAL tenfold.org = '{}'; COMMIT", bench.org.0);
    runtime.batch_execute(&local).await.unwrap();
    assert_eq!(setting(&runtime).await.as_deref(), Some(""));
    // Without `nullif` this would be an error: '' is not a uuid.
    assert_eq!(count(&runtime, "work_tasks").await, 0);
}

#[tokio::test]
async fn the_owner_passes_without_force_and_the_superuser_always() {
    let (bench, _) = with_tasks().await;
    let (owner, superuser) = (bench.as_owner().await, bench.onlooker().await);
    assert_eq!(count(&owner, "work_tasks").await, 0, "FORCE holds the owner too");
    assert_eq!(count(&superuser, "work_tasks").await, 6);
    owner.batch_execute("ALTER TABLE work_tasks NO FORCE ROW LEVEL SECURITY").await.unwrap();
    assert_eq!(count(&owner, "work_tasks").await, 6);
}

#[tokio::test]
async fn a_view_reads_with_its_owners_rights_unless_it_is_told_to_ask_the_caller() {
    let (bench, _) = with_tasks().await;
    let (superuser, runtime) = (bench.onlooker().await, bench.as_runtime().await);
    let views = "CREATE VIEW work_titles AS SELECT title FROM work_tasks;
                 CREATE VIEW work_held WITH (security_invoker = true) AS SELECT title FROM work_tasks;
                 GRANT SELECT ON work_titles, work_held TO tenfold_test_runtime;";
    superuser.batch_execute(views).await.unwrap();
    assert_eq!(count(&runtime, "work_titles").await, 6, "of whatever organization");
    assert_eq!(count(&runtime, "work_held").await, 0);
}

#[tokio::test]
async fn a_view_of_a_migration_asks_the_caller() {
    use tenfold_data::{MigrationFile, ModuleMigrations};
    const VIEW: [MigrationFile; 1] = [MigrationFile {
        name: "0001_view.sql",
        text: "CREATE VIEW shop_titles AS SELECT org_id, title FROM work_tasks;",
    }];
    let (bench, _) = with_tasks().await;
    bench.database.migrate(&[ModuleMigrations { module: "shop", files: &VIEW }]).await.unwrap();
    let titles = sql!("titles.count", "SELECT count(*) FROM shop_titles WHERE org_id = $1 OR title <> ''");
    let seen = bench.request(async |cx| titles.all::<(i64,), _>(&cx).await).await.unwrap();
    assert_eq!(seen, [(2,)]);
    assert_eq!(count(&bench.as_runtime().await, "shop_titles").await, 0);
}

#[tokio::test]
async fn a_materialized_view_shows_everybodys_rows_and_is_not_granted_to_the_role_that_runs() {
    use tenfold_data::{MigrationFile, ModuleMigrations};
    const VIEW: [MigrationFile; 2] = [
        MigrationFile { name: "0001_view.sqlite.sql", text: "SELECT 1;" },
        MigrationFile {
            name: "0001_view.postgres.sql",
            text: "CREATE MATERIALIZED VIEW shop_titles AS SELECT org_id, title FROM work_tasks;",
        },
    ];
    let (bench, _) = with_tasks().await;
    bench.database.migrate(&[ModuleMigrations { module: "shop", files: &VIEW }]).await.unwrap();
    let runtime = bench.as_runtime().await;
    let refused = runtime.query("SELECT * FROM shop_titles", &[]).await.unwrap_err();
    assert_eq!(refused.code(), Some(&tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE));
    let owner = bench.as_owner().await;
    let policy = "ALTER MATERIALIZED VIEW shop_titles ENABLE ROW LEVEL SECURITY";
    assert!(owner.batch_execute(policy).await.is_err(), "PostgreSQL has no policies for it");
    owner.batch_execute("GRANT SELECT ON shop_titles TO tenfold_test_runtime").await.unwrap();
    assert_eq!(count(&runtime, "shop_titles").await, 6, "whoever grants it opens a way past the wall");
}
