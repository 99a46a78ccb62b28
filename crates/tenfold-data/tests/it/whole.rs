//! Relations of a complete list, which are read from its first link to its last, and the bounds on that.

use tenfold_data::{
    Context, DatabaseSettings, Dialect, Entity, EntityExt, Many, MigrationFile, ModuleMigrations, One, OrgId,
    Page, Rows, StatementRecord, SystemContext, id,
};

use crate::bench::Bench;
use crate::people::{self, User};

id!(ShopId);
id!(GoodId);

/// A shop whose goods refer to it without a foreign key, so that they may outlive it.
#[derive(Debug, Entity)]
#[entity(table = "trade_shops", tenant = org_id)]
struct Shop {
    #[entity(key)]
    id: ShopId,
    org_id: OrgId,
    name: String,
    #[entity(has_one(by = shop_id))]
    licence: One<Licence>,
    #[entity(has_many(by = shop_id))]
    goods: Many<Good>,
}

/// A row that each shop has at most once, under its own key.
#[derive(Debug, Entity)]
#[entity(table = "trade_licences", tenant = org_id)]
struct Licence {
    #[entity(key)]
    shop_id: ShopId,
    org_id: OrgId,
    number: i64,
}

#[derive(Debug, Entity)]
#[entity(table = "trade_goods", tenant = org_id)]
struct Good {
    #[entity(key)]
    id: GoodId,
    org_id: OrgId,
    shop_id: ShopId,
    name: String,
}

/// The index of the goods does not include their order.
const TABLES: &str = "
CREATE TABLE trade_shops (org_id uuid NOT NULL, id uuid NOT NULL, name text NOT NULL, PRIMARY KEY (org_id, id));
CREATE TABLE trade_licences (
    org_id uuid NOT NULL, shop_id uuid NOT NULL, number bigint NOT NULL, PRIMARY KEY (org_id, shop_id)
);
CREATE TABLE trade_goods (
    org_id uuid NOT NULL, id uuid NOT NULL, shop_id uuid NOT NULL, name text NOT NULL, PRIMARY KEY (org_id, id)
);
CREATE INDEX trade_goods_by_shop ON trade_goods (org_id, shop_id);
";

async fn migrate(bench: &Bench) {
    let files = &[MigrationFile { name: "0001_trade.sql", text: TABLES }];
    bench.database.migrate(&[ModuleMigrations { module: "trade", files }]).await.unwrap();
}

/// Opens this many shops, each with a licence and the number of goods that `goods_of` returns. The goods are stored in
/// reverse order.
async fn open_shops(cx: &Context, count: usize, goods_of: impl Fn(usize) -> usize) {
    let org_id = cx.tenant();
    let shops: Vec<_> = (0..count)
        .map(|n| Shop {
            id: ShopId(cx.new_id()),
            org_id,
            name: format!("shop {n:04}"),
            licence: One::default(),
            goods: Many::default(),
        })
        .collect();
    let numbers = (0..).zip(&shops);
    let licences = numbers.map(|(number, shop)| Licence { shop_id: shop.id, org_id, number }).collect();
    let goods = shops.iter().enumerate().flat_map(|(n, shop)| {
        (0..goods_of(n)).map(|g| Good {
            id: GoodId(cx.new_id()),
            org_id,
            shop_id: shop.id,
            name: format!("good {g} of {}", shop.name),
        })
    });
    let mut goods: Vec<_> = goods.collect();
    goods.reverse();
    cx.transaction(async |tx| {
        let tx = &tx.repeating("each kind of shop has rows of its own");
        Shop::insert_many(tx, shops).await?;
        Licence::insert_many(tx, licences).await?;
        Good::insert_many(tx, goods).await
    })
    .await
    .unwrap();
}

/// Checks shops; panics if one has another's licence or goods.
async fn look_through(cx: &Context, shops: &Rows<Shop>, goods_of: impl Fn(usize) -> usize) {
    for shop in shops {
        let n: usize = shop.name.trim_start_matches("shop ").parse().unwrap();
        let licence = shop.licence.get(cx).await.unwrap();
        assert_eq!((licence.shop_id, licence.org_id), (shop.id, cx.tenant()));
        assert_eq!(usize::try_from(licence.number), Ok(n));
        let goods = shop.goods.get(cx).await.unwrap();
        assert!(goods.iter().all(|good| good.shop_id == shop.id && good.org_id == cx.tenant()));
        let names = (0..goods_of(n)).map(|g| format!("good {g} of {}", shop.name));
        assert!(goods.iter().map(|good| good.name.clone()).eq(names), "in the order of the keys");
    }
}

