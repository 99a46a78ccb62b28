//! What a list can do: conditions, order, counts and sums.

use tenfold_data::jiff::ToSpan as _;
use tenfold_data::{Context, DataError, Entity, EntityExt, EntityQuery, OrgId, Page};

use crate::bench::Bench;
use crate::ledger::names;
use crate::shelf::{self, Book, Review};

on_both_databases!(
    every_comparison_means_what_it_means_in_rust,
    nothing_equals_nothing_and_differs_from_everything_else,
    text_begins_with_a_prefix_letter_by_letter,
    either_of_two_conditions_is_enough,
    a_list_is_ordered_by_several_columns_and_turned_round,
    pages_by_a_time_and_by_a_double_cover_the_list_once,
    rows_are_counted_and_looked_for_without_being_read,
    a_count_with_a_limit_goes_no_further,
    sums_and_means_of_numbers,
    the_least_and_the_greatest_of_every_type,
    of_no_values_the_sum_is_zero_and_the_rest_is_none,
    a_sum_that_does_not_fit_is_an_error,
    what_is_added_up_is_one_organizations_only,
    inside_a_transaction_its_own_rows_are_counted,
);

/// Books with these numbers of pages, copies sold and prices; each was published an hour after the one before.
async fn stack(cx: &Context, books: &[(i64, Option<i64>, Option<f64>)]) {
    let first = cx.now();
    let book = |(n, (pages, sold, price)): (usize, &(i64, Option<i64>, Option<f64>))| {
        let published_at = first + i64::try_from(n).unwrap().hours();
        let (pages, sold, price) = (*pages, *sold, *price);
        Book { pages, sold, price, published_at, ..shelf::book(cx, &format!("{n}")) }
    };
    let books = books.iter().enumerate().map(book).collect();
    cx.transaction(async |tx| Book::insert_many(tx, books).await).await.unwrap();
}

/// The titles of a list, concatenated.
async fn titles(cx: &Context, list: EntityQuery<Book>) -> String {
    list.all(cx).await.unwrap().iter().map(|book| book.title.as_str()).collect()
}

const FIVE: [(i64, Option<i64>, Option<f64>); 5] = [
    (10, Some(1), Some(1.5)),
    (20, None, None),
    (20, Some(3), Some(-0.25)),
    (5, Some(-3), Some(9.75)),
    (40, Some(0), None),
];

async fn every_comparison_means_what_it_means_in_rust(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            stack(&cx, &FIVE).await;
            let list = |filter| titles(&cx, Book::query().filter(filter));
            assert_eq!(list(Book::pages.eq(20)).await, "12");
            assert_eq!(list(Book::pages.ne(20)).await, "034");
            assert_eq!(list(Book::pages.lt(20)).await, "03");
            assert_eq!(list(Book::pages.le(20)).await, "0123");
            assert_eq!(list(Book::pages.gt(20)).await, "4");
            assert_eq!(list(Book::pages.ge(20)).await, "124");
            assert_eq!(list(Book::pages.any_of([5, 40, 7])).await, "34");
            assert_eq!(list(Book::pages.any_of([])).await, "");
        })
        .await;
}

async fn nothing_equals_nothing_and_differs_from_everything_else(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            stack(&cx, &FIVE).await;
            let list = |filter| titles(&cx, Book::query().filter(filter));
            assert_eq!(list(Book::sold.eq(None)).await, "1");
            assert_eq!(list(Book::sold.ne(None)).await, "0234");
            assert_eq!(list(Book::sold.ne(Some(3))).await, "0134", "what holds nothing is not 3 either");
            assert_eq!(list(Book::sold.any_of([None, Some(3), Some(7)])).await, "12");
            assert_eq!(list(Book::sold.lt(Some(0))).await, "3");
            assert_eq!(list(Book::sold.gt(None)).await, "");
            assert_eq!(list(Book::sold.is_null()).await, "1");
            assert_eq!(list(Book::sold.is_not_null()).await, "0234");
        })
        .await;
}

async fn text_begins_with_a_prefix_letter_by_letter(bench: Bench) {
    shelf::migrate(&bench).await;
    let all =
        ["", "a", "A", "ab", "a%", "a_b", "b", "\u{d7ff}x", "\u{e000}", "é", "\u{10ffff}", "\u{10ffff}a"];
    bench
        .request(async |cx| {
            let books = all.map(|title| shelf::book(&cx, title)).into();
            cx.transaction(async |tx| Book::insert_many(tx, books).await).await.unwrap();
            for prefix in ["", "a", "a%", "a_", "ab", "b", "\u{d7ff}", "é", "\u{10ffff}", "\u{10ffff}a", "zz"]
            {
                let found = Book::query().filter(Book::title.starts_with(prefix)).all(&cx).await.unwrap();
                let found: Vec<_> = found.iter().map(|book| &*book.title).collect();
                let expected: Vec<_> = all.into_iter().filter(|title| title.starts_with(prefix)).collect();
                assert_eq!(found, expected, "begins with {prefix:?}");
            }
        })
        .await;
}

