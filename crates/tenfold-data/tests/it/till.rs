//! Money in the columns of an entity: stored, compared, changed and summed.

use tenfold_data::{
    Context, Currency, DataError, Entity, EntityExt, EntityRow as _, MigrationFile, ModuleMigrations, Money,
    OrgId, Page, Uuid, sql,
};

use crate::bench::Bench;

on_both_databases!(
    money_comes_back_as_it_was_stored,
    money_is_compared_within_its_currency,
    money_is_changed_as_a_whole,
    sums_are_told_apart_by_currency,
    a_sum_of_money_that_does_not_fit_is_an_error,
    sums_are_one_organizations_only,
    a_list_is_ordered_by_currency_and_amount,
    half_an_amount_and_an_unknown_currency_are_refused,
);

fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::EUR)
}

#[derive(Debug, Entity)]
#[entity(table = "till_items", tenant = org_id)]
struct Item {
    #[entity(key)]
    id: Uuid,
    org_id: OrgId,
    #[entity(money)]
    price: Money,
    name: String,
    #[entity(money)]
    discount: Option<Money>,
    #[entity(version)]
    version: i64,
}

const MIGRATIONS: ModuleMigrations = ModuleMigrations {
    module: "till",
    files: &[MigrationFile {
        name: "0001_till.sql",
        text: "CREATE TABLE till_items (
                   org_id uuid NOT NULL, id uuid NOT NULL,
                   price_amount bigint NOT NULL,
                   price_currency text NOT NULL CONSTRAINT till_items_price CHECK (length(price_currency) = 3),
                   name text NOT NULL,
                   discount_amount bigint,
                   discount_currency text CONSTRAINT till_items_discount
                       CHECK ((discount_amount IS NULL) = (discount_currency IS NULL)),
                   version bigint NOT NULL,
                   PRIMARY KEY (org_id, id)
               );
               CREATE INDEX till_items_by_price ON till_items (org_id, price_currency, price_amount, id);",
    }],
};

/// Stores items with these prices, named by their position; every second one has its price as a discount, too.
async fn stock(cx: &Context, prices: &[Money]) -> Vec<Item> {
    let item = |(n, price): (usize, &Money)| ItemRow {
        id: cx.new_id(),
        org_id: cx.tenant(),
        price: *price,
        name: n.to_string(),
        discount: (n % 2 == 1).then_some(*price),
        version: 1,
    };
    let items = prices.iter().enumerate().map(item).collect();
    cx.transaction(async |tx| Item::insert_many(tx, items).await).await.unwrap()
}

async fn on_till(bench: &Bench, prices: &[Money], work: impl AsyncFnOnce(&Context, Vec<Item>)) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            let items = stock(&cx, prices).await;
            work(&cx, items).await;
        })
        .await;
}

const PRICES: [(i64, Currency); 6] = [
    (1999, Currency::EUR),
    (500, Currency::JPY),
    (-5, Currency::EUR),
    (i64::MIN, Currency::USD),
    (0, Currency::BHD),
    (i64::MAX, Currency::USD),
];

fn prices() -> [Money; 6] {
    PRICES.map(|(amount, currency)| Money::new(amount, currency))
}

async fn money_comes_back_as_it_was_stored(bench: Bench) {
    on_till(&bench, &prices(), async |cx, items| {
        let one = ItemRow {
            id: cx.new_id(),
            org_id: cx.tenant(),
            price: eur(1),
            name: "6".to_owned(),
            discount: None,
            version: 1,
        };
        cx.transaction(async |tx| one.insert(tx).await).await.unwrap();
        let list = Item::query().order_by(Item::name).all(cx).await.unwrap();
        let stored: Vec<_> = list.iter().map(|item| (item.price, item.discount)).collect();
        let discount = |(n, price): (usize, Money)| (price, (n % 2 == 1).then_some(price));
        let mut expected: Vec<_> = prices().into_iter().enumerate().map(discount).collect();
        expected.push((eur(1), None));
        assert_eq!(stored, expected);
        let found = Item::get(cx, items[1].id).await.unwrap();
        assert_eq!((found.price, found.discount), (prices()[1], Some(prices()[1])));
    })
    .await;
}

async fn money_is_compared_within_its_currency(bench: Bench) {
    on_till(&bench, &prices(), async |cx, _| {
        let named = async |filter| {
            let list = Item::query().filter(filter).order_by(Item::name).all(cx).await.unwrap();
            list.iter().map(|item| item.name.as_str()).collect::<String>()
        };
        assert_eq!(named(Item::price.eq(eur(1999))).await, "0");
        assert_eq!(named(Item::price.eq(Money::new(1999, Currency::USD))).await, "");
        assert_eq!(named(Item::price.lt(eur(1999))).await, "2");
        assert_eq!(named(Item::price.le(eur(1999))).await, "02");
        assert_eq!(named(Item::price.gt(eur(-5))).await, "0");
        assert_eq!(named(Item::price.ge(Money::new(i64::MIN, Currency::USD))).await, "35");
        assert_eq!(named(Item::price.is_in(Currency::USD)).await, "35");
        assert_eq!(named(Item::discount.eq(None)).await, "024");
        assert_eq!(named(Item::discount.eq(Some(prices()[1]))).await, "1");
        assert_eq!(named(Item::discount.ge(Money::zero(Currency::JPY))).await, "1");
        assert_eq!(named(Item::price.lt(eur(0)).or(Item::price.is_in(Currency::BHD))).await, "24");
    })
    .await;
}

