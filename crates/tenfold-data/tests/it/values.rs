//! What is read equals what was written, and what one database cannot store both refuse.

use serde_json::json;
use tenfold_data::jiff::Timestamp;
use tenfold_data::jiff::civil::{Date, date};
use tenfold_data::{
    Context, DataError, Entity, EntityExt, MigrationFile, ModuleMigrations, Page, TextEnum, id, sql,
};

use crate::bench::Bench;

on_both_databases!(
    every_type_comes_back_as_it_was_written,
    empty_columns_come_back_empty,
    many_rows_with_and_without_values_are_stored_at_once,
    a_time_is_kept_to_the_microsecond,
    text_is_sorted_and_compared_byte_by_byte_whatever_the_collation,
    json_that_spells_out_an_escaped_nul_is_no_nul,
    a_nul_in_text_is_refused_wherever_it_stands,
    a_small_integer_and_a_date_are_columns,
    numbers_come_back_as_they_went_in,
    sums_means_and_counts_are_read_alike,
    an_enum_is_kept_as_its_name_and_an_unknown_name_is_an_error,
);

id!(SampleId);

#[derive(Clone, Copy, Debug, PartialEq, TextEnum)]
enum Mood {
    Calm,
    VeryExcited,
}

#[derive(Clone, Debug, PartialEq, Entity)]
#[entity(table = "values_samples", global = "values of every type")]
struct Sample {
    #[entity(key)]
    id: SampleId,
    name: String,
    note: Option<String>,
    number: Option<i64>,
    amount: Option<f64>,
    flag: Option<bool>,
    at: Option<Timestamp>,
    data: Option<serde_json::Value>,
    raw: Option<Vec<u8>>,
    other: Option<SampleId>,
    mood: Option<Mood>,
}

const MIGRATIONS: ModuleMigrations = ModuleMigrations {
    module: "values",
    files: &[MigrationFile {
        name: "0001_values.sql",
        text: "CREATE TABLE values_samples (id uuid PRIMARY KEY, name text NOT NULL, note text, number bigint,
               amount double precision, flag boolean, at timestamptz, data jsonb, raw bytea, other uuid, mood text);",
    }],
};

fn bare(cx: &Context, name: &str) -> Sample {
    let (id, name) = (SampleId(cx.new_id()), name.to_owned());
    let (note, number, amount, flag, at) = (None, None, None, None, None);
    Sample { id, name, note, number, amount, flag, at, data: None, raw: None, other: None, mood: None }
}

fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().expect("the test writes a time"))
}

async fn store(cx: &Context, rows: Vec<Sample>) -> Result<(), DataError> {
    let each = "each is refused or taken by itself";
    cx.transaction(async |tx| Sample::insert_many(&tx.repeating(each), rows).await).await.map(|_| ())
}

/// Reads a row in the three ways that rows are read: by key, in a page, in an unbounded list.
async fn read_in_every_way(cx: &Context, id: SampleId) -> [Sample; 3] {
    let cx = &cx.repeating("each is compared by itself");
    let of = || Sample::query().filter(Sample::id.eq(id));
    let by_key = (*Sample::get(cx, id).await.unwrap()).clone();
    let paged = of().first(cx).await.unwrap().unwrap();
    let listed = of().all(cx).await.unwrap().into_iter().next().unwrap();
    [by_key, paged, listed]
}

