//! Migrations: run once, whole or not at all, from one text for both databases.

use futures_util::future::join;
use tenfold_data::{DataError, DatabaseSettings, MigrationFile, ModuleMigrations, sql};

use crate::bench::Bench;

on_both_databases!(
    the_second_run_has_nothing_to_do,
    files_run_in_the_order_of_their_names,
    a_file_that_changed_after_it_ran_is_refused_by_name,
    two_runners_at_the_same_time_run_each_file_once,
    a_failing_file_leaves_nothing_half_done_and_keeps_what_ran_before,
    words_that_are_not_portable_are_refused_with_advice,
    each_database_gets_its_own_text_of_a_pair,
    half_a_pair_is_refused,
    a_text_without_its_last_semicolon_is_refused,
    types_are_mapped_only_where_a_type_stands,
    a_column_added_later_sorts_as_any_other,
    a_table_can_be_dropped,
);

const fn module(files: &'static [MigrationFile]) -> ModuleMigrations {
    ModuleMigrations { module: "shop", files }
}

const fn file(name: &'static str, text: &'static str) -> MigrationFile {
    MigrationFile { name, text }
}

const FIRST: MigrationFile = file("0001_first.sql", "CREATE TABLE shop_first (id uuid PRIMARY KEY);");
const SECOND: MigrationFile = file("0002_second.sql", "ALTER TABLE shop_first ADD COLUMN name text;");

async fn refusal(bench: &Bench, migrations: ModuleMigrations) -> String {
    match bench.database.migrate(&[migrations]).await {
        Err(DataError::Migration(said)) => said,
        other => panic!("{other:?}"),
    }
}

async fn the_second_run_has_nothing_to_do(bench: Bench) {
    let shop = module(&[FIRST, SECOND]);
    let before = bench.database.migration_status(&[shop]).await.unwrap();
    assert!(before.len() == 2 && before.iter().all(|migration| !migration.applied));
    assert_eq!(bench.database.migrate(&[shop]).await.unwrap(), 2);
    assert_eq!(bench.database.migrate(&[shop]).await.unwrap(), 0);
    let after = bench.database.migration_status(&[shop]).await.unwrap();
    assert!(after.iter().all(|migration| migration.applied && migration.module == "shop"));
    assert_eq!((&*after[0].name, &*after[1].name), ("0001_first", "0002_second"));
}

async fn files_run_in_the_order_of_their_names(bench: Bench) {
    assert_eq!(bench.database.migrate(&[module(&[SECOND, FIRST])]).await.unwrap(), 2);
}

async fn a_file_that_changed_after_it_ran_is_refused_by_name(bench: Bench) {
    bench.database.migrate(&[module(&[FIRST])]).await.unwrap();
    const CHANGED: MigrationFile =
        file("0001_first.sql", "CREATE TABLE shop_first (id uuid PRIMARY KEY); -- better");
    let said = refusal(&bench, module(&[CHANGED, SECOND])).await;
    assert!(said.contains("0001_first") && said.contains("shop") && said.contains("restore it"), "{said}");
    let status = bench.database.migration_status(&[module(&[FIRST, SECOND])]).await.unwrap();
    assert!(!status[1].applied, "what follows it does not run either");
}

async fn two_runners_at_the_same_time_run_each_file_once(bench: Bench) {
    let other = bench.reopened(&DatabaseSettings::default());
    let shop = [module(&[FIRST, SECOND])];
    let (first, second) = join(bench.database.migrate(&shop), other.database.migrate(&shop)).await;
    assert_eq!(first.unwrap() + second.unwrap(), 2);
}

async fn a_failing_file_leaves_nothing_half_done_and_keeps_what_ran_before(bench: Bench) {
    const BROKEN: MigrationFile = file(
        "0002_half.sql",
        "CREATE TABLE shop_half (id uuid PRIMARY KEY); INSERT INTO shop_nothing (id) VALUES (NULL);",
    );
    let said = refusal(&bench, module(&[FIRST, BROKEN])).await;
    assert!(said.contains("0002_half") && said.contains("shop_nothing"), "{said}");
    const MENDED: MigrationFile = file("0002_half.sql", "CREATE TABLE shop_half (id uuid PRIMARY KEY);");
    assert_eq!(bench.database.migrate(&[module(&[FIRST, MENDED])]).await.unwrap(), 1);
}

async fn words_that_are_not_portable_are_refused_with_advice(bench: Bench) {
    const TEXTS: [(&str, &str); 7] = [
        (
            "CREATE TABLE shop_x (id uuid PRIMARY KEY, price NUMERIC);",
            "`NUMERIC` is not portable: write bigint",
        ),
        ("CREATE TABLE shop_x (id serial PRIMARY KEY);", "`serial` is not portable: ids are uuid"),
        ("CREATE TABLE shop_x (id uuid PRIMARY KEY, n int);", "write bigint"),
        ("CREATE TABLE shop_x (id uuid PRIMARY KEY, name varchar(20));", "write text, and a CHECK"),
        ("CREATE TABLE shop_x (id uuid PRIMARY KEY, at timestamp);", "write timestamptz"),
        ("CREATE TABLE shop_x (id uuid PRIMARY KEY, data json);", "write jsonb"),
        ("CREATE FUNCTION f() AS $$ SELECT 1 $$;", "functions go into NAME.sqlite.sql and NAME.postgres.sql"),
    ];
    for (text, advice) in TEXTS {
        let files = Box::leak(Box::new([file("0001_types.sql", text)]));
        let said = refusal(&bench, module(files)).await;
        assert!(said.contains(advice) && said.contains("0001_types"), "{said}");
    }
}

