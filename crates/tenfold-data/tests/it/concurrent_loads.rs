//! Many requests that load a row each at the same time: on PostgreSQL they share lanes, and nothing else.

use std::net::TcpListener;
use std::time::Duration;

use futures_util::future::join_all;
use tenfold_data::{
    Clock, Context, DataError, Database, DatabaseSettings, Entity, EntityExt, MigrationFile,
    ModuleMigrations, OrgId,
};

use crate::bench::{Bench, one_thread};

/// Different organizations may have pages of the same number.
#[derive(Debug, Entity)]
#[entity(table = "shared_pages", tenant = org_id)]
struct Page {
    #[entity(key)]
    number: i64,
    org_id: OrgId,
    text: String,
}

/// A row without an organization.
#[derive(Debug, Entity)]
#[entity(table = "shared_words", global = "words that all share")]
struct Word {
    #[entity(key)]
    word: String,
    meaning: String,
}

const MIGRATIONS: ModuleMigrations = ModuleMigrations {
    module: "shared",
    files: &[MigrationFile {
        name: "0001_shared.sql",
        text: "CREATE TABLE shared_pages (
                   org_id uuid NOT NULL, number bigint NOT NULL, text text NOT NULL, PRIMARY KEY (org_id, number)
               );
               CREATE TABLE shared_words (word text PRIMARY KEY, meaning text NOT NULL);",
    }],
};

/// The text of a page: its organization and its number.
fn text(org: OrgId, number: i64) -> String {
    format!("{org} {number}")
}

async fn write_pages(cx: &Context, count: i64) {
    let org_id = cx.tenant();
    let pages = (1..=count).map(|number| Page { number, org_id, text: text(org_id, number) }).collect();
    cx.transaction(async |tx| Page::insert_many(tx, pages).await).await.unwrap();
}

/// Loads a page in a request of its own.
async fn read(database: &Database, org: OrgId, number: i64) -> Result<String, DataError> {
    let page = database.run(None, async |system| Page::get(&system.within(org), number).await).await?;
    assert_eq!(page.number, number);
    Ok(page.text.clone())
}

async fn pages(bench: &Bench, count: i64) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench.request(async |cx| write_pages(&cx, count).await).await;
    bench.statements();
}

on_both_databases!(
    each_of_many_requests_has_its_own_organizations_row_or_none,
    a_dropped_request_costs_the_others_nothing,
);

async fn each_of_many_requests_has_its_own_organizations_row_or_none(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    let orgs: Vec<OrgId> = (0..12).map(|_| OrgId(bench.database.clock().new_id())).collect();
    // The first organization has one page, the last has twelve.
    for (count, org) in (1..).zip(&orgs) {
        bench.system(async |system| write_pages(&system.within(*org), count).await).await;
    }
    let words = ["ä", "Zebra", "apple"].map(|word| Word { word: word.into(), meaning: format!("{word}!") });
    let words =
        bench.request(async |cx| cx.transaction(async |tx| Word::insert_many(tx, words.into()).await).await);
    words.await.unwrap();
    let page = async |org: usize, number: i64| {
        let found = read(&bench.database, orgs[org], number).await;
        match usize::try_from(number).unwrap() <= org + 1 {
            true => assert_eq!(found.unwrap(), text(orgs[org], number)),
            false => assert!(matches!(found, Err(DataError::NotFound { .. })), "{found:?}"),
        }
    };
    let word = async |word: &str| {
        let found = bench.system(async |system| Word::find(&system, word.to_owned()).await).await;
        assert_eq!(
            found.unwrap().map(|word| word.meaning.clone()),
            (word != "none").then(|| format!("{word}!"))
        );
    };
    for _ in 0..3 {
        let pages = join_all(
            (0..12).flat_map(|org| (1..=12).map(move |number| (org, number))).map(|(org, n)| page(org, n)),
        );
        let words = join_all(["apple", "none", "ä", "apple", "Zebra"].map(word));
        futures_util::future::join(pages, words).await;
    }
}