async fn every_type_comes_back_as_it_was_written(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            let texts =
                ["", " ", "'; DROP TABLE values_samples; --", "Zoë 🦀 \u{202e}\u{fffd}\t\r\n", "1e3", "null"];
            let numbers = [0, 1, -1, i64::MAX, i64::MIN, i64::from(i32::MAX) + 1];
            let amounts = [0.1, f64::MAX, f64::MIN, f64::MIN_POSITIVE, -0.1, 5e-324];
            let times = [
                "1970-01-01T00:00:00Z",
                "1969-12-31T23:59:59.999999Z",
                "2026-02-28T12:34:56.123456Z",
                "0001-01-01T00:00:00Z",
                "9999-12-30T21:59:59.999999Z",
                "1582-10-10T10:10:10Z",
            ];
            let data = [
                json!(null),
                json!({}),
                json!([1, "two", [3.5, {"four": null}]]),
                json!("text"),
                json!({"Zoë": "🦀", "big": i64::MAX, "small": -0.25}),
                json!(true),
            ];
            let bytes = [
                vec![],
                vec![0],
                (0..=255).collect(),
                vec![0xff; 70_000],
                b"text".to_vec(),
                vec![b'\\', b'x'],
            ];
            for n in 0..texts.len() {
                let sample = Sample {
                    note: Some(texts[n].to_owned()),
                    number: Some(numbers[n]),
                    amount: Some(amounts[n]),
                    flag: Some(n % 2 == 0),
                    at: time(times[n]),
                    data: Some(data[n].clone()),
                    raw: Some(bytes[n].clone()),
                    other: Some(SampleId(cx.new_id())),
                    mood: Some([Mood::Calm, Mood::VeryExcited][n % 2]),
                    ..bare(&cx, texts[n])
                };
                store(&cx, vec![sample.clone()]).await.unwrap();
                assert_eq!(read_in_every_way(&cx, sample.id).await, [sample.clone(), sample.clone(), sample]);
            }
        })
        .await;
}

async fn empty_columns_come_back_empty(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            let empty = bare(&cx, "empty");
            store(&cx, vec![empty.clone()]).await.unwrap();
            assert_eq!(read_in_every_way(&cx, empty.id).await, [empty.clone(), empty.clone(), empty.clone()]);
            let change = Sample::update(empty.id)
                .set(Sample::number, Some(3))
                .set(Sample::other, Some(empty.id))
                .set(Sample::data, Some(json!({})));
            cx.transaction(async |tx| change.run(tx).await).await.unwrap();
            let filled = Sample::query().filter(Sample::number.eq(Some(3))).filter(Sample::note.is_null());
            assert_eq!(filled.all(&cx).await.unwrap()[0].other, Some(empty.id));
            let clear = Sample::update(empty.id)
                .set(Sample::number, None)
                .set(Sample::other, None)
                .set(Sample::data, None);
            cx.transaction(async |tx| clear.run(tx).await).await.unwrap();
            assert_eq!(*Sample::get(&cx, empty.id).await.unwrap(), empty);
        })
        .await;
}

async fn many_rows_with_and_without_values_are_stored_at_once(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            let rows: Vec<_> = (0..500)
                .map(|n| Sample {
                    number: (n % 2 == 0).then_some(n),
                    raw: (n % 3 == 0).then(|| vec![0, 1, 2]),
                    data: (n % 5 == 0).then(|| json!([n])),
                    at: (n % 7 == 0).then(|| cx.now()),
                    ..bare(&cx, &format!("{n:03}"))
                })
                .collect();
            store(&cx, rows.clone()).await.unwrap();
            let stored = Sample::query().order_by(Sample::name).all(&cx).await.unwrap();
            assert!(stored.iter().eq(rows.iter()));
        })
        .await;
}

async fn a_time_is_kept_to_the_microsecond(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            for (written, read) in [
                ("2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00.123456Z"),
                ("2026-01-01T00:00:00.000000999Z", "2026-01-01T00:00:00Z"),
            ] {
                let sample = Sample { at: time(written), ..bare(&cx, "now") };
                let id = sample.id;
                store(&cx, vec![sample]).await.unwrap();
                assert_eq!(Sample::get(&cx, id).await.unwrap().at, time(read));
                let found = Sample::query().filter(Sample::at.eq(time(written))).all(&cx).await.unwrap();
                assert_eq!(found.len(), 1, "a filter is cut in the same way");
            }
        })
        .await;
}

async fn text_is_sorted_and_compared_byte_by_byte_whatever_the_collation(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    let mut names = [
        "b", "B", "a", "A", "é", "e", "z", "Z", "É", "ß", "ss", "🦀", "한", "_", "1", "10", "2", " a", "a b",
        "ab", "",
    ];
    bench
        .request(async |cx| {
            store(&cx, names.iter().map(|name| bare(&cx, name)).collect()).await.unwrap();
            names.sort_unstable();
            let sorted = Sample::query().order_by(Sample::name).all(&cx).await.unwrap();
            assert!(sorted.iter().map(|sample| &*sample.name).eq(names));
            let behind = Sample::query().filter(Sample::name.gt("Z".to_owned())).all(&cx).await.unwrap();
            assert_eq!(behind.len(), names.iter().filter(|name| **name > "Z").count());
            let exact = Sample::query().filter(Sample::name.eq("a".to_owned())).all(&cx).await.unwrap();
            assert_eq!(exact.len(), 1, "neither case nor accents nor spaces are equal");
        })
        .await;
}