async fn each_database_gets_its_own_text_of_a_pair(bench: Bench) {
    const PAIR: [MigrationFile; 2] = [
        file(
            "0001_pair.sqlite.sql",
            "CREATE TABLE shop_pair (engine TEXT); INSERT INTO shop_pair VALUES ('sqlite');",
        ),
        file(
            "0001_pair.postgres.sql",
            "CREATE TABLE shop_pair (engine varchar(20)); INSERT INTO shop_pair VALUES ('postgresql');",
        ),
    ];
    assert_eq!(bench.database.migrate(&[module(&PAIR)]).await.unwrap(), 1);
    assert_eq!(bench.database.migrate(&[module(&PAIR)]).await.unwrap(), 0);
    let engine = bench.system(async |cx| {
        sql!("pair.engine", "SELECT engine FROM shop_pair").all::<(String,), _>(&cx).await
    });
    assert_eq!(engine.await.unwrap(), [(bench.database.dialect().system_name().to_owned(),)]);
}

async fn half_a_pair_is_refused(bench: Bench) {
    for name in ["0001_half.sqlite.sql", "0001_half.postgres.sql"] {
        let files = Box::leak(Box::new([file(name, "SELECT 1;")]));
        let said = refusal(&bench, module(files)).await;
        assert!(
            said.contains("0001_half") && said.contains("both NAME.sqlite.sql and NAME.postgres.sql"),
            "{said}"
        );
    }
}

async fn a_text_without_its_last_semicolon_is_refused(bench: Bench) {
    const OPEN: [MigrationFile; 1] = [file("0001_open.sql", "CREATE TABLE shop_open (id uuid PRIMARY KEY)")];
    assert!(refusal(&bench, module(&OPEN)).await.contains("does not end with a semicolon"));
    for text in ["CREATE TABLE shop_open (id uuid /* PRIMARY KEY);", "INSERT INTO shop_open VALUES ('x);"] {
        let files = Box::leak(Box::new([file("0001_open.sql", text)]));
        assert!(refusal(&bench, module(files)).await.contains("does not end"));
    }
}

async fn types_are_mapped_only_where_a_type_stands(bench: Bench) {
    const TRICKY: [MigrationFile; 1] = [file(
        "0001_tricky.sql",
        "-- numeric and $ in a comment; it's fine
         /* integer; 'serial' */
         CREATE TABLE IF NOT EXISTS shop_tricky (
             uuid uuid NOT NULL, -- uuid
             text text NOT NULL DEFAULT 'numeric ''json'' $1; uuid' CHECK (text <> 'varchar'),
             \"date\" TEXT NOT NULL DEFAULT '',
             weight double precision CHECK (weight >= 0),
             boolean boolean NOT NULL DEFAULT false,
             bytea bytea,
             PRIMARY KEY (uuid),
             UNIQUE (text, uuid),
             CHECK (text <> ''),
             CHECK (uuid IS NOT NULL)
         );
         CREATE INDEX shop_tricky_by_text ON shop_tricky (text, uuid);
         INSERT INTO shop_tricky (uuid, text, weight) SELECT id, 'uuid text', 0.5 FROM people_accounts;
         INSERT INTO shop_tricky (uuid, weight, boolean) SELECT id, 1, true FROM work_projects;",
    )];
    bench.request(async |cx| crate::work::plan(&cx, 0).await).await;
    bench.request(async |cx| crate::people::hire(&cx, 1).await).await;
    assert_eq!(bench.database.migrate(&[module(&TRICKY)]).await.unwrap(), 1);
    let rows = bench.system(async |cx| {
        sql!("tricky.all", "SELECT text, weight, boolean, uuid FROM shop_tricky ORDER BY text")
            .all::<(String, f64, bool, tenfold_data::Uuid), _>(&cx)
            .await
    });
    let rows: Vec<_> =
        rows.await.unwrap().into_iter().map(|(text, weight, flag, _)| (text, weight, flag)).collect();
    let default = "numeric 'json' $1; uuid".to_owned();
    assert_eq!(
        rows,
        [(default.clone(), 1.0, true), (default, 1.0, true), ("uuid text".to_owned(), 0.5, false)]
    );
}

async fn a_column_added_later_sorts_as_any_other(bench: Bench) {
    const LATER: [MigrationFile; 2] = [
        file("0001_first.sql", "CREATE TABLE shop_sorted (id bigint PRIMARY KEY);"),
        file(
            "0002_later.sql",
            "ALTER TABLE shop_sorted ADD COLUMN one text; ALTER TABLE shop_sorted ADD two text;
             INSERT INTO shop_sorted (id, one, two) VALUES (1, 'b', 'b'), (2, 'A', 'A'), (3, 'B', 'B'), (4, 'a', 'a');",
        ),
    ];
    bench.database.migrate(&[module(&LATER)]).await.unwrap();
    bench
        .system(async |cx| {
            let one = sql!("sorted.one", "SELECT one FROM shop_sorted ORDER BY one").all::<(String,), _>(&cx);
            assert_eq!(one.await.unwrap().concat_all(), "ABab");
            let two = sql!("sorted.two", "SELECT two FROM shop_sorted ORDER BY two").all::<(String,), _>(&cx);
            assert_eq!(two.await.unwrap().concat_all(), "ABab");
        })
        .await;
}

trait ConcatAll {
    fn concat_all(self) -> String;
}

impl ConcatAll for Vec<(String,)> {
    fn concat_all(self) -> String {
        self.into_iter().map(|(text,)| text).collect()
    }
}

async fn a_table_can_be_dropped(bench: Bench) {
    const DROPPED: MigrationFile = file("0002_drop.sql", "DROP TABLE shop_first;");
    assert_eq!(bench.database.migrate(&[module(&[FIRST, DROPPED])]).await.unwrap(), 2);
}
