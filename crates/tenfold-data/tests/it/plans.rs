//! The plan check finds statements that would walk a large table, on each database, and names the index.

use std::sync::atomic::{AtomicBool, Ordering};

use tenfold_data::testing::plans::{self, BadPlan, Ran};
use tenfold_data::{Context, Dialect, EntityExt, MigrationFile, ModuleMigrations, Page, sql};

use crate::bench::Bench;
use crate::people::{self, Account, Permission, Profile, User, UserId};

on_both_databases!(
    a_filter_that_no_index_serves_is_found_with_the_index_that_is_missing,
    the_index_that_it_names_mends_it,
    each_index_that_is_named_mends_its_statement,
    an_index_that_is_there_is_not_asked_for_again,
    a_scan_across_organizations_is_found,
    a_page_in_an_order_that_no_index_serves_is_found,
    what_the_fixture_asks_for_has_its_indexes,
    nothing_is_left_behind,
);

/// Runs `work` and explains its statements.
pub async fn explained(bench: &Bench, work: impl AsyncFnOnce(Context)) -> Vec<BadPlan> {
    bench.statements();
    bench.request(work).await;
    let ran: Vec<Ran> = bench.statements().iter().map(Ran::of).collect();
    assert_ne!(ran.len(), 0);
    plans::explain(&bench.superuser_url(), &ran).await
}

async fn named_read(cx: Context) {
    let named = Permission::query().filter(Permission::name.eq("read".to_owned()));
    named.limit(10).all(&cx).await.unwrap();
}