async fn json_that_spells_out_an_escaped_nul_is_no_nul(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            let sample = Sample { data: Some(json!({ "code": "\\u0000" })), ..bare(&cx, "\\u0000") };
            store(&cx, vec![sample.clone()]).await.unwrap();
            assert_eq!(*Sample::get(&cx, sample.id).await.unwrap(), sample);
        })
        .await;
}

async fn a_nul_in_text_is_refused_wherever_it_stands(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            let good = || bare(&cx, "good");
            for bad in [
                Sample { name: "a\0b".to_owned(), ..good() },
                Sample { note: Some("\0".to_owned()), ..good() },
                Sample { data: Some(json!([{ "deep": "\0" }])), ..good() },
                Sample { data: Some(json!({ "\0": 1 })), ..good() },
            ] {
                let refused = store(&cx, vec![good(), bad]).await.unwrap_err();
                assert!(matches!(refused, DataError::NulInText { .. }), "{refused}");
                assert!(refused.to_string().contains("values_samples.insert"), "{refused}");
            }
            let listed =
                Sample::query().filter(Sample::name.any_of(["a\0".to_owned()])).all(&cx).await.map(|_| ());
            assert!(matches!(listed, Err(DataError::NulInText { .. })), "{listed:?}");
            store(&cx, vec![Sample { raw: Some(vec![0, 0]), ..good() }]).await.unwrap();
            assert_eq!(Sample::query().all(&cx).await.unwrap().len(), 1);
        })
        .await;
}

async fn an_enum_is_kept_as_its_name_and_an_unknown_name_is_an_error(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            let sample = Sample { mood: Some(Mood::VeryExcited), ..bare(&cx, "moody") };
            let id = sample.id;
            store(&cx, vec![sample]).await.unwrap();
            let excited =
                Sample::query().filter(Sample::mood.eq(Some(Mood::VeryExcited))).all(&cx).await.unwrap();
            assert_eq!(excited.len(), 1);
            assert_eq!(Mood::VeryExcited.as_str(), "very_excited");
            let spoil = tenfold_data::sql!(
                "samples.spoil",
                "UPDATE values_samples SET mood = 'grumpy' WHERE id = $1"
            );
            let system = tenfold_data::SystemContext::new(std::sync::Arc::clone(cx.scope()));
            system.transaction(async |tx| spoil.bind(id).all::<(i64,), _>(tx).await).await.unwrap();
            let unknown = Sample::get(&cx, id).await.unwrap_err();
            assert!(matches!(unknown, DataError::Read { .. }), "{unknown}");
            let said = unknown.to_string();
            assert!(said.contains("one of calm, very_excited") && said.contains("grumpy"), "{said}");
        })
        .await;
}

id!(DayId);

#[derive(Clone, Debug, PartialEq, Entity)]
#[entity(table = "calendar_days", global = "days are everybody's")]
struct Day {
    #[entity(key)]
    id: DayId,
    day: Date,
    seats: i32,
    until: Option<Date>,
    taken: Option<i32>,
}

const CALENDAR: ModuleMigrations = ModuleMigrations {
    module: "calendar",
    files: &[MigrationFile {
        name: "0001_calendar.sql",
        text: "CREATE TABLE calendar_days (id uuid PRIMARY KEY, day date NOT NULL, seats integer NOT NULL, until date,
               taken integer);",
    }],
};