async fn a_dropped_request_costs_the_others_nothing(bench: Bench) {
    pages(&bench, 40).await;
    let mut requests: Vec<_> =
        (1..=40).map(|number| Some(Box::pin(read(&bench.database, bench.org, number)))).collect();
    // SQLite answers at once; then no request is left waiting.
    for request in &mut requests {
        if futures_util::poll!(request.as_mut().unwrap()).is_ready() {
            *request = None;
        }
    }
    for (number, request) in (1..).zip(&mut requests) {
        if number % 2 == 0 {
            *request = None;
        }
    }
    for (number, request) in (1..).zip(requests) {
        if let Some(request) = request {
            assert_eq!(request.await.unwrap(), text(bench.org, number));
        }
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_fails_its_own_load_only() {
    let bench = Bench::postgres().await;
    pages(&bench, 30).await;
    // A view in place of the table, which divides by zero for the thirteenth page.
    let view = "ALTER TABLE shared_pages RENAME TO shared_sheets;
                CREATE VIEW shared_pages AS SELECT number, org_id,
                    CASE number WHEN 13 THEN (1 / (number - 13))::text ELSE text END AS text FROM shared_sheets;";
    bench.onlooker().await.batch_execute(view).await.unwrap();
    bench.onlooker().await.batch_execute("GRANT SELECT ON shared_pages TO PUBLIC").await.unwrap();
    let found = join_all((1..=30).map(|number| read(&bench.database, bench.org, number))).await;
    for (number, found) in (1..).zip(found) {
        match (number, found) {
            (13, found) => assert!(found.unwrap_err().to_string().contains("division by zero")),
            (_, found) => assert_eq!(found.unwrap(), text(bench.org, number)),
        }
    }
}

/// Many loads on a runtime that then ends, or is no longer driven, and as many after them.
fn load_on_a_runtime_that_is_left(ends: bool) {
    let (first, second) = (one_thread(), one_thread());
    let bench = first.block_on(Bench::postgres());
    let all = || join_all((1..=20).map(|number| read(&bench.database, bench.org, number)));
    let check = |found: Vec<Result<String, DataError>>| {
        assert!((1..).zip(found).all(|(number, found)| found.unwrap() == text(bench.org, number)));
    };
    first.block_on(async {
        pages(&bench, 20).await;
        // The lanes' connections belong to this runtime.
        check(all().await);
    });
    let mut waiting = Box::pin(all());
    second.block_on(async { assert!(futures_util::poll!(&mut waiting).is_pending()) });
    let _kept = (!ends).then_some(second);
    let in_time = |all| first.block_on(async { tokio::time::timeout(Duration::from_secs(60), all).await });
    check(in_time(Box::pin(all())).unwrap());
    check(in_time(waiting).unwrap());
}

#[test]
fn loads_are_sent_and_hold_nobody_up_whose_runtime_has_ended() {
    load_on_a_runtime_that_is_left(true);
}

#[test]
fn loads_are_sent_and_hold_nobody_up_whose_runtime_is_not_driven_any_more() {
    load_on_a_runtime_that_is_left(false);
}

#[test]
fn a_lane_whose_runtime_ends_while_it_opens_is_opened_again() {
    let (first, second) = (one_thread(), one_thread());
    let bench = first.block_on(Bench::postgres());
    first.block_on(pages(&bench, 20));
    // No load by key has run yet, so the lanes are closed.
    let load = |number| Box::pin(read(&bench.database, bench.org, number));
    let mut waiting: Vec<_> = (1..=20).map(load).collect();
    second.block_on(async {
        for load in &mut waiting {
            assert!(futures_util::poll!(load).is_pending());
        }
    });
    drop(second);
    // The two that were opening the lanes belong to the runtime that has ended.
    drop(waiting.drain(..2));
    let told =
        first.block_on(async { tokio::time::timeout(Duration::from_secs(60), join_all(waiting)).await });
    assert!((3..).zip(told.unwrap()).all(|(number, found)| found.unwrap() == text(bench.org, number)));
}

#[tokio::test]
async fn loads_that_open_lanes_and_are_not_polled_any_more_hold_nobody_up() {
    let bench = Bench::postgres().await;
    pages(&bench, 3).await;
    let load = |number| Box::pin(read(&bench.database, bench.org, number));
    let (mut one, mut other) = (load(1), load(2));
    assert!(futures_util::poll!(&mut one).is_pending() && futures_util::poll!(&mut other).is_pending());
    let third = tokio::time::timeout(Duration::from_secs(60), load(3)).await;
    assert_eq!(third.unwrap().unwrap(), text(bench.org, 3));
    assert_eq!(one.await.unwrap(), text(bench.org, 1));
    assert_eq!(other.await.unwrap(), text(bench.org, 2));
}

#[tokio::test]
async fn a_server_that_accepts_connections_and_says_nothing_is_given_up() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://nobody@{}/none", server.local_addr().unwrap());
    let clock = Clock::system();
    let org = OrgId(clock.new_id());
    let mut settings = DatabaseSettings::default();
    settings.postgres.connect_timeout = Duration::from_millis(100);
    let database = Database::open(&url, &settings, clock, Vec::new()).unwrap();
    for _ in 0..2 {
        let loads = join_all((1..=5).map(|number| read(&database, org, number)));
        let told = tokio::time::timeout(Duration::from_secs(60), loads).await.unwrap();
        assert!(told.iter().all(|told| matches!(told, Err(DataError::Unavailable(_)))), "{told:?}");
    }
}