async fn either_of_two_conditions_is_enough(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            stack(&cx, &FIVE).await;
            let either = || Book::pages.lt(10).or(Book::sold.is_null()).or(Book::title.starts_with("4"));
            assert_eq!(titles(&cx, Book::query().filter(either())).await, "134");
            let and_more = Book::query().filter(either()).filter(Book::pages.gt(5));
            assert_eq!(titles(&cx, and_more).await, "14", "a second filter must hold as well");
        })
        .await;
}

async fn a_list_is_ordered_by_several_columns_and_turned_round(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            stack(&cx, &FIVE).await;
            let by_pages = || Book::query().order_by(Book::pages);
            assert_eq!(titles(&cx, by_pages()).await, "30124", "the key decides between equals");
            assert_eq!(titles(&cx, by_pages().descending()).await, "42103");
            let then_title = || Book::query().order_by(Book::pages).order_by(Book::title);
            assert_eq!(titles(&cx, then_title().descending()).await, "42103");
            assert_eq!(titles(&cx, Book::query().newest_first()).await, "43210");
        })
        .await;
}

async fn pages_by_a_time_and_by_a_double_cover_the_list_once(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            stack(&cx, &FIVE).await;
            let by_time = || Book::query().order_by(Book::published_at).descending();
            assert_eq!(walk(&cx, by_time).await, "43210");
            let priced: Vec<_> = [0.1, 0.1 + 0.2, 0.3, 5e-324, f64::MAX, -1e-7]
                .into_iter()
                .enumerate()
                .map(|(n, price)| PricedBook { price, ..PricedBook::of(&shelf::book(&cx, &format!("p{n}"))) })
                .collect();
            cx.transaction(async |tx| PricedBook::insert_many(tx, priced).await).await.unwrap();
            let mut found = Vec::new();
            let mut page = Page::first(1);
            loop {
                let named = PricedBook::query().filter(PricedBook::title.starts_with("p"));
                let books = named.order_by(PricedBook::price).page(&page).all(&cx).await.unwrap();
                found.extend(books.iter().map(|book| book.price));
                match books.listing(Vec::<()>::new()).next_cursor {
                    Some(cursor) => page.cursor = Some(cursor),
                    None => break,
                }
            }
            assert_eq!(found, [-1e-7, 5e-324, 0.1, 0.3, 0.1 + 0.2, f64::MAX]);
        })
        .await;
}

async fn walk(cx: &Context, list: impl Fn() -> EntityQuery<Book>) -> String {
    let (mut found, mut page) = (String::new(), Page::first(2));
    loop {
        let books = list().page(&page).all(cx).await.unwrap();
        found.extend(books.iter().map(|book| book.title.as_str()));
        match books.listing(Vec::<()>::new()).next_cursor {
            Some(cursor) => page.cursor = Some(cursor),
            None => return found,
        }
    }
}

/// A book that always has a price, so that a list can be ordered by it.
#[derive(Debug, Entity)]
#[entity(table = "shelf_books", tenant = org_id)]
struct PricedBook {
    #[entity(key)]
    id: shelf::BookId,
    org_id: OrgId,
    title: String,
    pages: i64,
    price: f64,
    published_at: tenfold_data::Timestamp,
    version: i64,
}

impl PricedBook {
    fn of(book: &Book) -> Self {
        let (title, price) = (book.title.clone(), book.price.unwrap_or_default());
        let Book { id, org_id, pages, published_at, version, .. } = *book;
        PricedBook { id, org_id, title, pages, price, published_at, version }
    }
}

async fn rows_are_counted_and_looked_for_without_being_read(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            assert_eq!(Book::query().count(&cx).await.unwrap(), 0);
            assert!(!Book::query().exists(&cx).await.unwrap());
            stack(&cx, &FIVE).await;
            bench.statements();
            assert_eq!(Book::query().count(&cx).await.unwrap(), 5);
            assert_eq!(
                Book::query().filter(Book::pages.eq(20)).order_by(Book::title).count(&cx).await.unwrap(),
                2
            );
            assert!(Book::query().filter(Book::pages.eq(40)).exists(&cx).await.unwrap());
            assert!(!Book::query().filter(Book::pages.eq(41)).exists(&cx).await.unwrap());
        })
        .await;
    let ran = bench.statements();
    assert_eq!(
        names(&ran),
        ["shelf_books.count", "shelf_books.count", "shelf_books.exists", "shelf_books.exists"]
    );
    assert!(ran.iter().all(|record| record.rows == 1));
}

async fn a_count_with_a_limit_goes_no_further(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            stack(&cx, &FIVE).await;
            for (limit, counted) in [(3, 3), (5, 5), (9, 5)] {
                assert_eq!(Book::query().limit(limit).count(&cx).await.unwrap(), counted);
            }
        })
        .await;
}

