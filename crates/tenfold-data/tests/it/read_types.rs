//! The columns of an author's text are compared with what they are read as, whether or not there is a row.

use tenfold_data::jiff::Timestamp;
use tenfold_data::{
    Context, DataError, Dialect, FromRow, MigrationFile, ModuleMigrations, Pooler, Sql, Uuid, sql,
};

use crate::bench::Bench;

on_both_databases!(
    a_column_of_another_type_is_told_without_a_row,
    a_column_that_is_missing_is_told_without_a_row,
    what_a_column_may_be_read_as_is_read,
);

const MIGRATIONS: ModuleMigrations = ModuleMigrations {
    module: "reads",
    files: &[MigrationFile {
        name: "0001_reads.sql",
        text: "CREATE TABLE reads_rows (id uuid PRIMARY KEY, name text, number bigint, small integer, amount double precision,
               flag boolean, at timestamptz, data jsonb, raw bytea);",
    }],
};

/// The error of reading a text, which returns no row, as `T`.
async fn told<T: FromRow>(cx: &Context, text: &'static Sql) -> String {
    match text.query().all::<T, _>(cx).await {
        Ok(_) => "nothing".to_owned(),
        Err(error @ DataError::Read { .. }) => error.to_string(),
        Err(error) => panic!("{error}"),
    }
}

/// Behind a pooler nothing is prepared, so only rows are compared.
fn is_behind_a_pooler(bench: &Bench) -> bool {
    bench.place().pooler() != Pooler::None
}

macro_rules! text {
    ($columns:literal) => {{
        const TEXT: &str = concat!("SELECT ", $columns, " FROM reads_rows WHERE id = $1");
        static SQL: Sql = Sql::portable("reads.text", "reads", TEXT);
        &SQL
    }};
}

async fn a_column_of_another_type_is_told_without_a_row(bench: Bench) {
    if is_behind_a_pooler(&bench) {
        return;
    }
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    let is_sqlite = bench.database.dialect() == Dialect::Sqlite;
    bench
        .request(async |cx| {
            let wrong = [
                (
                    told::<(i64,)>(&cx, text!("id")).await,
                    "a bigint",
                    "id, uuid: read an id or Uuid",
                    "id, BLOB",
                ),
                (
                    told::<(Uuid,)>(&cx, text!("number")).await,
                    "a uuid",
                    "number, int8: read an i64",
                    "number, INTEGER",
                ),
                (
                    told::<(f64,)>(&cx, text!("name")).await,
                    "a double",
                    "name, text: read a String",
                    "name, TEXT",
                ),
                (
                    told::<(i64,)>(&cx, text!("amount")).await,
                    "a bigint",
                    "amount, float8: read an f64",
                    "amount, REAL",
                ),
                (
                    told::<(Option<bool>,)>(&cx, text!("raw")).await,
                    "a boolean",
                    "raw, bytea: read a Vec<u8>",
                    "raw, BLOB",
                ),
            ];
            for (told, kind, on_postgres, on_sqlite) in wrong {
                assert!(told.starts_with("reads.text at "), "{told}");
                assert!(told.contains(&format!("column 0 should hold {kind}, but holds ")), "{told}");
                assert!(told.contains(if is_sqlite { on_sqlite } else { on_postgres }), "{told}");
                assert!(told.contains(": read ") && told.ends_with(", or CAST it"), "{told}");
            }
            // Times, days, flags and numbers have one type in SQLite, so it cannot tell them apart.
            for told in [told::<(i64,)>(&cx, text!("at")).await, told::<(i64,)>(&cx, text!("flag")).await] {
                assert_eq!(told == "nothing", is_sqlite, "{told}");
            }
        })
        .await;
}

async fn a_column_that_is_missing_is_told_without_a_row(bench: Bench) {
    if is_behind_a_pooler(&bench) {
        return;
    }
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            let one = text!("number");
            // Each time, until it is right.
            for _ in 0..2 {
                let told = told::<(i64, String)>(&cx, one).await;
                assert!(
                    told.contains("column 1 should hold text, but holds nothing: the text has fewer columns"),
                    "{told}"
                );
            }
            assert_eq!(told::<(i64,)>(&cx, one).await, "nothing");
        })
        .await;
}

async fn what_a_column_may_be_read_as_is_read(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            type Columns = (Uuid, Option<String>, i64, i32, f64, bool, Timestamp, serde_json::Value);
            assert_eq!(told::<Columns>(&cx, text!("id, name, number, small, amount, flag, at, data")).await, "nothing");
            type Others = (i64, i64, f64, f64, f64, Vec<u8>, Option<i64>, i64);
            let others = text!("small + 1, (SELECT sum(number) FROM reads_rows), (SELECT avg(number) FROM reads_rows), number, small, raw,
                 (SELECT max(number) FROM reads_rows), (SELECT count(*) FROM reads_rows)");
            assert_eq!(told::<Others>(&cx, others).await, "nothing");
        })
        .await;
    // A text that writes has no columns, whatever it is read as.
    let write = sql!("reads.write", "UPDATE reads_rows SET number = 1 WHERE id = $1");
    let id = bench.database.clock().new_id();
    let written = bench
        .system(async |cx| cx.transaction(async |tx| write.bind(id).all::<(String,), _>(tx).await).await)
        .await;
    assert_eq!(written.unwrap().len(), 0);
}
