//! Money: arithmetic that loses nothing, texts and JSON. `till.rs` is about the two columns of an entity.

use std::num::NonZeroU32;

use serde_json::json;
use tenfold_data::{Currency, Money, MoneyError, Percent, Rounding};

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

#[test]
fn the_schema_says_minor_units_and_lists_the_codes() {
    use tenfold_data::utoipa::{PartialSchema, ToSchema};
    let schema = serde_json::to_value(Money::schema()).unwrap();
    assert_eq!(schema["properties"]["amount"]["format"], "int64", "{schema}");
    assert!(
        schema["properties"]["amount"]["description"].as_str().unwrap().contains("minor units"),
        "{schema}"
    );
    assert_eq!(schema["required"], json!(["amount", "currency"]));
    assert_eq!(schema["properties"]["currency"]["$ref"], "#/components/schemas/Currency", "{schema}");
    let mut named = Vec::new();
    Money::schemas(&mut named);
    let (_, currency) = named.iter().find(|(name, _)| name == "Currency").expect("it is defined");
    let codes = serde_json::to_value(currency).unwrap()["enum"].as_array().map(Vec::len);
    assert_eq!(codes, Some(Currency::all().len()));
}