async fn a_small_integer_and_a_date_are_columns(bench: Bench) {
    bench.database.migrate(&[CALENDAR]).await.unwrap();
    bench
        .request(async |cx| {
            let day = |day: Date, seats: i32| {
                let (until, taken) = (Some(day).filter(|_| seats > 0), Some(seats).filter(|_| seats < 0));
                Day { id: DayId(cx.new_id()), day, seats, until, taken }
            };
            let days = [
                day(date(-4000, 1, 1), i32::MIN),
                day(date(1969, 12, 31), -1),
                day(date(1970, 1, 1), 0),
                day(date(2024, 2, 29), 1),
                day(date(9999, 12, 31), i32::MAX),
            ];
            cx.transaction(async |tx| Day::insert_many(tx, days.to_vec()).await).await.unwrap();
            // In order, page by page, each read as it was written.
            let mut seen: Vec<Day> = Vec::new();
            let mut page = Page::first(2);
            loop {
                let rows =
                    Day::query().order_by(Day::day).order_by(Day::seats).page(&page).all(&cx).await.unwrap();
                seen.extend(rows.iter().cloned());
                page.cursor = rows.listing(Vec::<()>::new()).next_cursor;
                if page.cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen, days);
            let found = |filter| async { Day::query().filter(filter).count(&cx).await.unwrap() };
            assert_eq!(found(Day::day.ge(date(1970, 1, 1))).await, 3);
            assert_eq!(found(Day::seats.lt(0)).await, 2);
            assert_eq!(found(Day::until.is_null()).await, 3);
            assert_eq!(Day::query().max(&cx, Day::day).await.unwrap(), Some(date(9999, 12, 31)));
            assert_eq!(Day::query().sum(&cx, Day::taken).await.unwrap(), i64::from(i32::MIN) - 1);
            let leap = days[3].id;
            let change = Day::update(leap).set(Day::day, date(2024, 3, 1)).set(Day::taken, Some(7));
            cx.transaction(async |tx| change.run(tx).await).await.unwrap();
            let week = sql!(
                "calendar.week",
                "SELECT day + 7, taken, seats FROM calendar_days WHERE id = $2 OR id = $1"
            );
            let week: Vec<(Date, i32, i64)> = week.bind(leap).all(&cx).await.unwrap();
            assert_eq!(week, [(date(2024, 3, 8), 7, 1)]);
        })
        .await;
}

async fn numbers_come_back_as_they_went_in(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            let written = [-0.0, 0.0, 1e16, -1e16, 1e300, 9_007_199_254_740_993.0, 0.1 + 0.2, 5e-324, 1.0];
            for number in written {
                let sample = Sample {
                    amount: Some(number),
                    data: Some(json!({ "n": number, "list": [number] })),
                    ..bare(&cx, "number")
                };
                store(&cx, vec![sample.clone()]).await.unwrap();
                for read in read_in_every_way(&cx, sample.id).await {
                    // Zero has no sign, on either database.
                    let (amount, data) = (read.amount.unwrap(), read.data.unwrap());
                    assert_eq!(amount.to_bits(), (number + 0.0).to_bits(), "{number}");
                    assert!(data["n"].is_f64(), "{number} became {data}");
                    assert_eq!(data["n"], json!(number));
                }
            }
        })
        .await;
}

async fn sums_means_and_counts_are_read_alike(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .system(async |cx| {
            let numbers = [7_i64, -2, 3];
            let numbers = sql!(
                "numbers.store",
                "INSERT INTO values_samples (id, name, number, amount) VALUES ($1, 'a', $2, 7.5), ($3, 'b', $4, 0.25)"
            )
            .bind(cx.new_id())
            .bind(numbers[0])
            .bind(cx.new_id())
            .bind(numbers[1]);
            cx.transaction(async |tx| numbers.execute(tx).await).await.unwrap();
            let text = sql!(
                "numbers.read",
                "SELECT sum(number), avg(number), count(*), sum(amount), CAST(sum(number) AS bigint) / 2, coalesce(avg(number), 0),
                     count(*) > 1, max(number) FROM values_samples"
            );
            type Read = (i64, f64, i64, f64, i64, f64, bool, i64);
            let rows: Vec<Read> = text.all(&cx).await.unwrap();
            assert_eq!(rows, [(5, 2.5, 2, 7.75, 2, 2.5, true, 7)]);
            let none = sql!(
                "numbers.none",
                "SELECT sum(number), coalesce(sum(number), 0), coalesce(avg(number), 0) FROM values_samples WHERE name = ''"
            );
            let none: Vec<(Option<i64>, i64, f64)> = none.all(&cx).await.unwrap();
            assert_eq!(none, [(None, 0, 0.0)]);
            let no_flag = sql!("numbers.flag", "SELECT count(*) FROM values_samples");
            let refused = no_flag.all::<(bool,), _>(&cx).await.unwrap_err().to_string();
            assert!(refused.contains("numbers.flag") && refused.contains("a boolean"), "{refused}");
        })
        .await;
}