/// The names of the statements. Those that read from link to link have a star.
fn ways(statements: &[StatementRecord]) -> Vec<String> {
    let way = |statement: &StatementRecord| {
        let is_between = statement.text.contains("shop_id >= $2 AND");
        format!("{}{}", statement.name, if is_between { "*" } else { "" })
    };
    statements.iter().map(way).collect()
}

const BETWEEN: [&str; 3] =
    ["trade_shops.list", "trade_licences.licence_of_trade_shops*", "trade_goods.goods_of_trade_shops*"];
const BY_LINKS: [&str; 3] =
    ["trade_shops.list", "trade_licences.licence_of_trade_shops", "trade_goods.goods_of_trade_shops"];

on_both_databases!(
    the_relations_of_a_whole_list_are_read_from_link_to_link,
    a_part_of_the_rows_is_looked_up_by_its_links,
    relations_to_somebody_else_or_in_an_order_are_looked_up_by_their_links,
    strays_are_passed_over,
    many_strays_cost_one_statement_more_each_time,
    more_rows_than_are_read_at_once_are_all_there,
    a_transaction_reads_its_own_rows_from_link_to_link,
);

async fn the_relations_of_a_whole_list_are_read_from_link_to_link(bench: Bench) {
    migrate(&bench).await;
    for (count, limit) in [(2, 2), (10, 50), (100, 100), (300, 1_000)] {
        let org = OrgId(bench.database.clock().new_id());
        // Another organization's rows are stored in between, because keys grow with time.
        let other = OrgId(bench.database.clock().new_id());
        bench
            .system(async |system: SystemContext| {
                for _ in 0..3 {
                    open_shops(&system.within(other), 3, |_| 2).await;
                }
                open_shops(&system.within(org), count, |n| n % 4).await;
                open_shops(&system.within(other), 3, |_| 2).await;
            })
            .await;
        bench.statements();
        bench
            .system(async |system: SystemContext| {
                let cx = system.within(org);
                let shops = Shop::query().order_by(Shop::name).limit(limit).all(&cx).await.unwrap();
                assert_eq!(shops.len(), count);
                look_through(&cx, &shops, |n| n % 4).await;
            })
            .await;
        assert_eq!(ways(&bench.statements()), BETWEEN, "{count} shops");
    }
}

async fn a_part_of_the_rows_is_looked_up_by_its_links(bench: Bench) {
    migrate(&bench).await;
    bench.request(async |cx| open_shops(&cx, 20, |_| 2).await).await;
    let seen = async |list: &dyn Fn() -> tenfold_data::EntityQuery<Shop>, keep: usize| {
        bench.statements();
        bench
            .request(async |cx| {
                let shops = list().all(&cx).await.unwrap().take(keep);
                look_through(&cx, &shops, |_| 2).await;
            })
            .await;
        ways(&bench.statements())
    };
    assert_eq!(seen(&|| Shop::query().limit(20), 20).await, BETWEEN);
    assert_eq!(seen(&Shop::query, 20).await, BETWEEN);
    assert_eq!(seen(&|| Shop::query().limit(19), 19).await, BY_LINKS, "there is another one");
    assert_eq!(seen(&|| Shop::query().filter(Shop::name.starts_with("shop")), 20).await, BY_LINKS);
    assert_eq!(seen(&Shop::query, 19).await, BY_LINKS, "one was dropped");
    let first = bench.request(async |cx| {
        let shops = Shop::query().page(&Page::first(5)).all(&cx).await.unwrap();
        shops.listing(Vec::<()>::new()).next_cursor
    });
    let rest = Page { limit: 50, cursor: first.await };
    assert_eq!(seen(&|| Shop::query().page(&rest), 20).await, BY_LINKS, "a page");

    let settings = DatabaseSettings { cohort_size: 10, ..DatabaseSettings::default() };
    let small = bench.reopened(&settings);
    small
        .request(async |cx| {
            let shops = Shop::query().all(&cx).await.unwrap();
            look_through(&cx, &shops, |_| 2).await;
        })
        .await;
    assert!(ways(&small.statements()).iter().all(|way| !way.ends_with('*')), "two cohorts");
}