async fn money_is_changed_as_a_whole(bench: Bench) {
    on_till(&bench, &prices(), async |cx, items| {
        let change = Item::update(items[0].id)
            .set_money(Item::price, Money::new(7, Currency::KWD))
            .set_money_if(Item::discount, None::<Option<Money>>);
        let drop =
            Item::query().filter(Item::name.ge("1".to_owned())).update().set_money(Item::discount, None);
        cx.transaction(async |tx| {
            change.run(tx).await?;
            drop.run(tx).await
        })
        .await
        .unwrap();
        let list = Item::query().order_by(Item::name).all(cx).await.unwrap();
        assert_eq!(list[0].price, Money::new(7, Currency::KWD));
        assert!(list.iter().all(|item| item.discount.is_none()));
        let add = Item::update(items[0].id).add(Item::price_amount, -10);
        cx.transaction(async |tx| add.run(tx).await).await.unwrap();
        assert_eq!(Item::get(cx, items[0].id).await.unwrap().price, Money::new(-3, Currency::KWD));
    })
    .await;
}

async fn sums_are_told_apart_by_currency(bench: Bench) {
    on_till(&bench, &prices(), async |cx, _| {
        let sums = Item::query().sum_money(cx, Item::price).await.unwrap();
        let expected = [(0, Currency::BHD), (1994, Currency::EUR), (500, Currency::JPY), (-1, Currency::USD)];
        assert_eq!(sums, expected.map(|(amount, currency)| Money::new(amount, currency)));
        let discounts = Item::query().filter(Item::price.is_in(Currency::JPY)).sum_money(cx, Item::discount);
        assert_eq!(discounts.await.unwrap(), [Money::new(500, Currency::JPY)]);
        let none = Item::query().filter(Item::price.is_in(Currency::CHF));
        assert_eq!(none.sum_money(cx, Item::price).await.unwrap(), []);
    })
    .await;
}

async fn a_sum_of_money_that_does_not_fit_is_an_error(bench: Bench) {
    on_till(&bench, &[eur(i64::MAX), eur(1)], async |cx, _| {
        let sum = Item::query().sum_money(cx, Item::price).await;
        assert!(matches!(sum, Err(DataError::OutOfRange { .. })), "{sum:?}");
    })
    .await;
}

async fn sums_are_one_organizations_only(bench: Bench) {
    let other = OrgId(bench.database.clock().new_id());
    on_till(&bench, &[eur(1)], async |cx, _| {
        bench.system(async |system| drop(stock(&system.within(other), &[eur(1000)]).await)).await;
        assert_eq!(Item::query().sum_money(cx, Item::price).await.unwrap(), [eur(1)]);
    })
    .await;
}

async fn a_list_is_ordered_by_currency_and_amount(bench: Bench) {
    on_till(&bench, &prices(), async |cx, _| {
        let (mut seen, mut page) = (String::new(), Page::first(2));
        loop {
            let list = Item::query().order_by(Item::price_currency).order_by(Item::price_amount);
            let rows = list.page(&page).all(cx).await.unwrap();
            seen.extend(rows.iter().map(|item| item.name.clone()));
            let Some(cursor) = rows.listing(Vec::<()>::new()).next_cursor else { break };
            page.cursor = Some(cursor);
        }
        assert_eq!(seen, "420135");
    })
    .await;
}

async fn half_an_amount_and_an_unknown_currency_are_refused(bench: Bench) {
    on_till(&bench, &prices(), async |cx, items| {
        let half = Item::update(items[1].id).set(Item::discount_currency, None);
        let half = cx.transaction(async |tx| half.run(tx).await).await;
        assert!(
            matches!(&half, Err(DataError::Refused { constraint, .. })
            if constraint.name.as_deref() == Some("till_items_discount")),
            "{half:?}"
        );
        let unknown = sql!(
            "till.unknown",
            "UPDATE till_items SET price_currency = 'QQQ' WHERE org_id = $1 AND id = $2"
        );
        cx.transaction(async |tx| unknown.bind(items[0].id).execute(tx).await).await.unwrap();
        let read = Item::query().all(cx).await.map(|rows| rows.len()).unwrap_err().to_string();
        assert!(read.contains("currency") && read.contains("QQQ"), "{read}");
    })
    .await;
}
