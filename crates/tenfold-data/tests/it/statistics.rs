//! The statistics that SQLite's planner gets, and what happens to them; see decision 22.

use tenfold_data::testing::plans::{self, BadPlan, Ran};
use tenfold_data::{Context, EntityExt as _, OrgId, sql};

use crate::bench::Bench;
use crate::people::{self, Permission, UserId};

/// All rows of the statistics table.
async fn told(bench: &Bench) -> Vec<(String, String, String)> {
    let all =
        sql!("test.told", sqlite: "SELECT tbl, idx, stat FROM sqlite_stat1 ORDER BY tbl, idx", postgres: "");
    bench.system(async |cx| all.all(&cx).await).await.unwrap()
}

fn of_people(told: Vec<(String, String, String)>) -> Vec<(String, String, String)> {
    told.into_iter().filter(|(table, ..)| table.starts_with("people_")).collect()
}

/// The page of one user's permissions, which an index serves.
async fn page(cx: Context) {
    let own = Permission::query().filter(Permission::user_id.eq(UserId(cx.new_id())));
    own.newest_first().limit(10).all(&cx).await.unwrap();
}

/// The faults of the page's plan with the file's own statistics.
async fn judged(bench: &Bench) -> Vec<BadPlan> {
    bench.statements();
    bench.request(page).await;
    let ran: Vec<Ran> = bench.statements().iter().map(Ran::of).collect();
    plans::explain(&bench.superuser_url(), &ran).await
}

/// Runs ANALYZE, which records only the rows that exist now.
async fn analyze(bench: &Bench) {
    let analyze = sql!("test.analyze", sqlite: "ANALYZE", postgres: "");
    let analyzed =
        bench.system(async |cx| cx.transaction(async |tx| analyze.execute(tx).await.map(|_| ())).await);
    analyzed.await.unwrap();
}

/// What sqlite.org recommends for long-lived connections: `ANALYZE` for tables that have grown or shrunk tenfold.
async fn optimize(bench: &Bench) {
    let optimize = sql!("test.optimize", sqlite: "PRAGMA optimize(0x10002)", postgres: "");
    let optimized =
        bench.system(async |cx| cx.transaction(async |tx| optimize.execute(tx).await.map(|_| ())).await);
    optimized.await.unwrap();
}

#[tokio::test]
async fn what_the_planner_is_told_stays_the_same_however_many_rows_there_are_of_whomever() {
    let bench = Bench::sqlite().await;
    let made = told(&bench).await;
    assert_ne!(made.len(), 0);
    // One organization with most of the rows, and many with one.
    bench.request(async |cx| people::hire(&cx, 2000).await).await;
    for _ in 0..50 {
        bench.system(async |cx| people::hire(&cx.within(OrgId(cx.new_id())), 1).await).await;
        bench.request(page).await;
    }
    assert_eq!(judged(&bench).await.len(), 0);
    bench.database.migrate(&[people::MIGRATIONS]).await.unwrap();
    assert_eq!(told(&bench).await, made, "neither use nor another start changes it");
    bench.database.close().await;
    let reopened = bench.reopened(&tenfold_data::DatabaseSettings::default());
    assert_eq!(told(&reopened).await, made, "nor does the end");
}

#[tokio::test]
async fn analyze_of_an_empty_table_takes_the_index_from_a_page_and_the_next_start_gives_it_back() {
    let bench = Bench::sqlite().await;
    let made = told(&bench).await;
    analyze(&bench).await;
    let bad = judged(&bench).await;
    assert_eq!(bad.len(), 1);
    assert!(bad[0].plan.contains("PRIMARY KEY (org_id=?)"), "{}", bad[0]);
    // Rows are added, but the planner does not know.
    bench.request(async |cx| people::hire(&cx, 500).await).await;
    assert_eq!(judged(&bench).await.len(), 1);
    bench.database.migrate(&[people::MIGRATIONS]).await.unwrap();
    assert_eq!(of_people(told(&bench).await), of_people(made));
    assert_eq!(judged(&bench).await.len(), 0);
    assert!(plan(&bench).await.contains("people_permissions_by_user"), "and the open connections know");
}

/// How the application's open connections find the rows of the page. Call it once: a prepared EXPLAIN does not change.
async fn plan(bench: &Bench) -> String {
    let plan = sql!(
        "test.page_plan",
        sqlite: "EXPLAIN QUERY PLAN SELECT * FROM people_permissions WHERE org_id = $1 AND user_id = $2
                 ORDER BY id DESC LIMIT 10",
        postgres: ""
    );
    let plan = plan.bind(bench.org.0).bounded();
    let lines: Vec<(i64, i64, i64, String)> = bench.request(async |cx| plan.all(&cx).await.unwrap()).await;
    lines[0].3.clone()
}

#[tokio::test]
async fn pragma_optimize_would_put_what_there_is_by_chance_in_the_place_of_what_was_told() {
    let bench = Bench::sqlite().await;
    let made = told(&bench).await;
    bench.request(async |cx| people::hire(&cx, 1).await).await;
    optimize(&bench).await;
    let found = told(&bench).await;
    let of = |told: &[(String, String, String)]| {
        told.iter().find(|(_, index, _)| index == "people_permissions_by_user").unwrap().2.clone()
    };
    assert_eq!((&*of(&made), &*of(&found)), ("1000000 10000 100 10 noskipscan", "2 2 2 1"));
}

#[tokio::test]
async fn what_analyze_finds_in_a_full_database_serves_as_well_and_is_left_alone() {
    let bench = Bench::sqlite().await;
    for users in [1000, 20, 20] {
        bench.system(async |cx| people::hire(&cx.within(OrgId(cx.new_id())), users).await).await;
    }
    analyze(&bench).await;
    let found = of_people(told(&bench).await);
    assert_eq!(judged(&bench).await.len(), 0);
    bench.database.migrate(&[people::MIGRATIONS]).await.unwrap();
    assert_eq!(of_people(told(&bench).await), found);
}
