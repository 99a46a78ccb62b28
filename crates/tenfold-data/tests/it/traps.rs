//! Traps that were found by trial, each with the test that guards against it. Those that belong to a larger subject are
//! in its file:
//!
//! - a cast on a parameter is another parameter to SQLite: `refusals`
//! - text with NUL, times finer than a microsecond, a collation that sorts by a language: `values`
//! - `#[track_caller]` on an `async fn` names our line: `cohorts::the_caller_location_is_the_line_that_touched_first`
//! - a load after its scope has ended, or on one that is not driven: `scope`
//! - a transaction or a query inside an open transaction, an error that is swallowed in one: `transactions`
//! - a transaction that waits for something other than the database: `waits`, `transaction_limits`
//! - a load whose entities a rolled back transaction has seen: `relations`
//! - children that yield, tokio's budget, wakers that fire during the poll: `batches`
//! - a lost group, which the disk has ended; a busy writer: `sqlite_writer`

use std::sync::Arc;

use futures_util::future::join;
use tenfold_data::{
    DatabaseSettings, Entity, EntityExt, MigrationFile, ModuleMigrations, SystemContext, id, sql,
};

use crate::bench::Bench;
use crate::people::{self, Account, User};

on_both_databases!(
    a_deferred_foreign_key_is_refused_before_it_can_fail_its_neighbours_commit,
    text_keys_that_look_like_numbers_stay_text,
    a_number_that_is_not_finite_is_refused,
    a_request_that_waits_lets_others_run_on_the_same_thread,
    a_small_request_cache_forgets_and_loads_again,
);

async fn a_deferred_foreign_key_is_refused_before_it_can_fail_its_neighbours_commit(bench: Bench) {
    const TEXT: &str = "CREATE TABLE late_rows (id uuid PRIMARY KEY,
                other uuid REFERENCES people_accounts (id) DEFERRABLE INITIALLY DEFERRED);";
    const FILES: &[MigrationFile] = &[MigrationFile { name: "0001_late.sql", text: TEXT }];
    let refused =
        bench.database.migrate(&[ModuleMigrations { module: "late", files: FILES }]).await.unwrap_err();
    assert!(refused.to_string().contains("a deferred check would fail the whole group"), "{refused}");
}

#[derive(Debug, Entity)]
#[entity(table = "codes_codes", global = "codes that all share")]
struct Code {
    #[entity(key)]
    code: String,
}

async fn text_keys_that_look_like_numbers_stay_text(bench: Bench) {
    const TEXT: &str = "CREATE TABLE codes_codes (code text PRIMARY KEY);";
    const FILES: &[MigrationFile] = &[MigrationFile { name: "0001_codes.sql", text: TEXT }];
    bench.database.migrate(&[ModuleMigrations { module: "codes", files: FILES }]).await.unwrap();
    let codes = ["1", "01", "1.0", "1e3", "1000", "null", "x'31'"];
    bench
        .request(async |cx| {
            let rows = codes.map(|code| Code { code: code.to_owned() }).into();
            cx.transaction(async |tx| Code::insert_many(tx, rows).await).await.unwrap();
            let found = Code::find_many(&cx, codes.map(str::to_owned).into()).await.unwrap();
            let found: Vec<_> = found.iter().flatten().map(|code| &*code.code).collect();
            assert_eq!(found, codes);
        })
        .await;
}

id!(MeasureId);

#[derive(Debug, Entity)]
#[entity(table = "measures_measures", global = "measures that all share")]
struct Measure {
    #[entity(key)]
    id: MeasureId,
    value: Option<f64>,
}