async fn sums_and_means_of_numbers(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            stack(&cx, &FIVE).await;
            assert_eq!(Book::query().sum(&cx, Book::pages).await.unwrap(), 95);
            assert_eq!(Book::query().filter(Book::pages.eq(20)).sum(&cx, Book::pages).await.unwrap(), 40);
            assert_eq!(
                Book::query().sum(&cx, Book::sold).await.unwrap(),
                1,
                "what holds nothing counts for nothing"
            );
            assert_eq!(Book::query().sum(&cx, Book::price).await.unwrap(), 11.0);
            assert_eq!(Book::query().avg(&cx, Book::pages).await.unwrap(), Some(19.0));
            assert_eq!(Book::query().avg(&cx, Book::sold).await.unwrap(), Some(0.25));
            assert_eq!(Book::query().avg(&cx, Book::price).await.unwrap(), Some(11.0 / 3.0));
        })
        .await;
}

async fn the_least_and_the_greatest_of_every_type(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            stack(&cx, &FIVE).await;
            let all = Book::query().all(&cx).await.unwrap();
            let ends = async || {
                (
                    Book::query().min(&cx, Book::pages).await.unwrap(),
                    Book::query().max(&cx, Book::pages).await.unwrap(),
                )
            };
            assert_eq!(ends().await, (Some(5), Some(40)));
            assert_eq!(Book::query().min(&cx, Book::sold).await.unwrap(), Some(-3));
            assert_eq!(
                Book::query().max(&cx, Book::sold).await.unwrap(),
                Some(3),
                "what holds nothing is no end"
            );
            assert_eq!(Book::query().max(&cx, Book::price).await.unwrap(), Some(9.75));
            assert_eq!(Book::query().min(&cx, Book::title).await.unwrap(), Some("0".to_owned()));
            assert_eq!(Book::query().max(&cx, Book::published_at).await.unwrap(), Some(all[4].published_at));
            assert_eq!(Book::query().max(&cx, Book::id).await.unwrap(), Some(all[4].id));
            let some = Book::query().filter(Book::pages.lt(20));
            assert_eq!(some.max(&cx, Book::title).await.unwrap(), Some("3".to_owned()));
        })
        .await;
}

async fn of_no_values_the_sum_is_zero_and_the_rest_is_none(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            stack(&cx, &[(1, None, None)]).await;
            for list in
                [|| Book::query().filter(Book::pages.eq(7)), || Book::query().filter(Book::sold.is_null())]
            {
                assert_eq!(list().sum(&cx, Book::sold).await.unwrap(), 0);
                assert_eq!(list().sum(&cx, Book::price).await.unwrap(), 0.0);
                assert_eq!(list().avg(&cx, Book::sold).await.unwrap(), None);
                assert_eq!(list().avg(&cx, Book::price).await.unwrap(), None);
                assert_eq!(list().min(&cx, Book::sold).await.unwrap(), None);
                assert_eq!(list().max(&cx, Book::price).await.unwrap(), None);
            }
        })
        .await;
}

async fn a_sum_that_does_not_fit_is_an_error(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            stack(&cx, &[(i64::MAX, None, Some(f64::MAX)), (1, None, Some(f64::MAX))]).await;
            let whole = Book::query().sum(&cx, Book::pages).await.unwrap_err();
            assert!(matches!(whole, DataError::OutOfRange { .. }), "{whole}");
            assert!(whole.to_string().contains("shelf_books.sum_pages"), "{whole}");
            let double = Book::query().sum(&cx, Book::price).await.unwrap_err();
            assert!(matches!(double, DataError::OutOfRange { .. }), "{double}");
            assert_eq!(
                Book::query().filter(Book::pages.gt(1)).sum(&cx, Book::pages).await.unwrap(),
                i64::MAX
            );
        })
        .await;
}

async fn what_is_added_up_is_one_organizations_only(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .system(async |system| {
            let (here, there) = (system.within(bench.org), system.within(OrgId(system.new_id())));
            stack(&here, &FIVE).await;
            stack(&there, &FIVE[..2]).await;
            assert_eq!(Book::query().count(&there).await.unwrap(), 2);
            assert_eq!(Book::query().sum(&there, Book::pages).await.unwrap(), 30);
            assert_eq!(Book::query().max(&there, Book::pages).await.unwrap(), Some(20));
            assert!(!Book::query().filter(Book::pages.eq(40)).exists(&there).await.unwrap());
        })
        .await;
}

async fn inside_a_transaction_its_own_rows_are_counted(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            let counted = cx.transaction(async |tx| {
                shelf::book(&cx, "new").insert(tx).await?;
                assert!(!Review::query().exists(tx).await?);
                Book::query().count(tx).await
            });
            assert_eq!(counted.await.unwrap(), 1);
        })
        .await;
}
