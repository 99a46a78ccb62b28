//! Money: arithmetic that loses nothing, texts, JSON, and the two columns of an entity.

use std::num::NonZeroU32;

use serde_json::json;
use tenfold_data::{
    Context, Currency, DataError, Entity, EntityExt, EntityRow as _, MigrationFile, ModuleMigrations, Money,
    MoneyError, OrgId, Page, Percent, Rounding, Uuid, sql,
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

/// Numbers that look random and are the same each time.
fn numbers() -> impl Iterator<Item = i64> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Small, medium and large ones of both signs.
        state.cast_signed() >> (state % 60)
    })
}

#[test]
fn two_currencies_are_not_added_and_both_are_named() {
    let (euros, yen) = (eur(1999), Money::new(500, Currency::JPY));
    for refused in [euros.plus(yen), euros.minus(yen), Money::total(Currency::EUR, [euros, yen])] {
        let said = refused.unwrap_err().to_string();
        assert!(said.contains("EUR") && said.contains("500 JPY"), "{said}");
    }
    assert_eq!(euros.plus(eur(1)), Ok(eur(2000)));
    assert_eq!(euros.minus(eur(2000)), Ok(eur(-1)));
}

#[test]
fn what_does_not_fit_is_an_error_and_does_not_wrap() {
    let (least, greatest) = (eur(i64::MIN), eur(i64::MAX));
    let overflows = [
        greatest.plus(eur(1)),
        least.minus(eur(1)),
        least.negated(),
        least.times(-1),
        greatest.times(2),
        eur(i64::MAX / 2 + 1).times(2),
        greatest.percent(Percent::new(101), Rounding::Floor),
        least.percent(Percent::new(-100), Rounding::Floor),
        Money::total(Currency::EUR, [greatest, eur(1)]),
    ];
    for overflow in overflows {
        assert!(matches!(overflow, Err(MoneyError::Overflow(_))), "{overflow:?}");
    }
    assert_eq!(Money::total(Currency::EUR, [greatest, eur(1), eur(-1)]), Ok(greatest));
    assert_eq!(Money::total(Currency::EUR, []), Ok(eur(0)));
    assert_eq!(least.percent(Percent::new(100), Rounding::Floor), Ok(least));
}

#[test]
fn a_division_loses_no_cent() {
    assert_eq!(eur(100).allocate(&[1, 1, 1]).unwrap(), [eur(34), eur(33), eur(33)]);
    assert_eq!(eur(-100).allocate(&[1, 1, 1]).unwrap(), [eur(-34), eur(-33), eur(-33)]);
    assert_eq!(eur(5).allocate(&[0, 1, 0, 1]).unwrap(), [eur(0), eur(3), eur(0), eur(2)]);
    // The part that lost most gets the cent.
    assert_eq!(eur(10).allocate(&[1, 6]).unwrap(), [eur(1), eur(9)]);
    assert_eq!(eur(1).allocate(&[]), Err(MoneyError::NoShares));
    assert_eq!(eur(1).allocate(&[0, 0]), Err(MoneyError::NoShares));
    let mut numbers = numbers();
    for amount in
        [i64::MIN, i64::MAX, 0, 1, -1].into_iter().chain(numbers.by_ref().take(2000)).collect::<Vec<_>>()
    {
        let count = 1 + numbers.next().unwrap().unsigned_abs() % 20;
        let share = |number: i64| u32::try_from(number.unsigned_abs() % (1 << 32)).unwrap();
        let shares: Vec<u32> = numbers.by_ref().take(usize::try_from(count).unwrap()).map(share).collect();
        let Ok(parts) = eur(amount).allocate(&shares) else {
            assert!(shares.iter().all(|share| *share == 0));
            continue;
        };
        assert_eq!(
            Money::total(Currency::EUR, parts.iter().copied()),
            Ok(eur(amount)),
            "{amount} by {shares:?}"
        );
        let whole: i128 = shares.iter().map(|share| i128::from(*share)).sum();
        for (part, share) in parts.iter().zip(&shares) {
            let exact = i128::from(amount) * i128::from(*share);
            let wrong = i128::from(part.amount()) * whole - exact;
            assert!(wrong.abs() < whole, "{part} is a cent or more away from {exact} / {whole}");
            assert!(*share != 0 || part.amount() == 0);
        }
        let parts = eur(amount).split(NonZeroU32::new(u32::try_from(count).unwrap()).unwrap());
        assert_eq!(Money::total(Currency::EUR, parts.iter().copied()), Ok(eur(amount)));
        let amounts = || parts.iter().map(|part| part.amount());
        assert!(amounts().max().unwrap() - amounts().min().unwrap() <= 1);
    }
}