async fn a_number_that_is_not_finite_is_refused(bench: Bench) {
    const TEXT: &str = "CREATE TABLE measures_measures (id uuid PRIMARY KEY, value double precision);";
    const FILES: &[MigrationFile] = &[MigrationFile { name: "0001_measures.sql", text: TEXT }];
    bench.database.migrate(&[ModuleMigrations { module: "measures", files: FILES }]).await.unwrap();
    bench
        .request(async |cx| {
            let row = |value| Measure { id: MeasureId(cx.new_id()), value };
            let kept = cx.transaction(async |tx| row(Some(0.5)).insert(tx).await).await.unwrap();
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let rows = vec![row(Some(1.0)), row(Some(bad))];
                let inserted =
                    cx.transaction(async |tx| Measure::insert_many(tx, rows).await).await.map(drop);
                let change = Measure::update(kept.id).set(Measure::value, Some(bad));
                let changed = cx.transaction(async |tx| change.run(tx).await).await;
                let added = Measure::query().update().add(Measure::value, bad);
                let added = cx.transaction(async |tx| added.run(tx).await).await.map(drop);
                let compared =
                    Measure::query().filter(Measure::value.lt(Some(bad))).exists(&cx).await.map(drop);
                let listed =
                    Measure::query().filter(Measure::value.any_of([Some(bad)])).all(&cx).await.map(drop);
                for refused in [inserted, changed, added, compared, listed] {
                    let told = refused.unwrap_err().to_string();
                    assert!(told.starts_with("value of measures_measures."), "{told}");
                    assert!(told.contains(&format!(" is {bad}: a number is finite")), "{told}");
                }
            }
            assert_eq!(Measure::query().sum(&cx, Measure::value).await.unwrap().to_string(), "0.5");
            // An existing value is read.
            let there = sql!(
                "measures.there",
                sqlite: "UPDATE measures_measures SET value = 9e999 WHERE id = $1",
                postgres: "UPDATE measures_measures SET value = 'Infinity' WHERE id = $1"
            );
            let there = there.bind(kept.id);
            let system = SystemContext::new(Arc::clone(cx.scope()));
            system.transaction(async |tx| there.execute(tx).await).await.unwrap();
            assert_eq!(Measure::get(&cx, kept.id).await.unwrap().value, Some(f64::INFINITY));
        })
        .await;
}

async fn a_request_that_waits_lets_others_run_on_the_same_thread(bench: Bench) {
    let users = bench.request(async |cx| people::hire(&cx, 2).await).await;
    let (tell, told) = tokio::sync::oneshot::channel();
    // The first request can continue only when the second has ended, and this test has one thread for both.
    let waiting = bench.request(async |cx| {
        User::get(&cx, users[0].id).await.unwrap();
        told.await.unwrap();
        User::get(&cx, users[1].id).await.unwrap().id
    });
    let telling = async {
        bench.request(async |cx| User::query().all(&cx).await.unwrap().len()).await;
        tell.send(()).unwrap();
    };
    assert_eq!(join(waiting, telling).await.0, users[1].id);
}

async fn a_small_request_cache_forgets_and_loads_again(bench: Bench) {
    let users = bench.request(async |cx| people::hire(&cx, 12).await).await;
    let settings = DatabaseSettings { request_cache: 10, cohort_size: 1, ..DatabaseSettings::default() };
    let small = bench.reopened(&settings);
    small
        .request(async |cx| {
            let cx = cx.repeating("the cache is what this is about");
            for _ in 0..2 {
                for user in &users[..6] {
                    Account::get(&cx, user.account_id).await.unwrap();
                }
            }
            assert_eq!(cx.scope().cost().statements, 6);
            for user in &users {
                Account::get(&cx, user.account_id).await.unwrap();
            }
            // Six more were loaded. When there were more than ten, all earlier ones were forgotten.
            Account::get(&cx, users[0].account_id).await.unwrap();
            assert_eq!(cx.scope().cost().statements, 13);
        })
        .await;
}

#[tokio::test]
async fn a_slow_batch_holds_up_no_other_of_the_same_flush() {
    let bench = Bench::postgres().await;
    let users = bench.request(async |cx| people::hire(&cx, 2).await).await;
    let onlooker = bench.onlooker().await;
    onlooker.batch_execute("BEGIN; LOCK TABLE people_profiles IN ACCESS EXCLUSIVE MODE").await.unwrap();
    bench
        .request(async |cx| {
            let slow = users[0].profile.get(&cx);
            // Sent by the same flush. Its answer lets the other continue.
            let quick = async {
                let account = users[1].account.get(&cx).await.map(|account| account.id);
                onlooker.batch_execute("COMMIT").await.unwrap();
                account.unwrap()
            };
            let (slow, quick) = join(slow, quick).await;
            assert_eq!((slow.unwrap().user_id, quick), (users[0].id, users[1].account_id));
        })
        .await;
}