async fn relations_to_somebody_else_or_in_an_order_are_looked_up_by_their_links(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 5).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            for user in &User::query().all(&cx).await.unwrap() {
                user.account.get(&cx).await.unwrap();
                user.manager.find(&cx).await.unwrap();
            }
        })
        .await;
    assert!(ways(&bench.statements()).iter().all(|way| !way.ends_with('*')));
}

/// Deletes the shops that `closes` selects, but not their goods and licences.
async fn close_shops(cx: &Context, closes: impl Fn(usize) -> bool) {
    let shops = Shop::query().order_by(Shop::name).all(cx).await.unwrap();
    let closed: Vec<_> =
        shops.iter().enumerate().filter(|(n, _)| closes(*n)).map(|(_, shop)| shop.id).collect();
    cx.transaction(async |tx| Shop::query().filter(Shop::id.any_of(closed)).delete(tx).await).await.unwrap();
}

/// Lists all shops and checks them, each of which has this many goods. Returns the statements.
async fn list_and_look(bench: &Bench, goods: usize) -> Vec<StatementRecord> {
    bench.statements();
    bench
        .request(async |cx| {
            let shops = Shop::query().order_by(Shop::name).all(&cx).await.unwrap();
            look_through(&cx, &shops, |_| goods).await;
        })
        .await;
    bench.statements()
}

async fn strays_are_passed_over(bench: Bench) {
    migrate(&bench).await;
    bench.request(async |cx| open_shops(&cx, 60, |_| 2).await).await;
    bench.request(async |cx| close_shops(&cx, |n| n % 2 == 1).await).await;
    assert_eq!(ways(&list_and_look(&bench, 2).await), BETWEEN);
}

async fn many_strays_cost_one_statement_more_each_time(bench: Bench) {
    migrate(&bench).await;
    bench.request(async |cx| open_shops(&cx, 500, |_| 2).await).await;
    // The remaining shops are at both ends.
    bench.request(async |cx| close_shops(&cx, |n| (5..495).contains(&n)).await).await;
    for _ in 0..2 {
        let statements = list_and_look(&bench, 2).await;
        let of =
            |table| statements.iter().filter(move |statement| statement.name.starts_with(table)).cloned();
        let (licences, goods): (Vec<_>, Vec<_>) =
            (of("trade_licences").collect(), of("trade_goods").collect());
        assert_eq!(ways(&licences), [BETWEEN[1], BY_LINKS[1]]);
        assert!(licences[0].rows <= 10 + 16 + 20, "{} rows were read to find 10", licences[0].rows);
        match bench.database.dialect() {
            Dialect::Sqlite => {
                assert_eq!(ways(&goods), [BETWEEN[2], BY_LINKS[2]]);
                assert!(goods[0].rows <= 20 + 16 + 40, "{} rows were read to find 20", goods[0].rows);
            }
            // PostgreSQL cannot be told to stop, so all goods are loaded now.
            Dialect::Postgres => assert_eq!(ways(&goods), BETWEEN[2..]),
        }
    }
}

async fn more_rows_than_are_read_at_once_are_all_there(bench: Bench) {
    migrate(&bench).await;
    bench.request(async |cx| open_shops(&cx, 3, |_| 2_000).await).await;
    for _ in 0..2 {
        let ways = ways(&list_and_look(&bench, 2_000).await);
        assert_eq!(ways, [BETWEEN.as_slice(), &BY_LINKS[2..]].concat());
    }
}

async fn a_transaction_reads_its_own_rows_from_link_to_link(bench: Bench) {
    migrate(&bench).await;
    bench.request(async |cx| open_shops(&cx, 10, |_| 2).await).await;
    bench
        .request(async |cx| {
            let seen = cx.transaction(async |tx| {
                Good::query().delete(tx).await?;
                let shops = Shop::query().all(tx).await?;
                let mut goods = 0;
                for shop in &shops {
                    goods += shop.goods.get(tx).await?.len();
                }
                Ok::<_, tenfold_data::DataError>(goods)
            });
            assert_eq!(seen.await.unwrap(), 0);
        })
        .await;
}
