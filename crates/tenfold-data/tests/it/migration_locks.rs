//! Migrations on PostgreSQL that wait for locks, and indexes that are built without blocking writes. On SQLite the same
//! files run.

use std::time::{Duration, Instant};

use futures_util::future::join;
use tenfold_data::{DatabaseSettings, MigrationFile, ModuleMigrations};

use crate::bench::Bench;

const fn module(files: &'static [MigrationFile]) -> ModuleMigrations {
    ModuleMigrations { module: "shop", files }
}

const TABLE: MigrationFile = MigrationFile {
    name: "0001_items.sql",
    text: "CREATE TABLE shop_items (org_id uuid NOT NULL, id uuid NOT NULL, name text NOT NULL,
           PRIMARY KEY (org_id, id));",
};
const COLUMN: MigrationFile =
    MigrationFile { name: "0002_price.sql", text: "ALTER TABLE shop_items ADD COLUMN price bigint;" };
const INDEXES: MigrationFile = MigrationFile {
    name: "0002_by_name.sql",
    text: "-- tenfold: concurrently
           -- For the list by name; it must not hold up writers.
           CREATE INDEX shop_items_by_name ON shop_items (org_id, name);
           CREATE UNIQUE INDEX shop_items_once ON shop_items (org_id, name, id);",
};

on_both_databases!(indexes_of_a_marked_file_are_built_and_recorded, a_marked_file_runs_once_with_two_runners);

async fn indexes_of_a_marked_file_are_built_and_recorded(bench: Bench) {
    assert_eq!(bench.database.migrate(&[module(&[TABLE, INDEXES])]).await.unwrap(), 2);
    assert_eq!(bench.database.migrate(&[module(&[TABLE, INDEXES])]).await.unwrap(), 0);
    let drop = MigrationFile { name: "0003_drop.sql", text: "DROP INDEX shop_items_by_name;" };
    let files = Box::leak(Box::new([TABLE, INDEXES, drop]));
    assert_eq!(bench.database.migrate(&[module(files)]).await.unwrap(), 1, "the index was there");
}

async fn a_marked_file_runs_once_with_two_runners(bench: Bench) {
    let other = bench.reopened(&DatabaseSettings::default());
    let shop = [module(&[TABLE, INDEXES])];
    let (first, second) = join(bench.database.migrate(&shop), other.database.migrate(&shop)).await;
    assert_eq!(first.unwrap() + second.unwrap(), 2);
}

/// A bench on PostgreSQL with the table, whose migrations wait only briefly for a lock.
async fn hasty() -> Bench {
    let mut settings = DatabaseSettings::default();
    settings.postgres.migrate_lock_timeout = Duration::from_millis(100);
    let bench = Bench::postgres().await.reopened(&settings);
    bench.database.migrate(&[module(&[TABLE])]).await.unwrap();
    bench
}

/// Waits until a session of this database waits for a lock.
async fn await_waiter(onlooker: &tokio_postgres::Client) {
    let started = Instant::now();
    let waits = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while onlooker.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        assert!(started.elapsed() < Duration::from_secs(60), "nobody waits for a lock");
    }
}

#[tokio::test]
async fn a_migration_that_cannot_get_its_lock_lets_others_go_first_and_is_tried_again() {
    let bench = hasty().await;
    let (blocker, onlooker) = (bench.onlooker().await, bench.onlooker().await);
    blocker.batch_execute("BEGIN; SELECT count(*) FROM shop_items").await.unwrap();
    let shop = [module(&[TABLE, COLUMN])];
    let migrating = bench.database.migrate(&shop);
    let blocking = async {
        await_waiter(&onlooker).await;
        // Behind a waiting ALTER TABLE even readers wait. They continue when it gives up.
        let begun = Instant::now();
        onlooker.batch_execute("SELECT count(*) FROM shop_items").await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(20), "readers waited {:?}", begun.elapsed());
        blocker.batch_execute("COMMIT").await.unwrap();
    };
    let (ran, ()) = join(migrating, blocking).await;
    assert_eq!(ran.unwrap(), 1);
}

#[tokio::test]
async fn a_migration_that_never_gets_its_lock_is_given_up_and_says_so() {
    let bench = hasty().await;
    let blocker = bench.onlooker().await;
    blocker.batch_execute("BEGIN; SELECT count(*) FROM shop_items").await.unwrap();
    let said = bench.database.migrate(&[module(&[TABLE, COLUMN])]).await.unwrap_err().to_string();
    assert!(said.contains("0002_price") && said.contains("lock timeout"), "{said}");
    blocker.batch_execute("COMMIT").await.unwrap();
    assert_eq!(bench.database.migrate(&[module(&[TABLE, COLUMN])]).await.unwrap(), 1);
}

#[tokio::test]
async fn an_index_of_a_marked_file_lets_writers_go_on_while_it_is_built() {
    let bench = hasty().await;
    let (blocker, writer) = (bench.onlooker().await, bench.onlooker().await);
    let insert = "INSERT INTO shop_items VALUES (gen_random_uuid(), gen_random_uuid(), 'x')";
    // The build waits for this transaction, as it would take long on a large table.
    blocker.batch_execute(&format!("BEGIN; {insert}")).await.unwrap();
    let shop = [module(&[TABLE, INDEXES])];
    let migrating = bench.database.migrate(&shop);
    let writing = async {
        await_waiter(&writer).await;
        let begun = Instant::now();
        writer.batch_execute(insert).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(20), "a writer waited {:?}", begun.elapsed());
        blocker.batch_execute("COMMIT").await.unwrap();
    };
    let (ran, ()) = join(migrating, writing).await;
    assert_eq!(ran.unwrap(), 1);
}

#[tokio::test]
async fn an_index_that_was_interrupted_is_built_again() {
    let bench = hasty().await;
    let superuser = bench.onlooker().await;
    let broken = "CREATE INDEX shop_items_by_name ON shop_items (org_id, name);
                  UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'shop_items_by_name'::regclass;";
    superuser.batch_execute(broken).await.unwrap();
    assert_eq!(bench.database.migrate(&[module(&[TABLE, INDEXES])]).await.unwrap(), 1);
    let valid = "SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 'shop_items'::regclass";
    assert!(superuser.query_one(valid, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test]
async fn a_marked_file_that_holds_something_else_is_refused() {
    let bench = hasty().await;
    let mixed = MigrationFile {
        name: "0002_mixed.sql",
        text: "-- tenfold: concurrently\nCREATE INDEX a ON shop_items (name); DROP TABLE shop_items;",
    };
    let files = Box::leak(Box::new([TABLE, mixed]));
    let said = bench.database.migrate(&[module(files)]).await.unwrap_err().to_string();
    assert!(said.contains("0002_mixed") && said.contains("file of its own"), "{said}");
}