#[test]
fn a_percentage_is_rounded_as_it_says() {
    use Rounding::{AwayFromZero, Ceiling, Floor, HalfAwayFromZero, HalfEven, TowardZero};
    let half = Percent::new(50);
    let rounded = |amount| {
        [HalfEven, HalfAwayFromZero, TowardZero, AwayFromZero, Floor, Ceiling]
            .map(|rounding| eur(amount).percent(half, rounding).unwrap().amount())
    };
    assert_eq!(rounded(5), [2, 3, 2, 3, 2, 3]);
    assert_eq!(rounded(7), [4, 4, 3, 4, 3, 4]);
    assert_eq!(rounded(-5), [-2, -3, -2, -3, -3, -2]);
    assert_eq!(rounded(-7), [-4, -4, -3, -4, -4, -3]);
    assert_eq!(rounded(4), [2; 6]);
    assert_eq!(eur(1999).percent(Percent::new(19), HalfAwayFromZero), Ok(eur(380)));
    assert_eq!(eur(10_000).percent("7.7".parse().unwrap(), HalfEven), Ok(eur(770)));
    assert_eq!(eur(1_000_000).percent("0.0001".parse().unwrap(), Floor), Ok(eur(1)));
    assert_eq!(eur(i64::MAX).percent(Percent::basis_points(10_000), Floor), Ok(eur(i64::MAX)));
    assert_eq!(Percent::basis_points(-1925).to_string(), "-19.25 %");
    assert_eq!(Percent::new(20).to_string(), "20 %");
    for refused in ["", "19,5", "0.00001", "1e2", "%", "99999999999999999"] {
        assert!(refused.parse::<Percent>().is_err(), "{refused}");
    }
}

#[test]
fn a_decimal_has_the_digits_of_its_currency() {
    for (text, currency, amount) in [
        ("19.99", Currency::EUR, 1999),
        ("-0.05", Currency::EUR, -5),
        ("7", Currency::EUR, 700),
        ("7.5", Currency::EUR, 750),
        ("0.00", Currency::EUR, 0),
        ("-0", Currency::EUR, 0),
        ("1999", Currency::JPY, 1999),
        ("1.234", Currency::BHD, 1234),
        ("0007.01", Currency::USD, 701),
        ("92233720368547758.07", Currency::EUR, i64::MAX),
        ("-92233720368547758.08", Currency::EUR, i64::MIN),
    ] {
        assert_eq!(Money::parse(text, currency), Ok(Money::new(amount, currency)), "{text}");
    }
    for (text, currency) in [
        ("19.999", Currency::EUR),
        ("1.0", Currency::JPY),
        ("1.", Currency::EUR),
        (".5", Currency::EUR),
        ("", Currency::EUR),
        ("-", Currency::EUR),
        ("--1", Currency::EUR),
        ("+1", Currency::EUR),
        ("1,000", Currency::EUR),
        ("1 000", Currency::EUR),
        ("1e3", Currency::EUR),
        ("１", Currency::EUR),
        ("NaN", Currency::EUR),
        ("92233720368547758.08", Currency::EUR),
        ("-92233720368547758.09", Currency::EUR),
    ] {
        let refused = Money::parse(text, currency).unwrap_err().to_string();
        assert!(refused.contains(currency.code()), "{refused}");
    }
    let long = Money::parse(&"9".repeat(100_000), Currency::EUR).unwrap_err().to_string();
    assert!(long.len() < 200, "{long}");
    assert_eq!(Money::new(5, Currency::BHD).to_string(), "0.005 BHD");
    assert_eq!(Money::new(i64::MIN, Currency::JPY).to_string(), "-9223372036854775808 JPY");
    for amount in numbers().take(500).chain([i64::MIN, i64::MAX]) {
        for currency in [Currency::EUR, Currency::JPY, Currency::KWD, Currency::UYW] {
            let money = Money::new(amount, currency);
            assert_eq!(money.to_string().parse(), Ok(money));
        }
    }
}

#[test]
fn currencies_have_codes_and_digits() {
    let all = Currency::all();
    assert!(all.len() > 150);
    for currency in all {
        assert_eq!(Currency::of_code(currency.code()), Some(*currency));
        assert_eq!(all.iter().filter(|other| other.code() == currency.code()).count(), 1, "{currency}");
        assert_eq!(currency.minor_units(), 10_i64.pow(u32::from(currency.digits())));
    }
    let digits = [Currency::EUR, Currency::JPY, Currency::BHD, Currency::ISK].map(Currency::digits);
    assert_eq!(digits, [2, 0, 3, 0]);
    for unknown in ["", "eur", "EURO", "XXX", "XAU", "DM", "€"] {
        assert!(unknown.parse::<Currency>().is_err(), "{unknown}");
    }
}

#[test]
fn json_has_the_amount_and_the_currency() {
    let json = json!({"amount": 1999, "currency": "EUR"});
    assert_eq!(serde_json::to_value(eur(1999)).unwrap(), json);
    assert_eq!(serde_json::from_value::<Money>(json).unwrap(), eur(1999));
    for refused in [
        json!({"amount": 19.99, "currency": "EUR"}),
        json!({"amount": "1999", "currency": "EUR"}),
        json!({"amount": 1999}),
        json!({"amount": 1999, "currency": "eur"}),
        json!({"amount": 1999, "currency": "EUR", "major": 19}),
        json!({"amount": 9_223_372_036_854_775_808_u64, "currency": "EUR"}),
        json!("19.99 EUR"),
        json!(null),
    ] {
        assert!(serde_json::from_value::<Money>(refused.clone()).is_err(), "{refused}");
    }
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