async fn a_filter_that_no_index_serves_is_found_with_the_index_that_is_missing(bench: Bench) {
    let bad = explained(&bench, named_read).await;
    assert_eq!(bad.len(), 1);
    let told = bad[0].to_string();
    for part in [
        "people_permissions.list",
        "walks all of an organization's people_permissions, looking for name",
        "tests/it/plans.rs",
        "CREATE INDEX people_permissions_by_name ON people_permissions (org_id, name, id);",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

async fn the_index_that_it_names_mends_it(bench: Bench) {
    let text = "CREATE INDEX people_permissions_by_name ON people_permissions (org_id, name, id);";
    let files: &'static [MigrationFile] =
        Box::leak(Box::new([MigrationFile { name: "0009_index.sql", text }]));
    bench.database.migrate(&[ModuleMigrations { module: "mend", files }]).await.unwrap();
    let bad = explained(&bench, named_read).await;
    assert!(bad.is_empty(), "{}", bad[0]);
}

/// Statements that an index can fix.
async fn bad_ones(cx: Context) {
    named_read(cx.clone()).await;
    Profile::query().order_by(Profile::city).limit(20).all(&cx).await.unwrap();
    User::query().filter(User::name.gt("m".to_owned())).all(&cx).await.unwrap();
    let named = User::query().filter(User::name.starts_with("m")).newest_first();
    named.limit(5).all(&cx).await.unwrap();
    let dark = sql!("test.dark", "SELECT user_id FROM people_settings WHERE org_id = $1 AND theme = $2");
    let _: Vec<(UserId,)> = dark.bind("dark".to_owned()).all(&cx).await.unwrap();
    let mixed =
        sql!("test.mixed", "SELECT id FROM people_users WHERE org_id = $1 ORDER BY name DESC, id LIMIT 3");
    let _: Vec<(UserId,)> = mixed.bounded().all(&cx).await.unwrap();
    let managed = sql!(
        "test.managed",
        "SELECT u.id FROM people_users u JOIN people_users m ON m.org_id = u.org_id AND m.id = u.manager_id
         WHERE u.org_id = $1 AND m.name = $2"
    );
    let _: Vec<(UserId,)> = managed.bind("Ada".to_owned()).all(&cx).await.unwrap();
}

async fn each_index_that_is_named_mends_its_statement(bench: Bench) {
    let found = explained(&bench, bad_ones).await;
    let advised: Vec<(String, String)> = found
        .iter()
        .filter_map(|bad| bad.index.clone().map(|index| (bad.statement.text.clone(), index)))
        .collect();
    assert!(advised.len() >= 4, "{advised:?}");
    let mut indexes: Vec<&str> = advised.iter().map(|(_, index)| &**index).collect();
    indexes.sort_unstable();
    indexes.dedup();
    // The check tried each index by itself. Here all of them exist together, as an author would add them.
    let text: &'static str = Box::leak(indexes.join("\n").into_boxed_str());
    let files: &'static [MigrationFile] =
        Box::leak(Box::new([MigrationFile { name: "0009_indexes.sql", text }]));
    bench.database.migrate(&[ModuleMigrations { module: "mend", files }]).await.unwrap();
    for bad in explained(&bench, bad_ones).await {
        let text = &bad.statement.text;
        assert!(advised.iter().all(|(advised, _)| advised != text), "{bad}");
    }
}

async fn an_index_that_is_there_is_not_asked_for_again(bench: Bench) {
    let bad = explained(&bench, async |cx| {
        // Only the key, in an order that its index does not have.
        let text = sql!(
            "test.key",
            "SELECT id FROM people_users WHERE org_id = $1 AND id > $2 ORDER BY length(name) LIMIT 2"
        );
        let _: Vec<(UserId,)> = text.bind(UserId(cx.new_id())).bounded().all(&cx).await.unwrap();
    })
    .await;
    for bad in bad {
        assert_eq!(bad.index, None, "{bad}");
        assert!(bad.to_string().contains("no index mends it"), "{bad}");
    }
}

/// With a vacuum every moment, while rows come and go, the result is the same each time.
#[tokio::test]
async fn the_verdict_does_not_depend_on_autovacuum() {
    let bench = Bench::postgres().await;
    let onlooker = bench.onlooker().await;
    bench.request(async |cx| people::hire(&cx, 50).await).await;
    bench.statements();
    bench.request(bad_ones).await;
    bench
        .request(async |cx| User::query().order_by(User::name).limit(2).all(&cx).await.map(drop))
        .await
        .unwrap();
    let ran: Vec<Ran> = bench.statements().iter().map(Ran::of).collect();
    let done = AtomicBool::new(false);
    let vacuuming = async {
        while !done.load(Ordering::Acquire) {
            onlooker.batch_execute("VACUUM ANALYZE people_users").await.unwrap();
            onlooker.batch_execute("ANALYZE people_permissions, people_settings").await.unwrap();
        }
    };
    let explaining = async {
        let mut verdicts = Vec::new();
        for _ in 0..6 {
            let bad = plans::explain(&bench.superuser_url(), &ran).await;
            verdicts.push(bad.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
        done.store(true, Ordering::Release);
        verdicts
    };
    let (verdicts, ()) = futures_util::future::join(explaining, vacuuming).await;
    assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{verdicts:#?}");
}

async fn a_scan_across_organizations_is_found(bench: Bench) {
    let bad = explained(&bench, async |cx| {
        let all =
            sql!("test.scan", "SELECT theme FROM people_settings WHERE $1 IS NOT NULL AND theme = 'dark'");
        let on_postgres =
            sql!("test.scan", "SELECT theme FROM people_settings WHERE org_id <> $1 AND theme = 'dark'");
        let is_sqlite = cx.scope().database().dialect() == Dialect::Sqlite;
        let scan = if is_sqlite { all } else { on_postgres };
        let _: Vec<(String,)> = scan.all(&cx).await.unwrap();
    })
    .await;
    assert_eq!(bad.len(), 1);
    assert_eq!(bad[0].fault, "scans all of people_settings");
}

async fn a_page_in_an_order_that_no_index_serves_is_found(bench: Bench) {
    let bad = explained(&bench, async |cx| {
        Profile::query().order_by(Profile::city).limit(20).all(&cx).await.unwrap();
    })
    .await;
    assert_eq!(bad.len(), 1);
    assert_eq!(bad[0].fault, "walks and sorts all of an organization's people_profiles");
    let index = "CREATE INDEX people_profiles_by_city ON people_profiles (org_id, city, id);";
    assert_eq!(bad[0].index.as_deref(), Some(index));
}

async fn what_the_fixture_asks_for_has_its_indexes(bench: Bench) {
    let bad = explained(&bench, async |cx| {
        let users = crate::people::hire(&cx, 3).await;
        Account::query().filter(Account::email.eq("nobody".to_owned())).first(&cx).await.unwrap();
        User::query().order_by(User::name).limit(2).all(&cx).await.unwrap();
        User::query().newest_first().limit(2).all(&cx).await.unwrap();
        for descending in [false, true] {
            let named = || User::query().filter(User::name.starts_with("user")).order_by(User::name);
            let named = || if descending { named().descending() } else { named() };
            let page = named().page(&Page::first(2)).all(&cx).await.unwrap();
            let cursor = page.listing(Vec::<()>::new()).next_cursor;
            let behind = named().page(&Page { limit: 2, cursor }).all(&cx).await.unwrap();
            assert_eq!((page.len(), behind.len()), (2, 1));
        }
        let own = Permission::query().filter(Permission::user_id.eq(users[0].id));
        own.limit(2).all(&cx).await.unwrap();
        for user in &User::query().filter(User::id.any_of([users[0].id, users[1].id])).all(&cx).await.unwrap()
        {
            user.profile.get(&cx).await.unwrap();
            user.permissions.get(&cx).await.unwrap();
            user.manager.find(&cx).await.unwrap();
        }
        User::find(&cx, UserId(cx.new_id())).await.unwrap();
        let update = User::update(users[0].id).set(User::name, "other".to_owned());
        cx.transaction(async |tx| update.run(tx).await).await.unwrap();
        let joined = sql!(
            "test.join",
            "SELECT u.name FROM people_permissions p
             JOIN people_users u ON u.org_id = p.org_id AND u.id = p.user_id
             WHERE p.org_id = $1 AND p.user_id = $2"
        );
        let _: Vec<(String,)> = joined.bind(users[0].id).all(&cx).await.unwrap();
    })
    .await;
    assert!(bad.is_empty(), "{}", bad[0]);
}

async fn nothing_is_left_behind(bench: Bench) {
    explained(&bench, named_read).await;
    let counted = bench
        .request(async |cx| {
            let count = sql!(
                "test.count",
                "SELECT count(*) FROM people_permissions WHERE org_id = $1 OR $1 IS NOT NULL"
            );
            count.all::<(i64,), _>(&cx).await
        })
        .await;
    assert_eq!(counted.unwrap(), [(0,)]);
}

/// The state of a file that was created before there were statistics, and the reason for the seeded ones.
#[tokio::test]
async fn sqlite_without_statistics_walks_the_primary_key_although_there_is_an_index() {
    let bench = Bench::sqlite().await;
    let list = async |cx: Context| {
        let own = Permission::query().filter(Permission::user_id.eq(UserId(cx.new_id())));
        own.newest_first().limit(10).all(&cx).await.unwrap();
    };
    assert_eq!(explained(&bench, list).await.len(), 0);
    let forget = sql!("test.forget", sqlite: "DELETE FROM sqlite_stat1 RETURNING tbl", postgres: "");
    let forgotten = bench
        .system(async |cx| cx.transaction(async |tx| forget.all::<(String,), _>(&*tx).await).await)
        .await;
    assert_ne!(forgotten.unwrap().len(), 0);
    let bad = explained(&bench, list).await;
    assert_eq!(bad.len(), 1);
    assert!(bad[0].plan.contains("PRIMARY KEY (org_id=?)"), "{}", bad[0]);
    // The next start restores them, and every open connection reloads them.
    let drop_table = sql!("test.drop", sqlite: "DROP TABLE sqlite_stat1", postgres: "");
    bench
        .system(async |cx| cx.transaction(async |tx| drop_table.all::<(i64,), _>(&*tx).await).await)
        .await
        .unwrap();
    bench.database.migrate(&[]).await.unwrap();
    assert_eq!(explained(&bench, list).await.len(), 0);
    let plan = sql!(
        "test.plan",
        sqlite: "EXPLAIN QUERY PLAN SELECT id FROM people_permissions WHERE org_id = $1 AND user_id = $2 ORDER BY id",
        postgres: ""
    );
    let plan = plan.bind(bench.org.0).bounded();
    let lines: Vec<(i64, i64, i64, String)> = bench.request(async |cx| plan.all(&cx).await.unwrap()).await;
    assert!(lines[0].3.contains("people_permissions_by_user"), "{lines:?}");
}
