//! Writes beyond one row by its key: upserts, changes and deletes of many rows, sums in place, and versions.

use futures_util::future::join;
use tenfold_data::{Context, DataError, EntityExt, OrgId, Page, Versioned, sql};

use crate::bench::Bench;
use crate::ledger::names;
use crate::shelf::{self, Book, Writing, WritingId};

on_both_databases!(
    an_upsert_stores_a_row_that_is_not_there,
    an_upsert_changes_the_row_with_the_same_unique_values,
    an_upsert_leaves_what_it_is_told_to_keep,
    an_upsert_by_key_changes_the_unique_values,
    an_upsert_of_a_row_that_is_all_key_gives_the_row_that_is_there,
    an_upsert_never_takes_over_another_organizations_row,
    an_upsert_of_a_foreign_row_is_refused,
    all_rows_that_pass_a_filter_are_changed_with_one_statement,
    all_rows_that_pass_a_filter_are_deleted_with_one_statement,
    a_write_to_many_takes_no_page_and_changes_something,
    two_that_add_at_the_same_time_both_count,
    a_sum_in_place_that_does_not_fit_is_an_error,
    a_stale_version_is_told_apart_from_a_missing_row,
    every_change_counts_the_version_up,
    of_two_writers_with_the_same_version_one_is_told,
    a_stale_delete_deletes_nothing,
    an_authors_statement_says_how_many_rows_it_changed,
);

async fn titles(cx: &Context) -> Vec<String> {
    let books = Book::query().order_by(Book::title).all(cx).await.unwrap();
    books.into_iter().map(|book| book.title).collect()
}

async fn store(cx: &Context, titles: &[&str]) -> Vec<Book> {
    let books = titles.iter().map(|title| shelf::book(cx, title)).collect();
    cx.transaction(async |tx| Book::insert_many(tx, books).await).await.unwrap()
}

async fn an_upsert_stores_a_row_that_is_not_there(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            let new = shelf::book(&cx, "new");
            let id = new.id;
            let stored =
                cx.transaction(async |tx| new.upsert(Book::unique_title).run(tx).await).await.unwrap();
            assert_eq!((stored.id, stored.version), (id, 1));
            assert_eq!(Book::get(&cx, id).await.unwrap().title, "new");
        })
        .await;
    assert_eq!(names(&bench.statements()), ["shelf_books.get", "shelf_books.upsert"]);
}

async fn an_upsert_changes_the_row_with_the_same_unique_values(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            let first = store(&cx, &["one", "two"]).await.remove(0);
            let again = Book { pages: 7, sold: Some(2), version: 50, ..shelf::book(&cx, "one") };
            let stored =
                cx.transaction(async |tx| again.upsert(Book::unique_title).run(tx).await).await.unwrap();
            assert_eq!((stored.id, stored.pages, stored.sold), (first.id, 7, Some(2)));
            assert_eq!(stored.version, 2, "the version is counted up, whatever the new row says");
            assert!(stored.authors.get(&cx).await.unwrap().is_empty(), "and it has its relations");
            assert_eq!(titles(&cx).await, ["one", "two"]);
        })
        .await;
}

async fn an_upsert_leaves_what_it_is_told_to_keep(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            let first = store(&cx, &["one"]).await.remove(0);
            let again = Book { pages: 7, ..shelf::book(&cx, "one") };
            let again = again.upsert(Book::unique_title).keep(Book::published_at);
            let stored = cx.transaction(async |tx| again.run(tx).await).await.unwrap();
            let kept = Book::get(&cx, first.id).await.unwrap();
            assert_eq!((stored.pages, stored.published_at), (7, kept.published_at));
        })
        .await;
}

async fn an_upsert_by_key_changes_the_unique_values(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            let books = store(&cx, &["one", "two"]).await;
            let renamed = |title: &str| Book { id: books[0].id, ..shelf::book(&cx, title) };
            let (third, taken) = (renamed("three"), renamed("two"));
            cx.transaction(async |tx| third.upsert(Book::unique_key).run(tx).await).await.unwrap();
            assert_eq!(titles(&cx).await, ["three", "two"]);
            let conflict = cx.transaction(async |tx| taken.upsert(Book::unique_key).run(tx).await).await;
            let conflict = conflict.map(|_| ()).unwrap_err();
            assert!(conflict.violates(Book::unique_title), "{conflict}");
        })
        .await;
}

async fn an_upsert_of_a_row_that_is_all_key_gives_the_row_that_is_there(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            let (book_id, author_id) = (shelf::BookId(cx.new_id()), shelf::AuthorId(cx.new_id()));
            let writing = || Writing { id: WritingId(cx.new_id()), org_id: cx.tenant(), book_id, author_id };
            let unique = Writing::unique_book_id_author_id;
            let both = cx.transaction(async |tx| {
                let first = writing().upsert(unique).run(tx).await?;
                Ok::<_, DataError>((first.id, writing().upsert(unique).run(tx).await?.id))
            });
            let (first, second) = both.await.unwrap();
            assert_eq!(first, second);
        })
        .await;
}

async fn an_upsert_never_takes_over_another_organizations_row(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .system(async |system| {
            let (here, there) = (system.within(bench.org), system.within(OrgId(system.new_id())));
            let ours = store(&here, &["same"]).await.remove(0);
            let by_title = Book { pages: 1, ..shelf::book(&there, "same") };
            let by_key = Book { id: ours.id, pages: 2, ..shelf::book(&there, "other") };
            there
                .transaction(async |tx| {
                    by_title.upsert(Book::unique_title).run(tx).await?;
                    by_key.upsert(Book::unique_key).run(tx).await
                })
                .await
                .unwrap();
            assert_eq!(Book::get(&here, ours.id).await.unwrap().pages, 100);
            assert_eq!(titles(&there).await, ["other", "same"]);
        })
        .await;
}

async fn an_upsert_of_a_foreign_row_is_refused(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            let foreign = Book { org_id: OrgId(cx.new_id()), ..shelf::book(&cx, "foreign") };
            let refused = cx.transaction(async |tx| foreign.upsert(Book::unique_title).run(tx).await).await;
            assert!(matches!(refused, Err(DataError::OtherTenant { .. })), "{refused:?}");
        })
        .await;
    assert!(bench.statements().is_empty());
}

async fn all_rows_that_pass_a_filter_are_changed_with_one_statement(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .system(async |system| {
            let (cx, there) = (system.within(bench.org), system.within(OrgId(system.new_id())));
            store(&cx, &["a1", "a2", "b1"]).await;
            store(&there, &["a1"]).await;
            bench.statements();
            let change = || Book::query().filter(Book::title.starts_with("a")).update();
            let change = change().set(Book::pages, 7).set_if(Book::sold, None).add(Book::version, 0);
            let refused = cx.transaction(async |tx| change.run(tx).await).await.unwrap_err();
            assert!(refused.to_string().contains("sets version twice"), "{refused}");
            let change = || Book::query().filter(Book::title.starts_with("a")).update().set(Book::pages, 7);
            assert_eq!(cx.transaction(async |tx| change().run(tx).await).await.unwrap(), 2);
            let pages: Vec<_> = Book::query()
                .order_by(Book::title)
                .all(&cx)
                .await
                .unwrap()
                .iter()
                .map(|book| (book.pages, book.version))
                .collect();
            assert_eq!(pages, [(7, 2), (7, 2), (100, 1)]);
            assert_eq!(Book::query().all(&there).await.unwrap()[0].pages, 100);
        })
        .await;
}

async fn all_rows_that_pass_a_filter_are_deleted_with_one_statement(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .system(async |system| {
            let (cx, there) = (system.within(bench.org), system.within(OrgId(system.new_id())));
            store(&cx, &["a1", "a2", "b1"]).await;
            store(&there, &["a1"]).await;
            bench.statements();
            let gone = Book::query().filter(Book::title.any_of(["a1", "a2", "x"].map(str::to_owned)));
            assert_eq!(cx.transaction(async |tx| gone.delete(tx).await).await.unwrap(), 2);
            assert_eq!(names(&bench.statements()), ["shelf_books.delete_all"]);
            assert_eq!(titles(&cx).await, ["b1"]);
            assert_eq!(titles(&there).await, ["a1"]);
        })
        .await;
}

async fn a_write_to_many_takes_no_page_and_changes_something(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            store(&cx, &["a"]).await;
            let refused = [
                cx.transaction(async |tx| Book::query().limit(1).delete(tx).await).await,
                cx.transaction(async |tx| {
                    Book::query().page(&Page::first(1)).update().set(Book::pages, 1).run(tx).await
                })
                .await,
                cx.transaction(async |tx| Book::query().update().run(tx).await).await,
            ];
            for refused in refused {
                assert!(matches!(refused, Err(DataError::Settings(_))), "{refused:?}");
            }
            assert_eq!(titles(&cx).await, ["a"]);
        })
        .await;
}

async fn two_that_add_at_the_same_time_both_count(bench: Bench) {
    shelf::migrate(&bench).await;
    let id = bench.request(async |cx| store(&cx, &["a", "b"]).await[0].id).await;
    let add = async |pages: i64| {
        let add = Book::update(id).add(Book::pages, pages).add(Book::sold, 1);
        bench.request(async |cx| cx.transaction(async |tx| add.run(tx).await).await).await
    };
    let (one, other) = join(add(20), add(-5)).await;
    one.and(other).unwrap();
    let book = bench.request(async |cx| Book::get(&cx, id).await.unwrap()).await;
    assert_eq!((book.pages, book.sold, book.version), (115, None, 3), "nothing and one are nothing");
}

async fn a_sum_in_place_that_does_not_fit_is_an_error(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            let id = store(&cx, &["a"]).await[0].id;
            let add = Book::update(id).add(Book::pages, i64::MAX);
            let refused = cx.transaction(async |tx| add.run(tx).await).await.unwrap_err();
            assert!(matches!(refused, DataError::OutOfRange { .. }), "{refused}");
            assert_eq!(Book::get(&cx, id).await.unwrap().pages, 100);
        })
        .await;
}

async fn a_stale_version_is_told_apart_from_a_missing_row(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            let book = store(&cx, &["a"]).await.remove(0);
            let change = |id, version| Book::update(id).set(Book::pages, 1).expect_version(version);
            let right = change(book.id, book.version());
            cx.transaction(async |tx| right.run(tx).await).await.unwrap();
            let late = change(book.id, book.version());
            let stale = cx.transaction(async |tx| late.run(tx).await).await.unwrap_err();
            let DataError::Stale { entity: "Book", key, expected: 1, found: 2 } = &stale else {
                panic!("{stale}")
            };
            assert_eq!(*key, format!("{:?}", book.id));
            let nobody = change(shelf::BookId(cx.new_id()), 1);
            let missing = cx.transaction(async |tx| nobody.run(tx).await).await.unwrap_err();
            assert!(matches!(missing, DataError::NotFound { .. }), "{missing}");
        })
        .await;
}

async fn every_change_counts_the_version_up(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            let id = store(&cx, &["a"]).await[0].id;
            cx.transaction(async |tx| {
                Book::update(id).set(Book::pages, 1).run(tx).await?;
                Book::query().update().set(Book::pages, 2).run(tx).await?;
                Book::update(id).expect_version(3).set(Book::pages, 3).run(tx).await?;
                // Nothing changes, so the version is not incremented.
                Book::update(id).expect_version(4).run(tx).await
            })
            .await
            .unwrap();
            assert_eq!(Book::get(&cx, id).await.unwrap().version, 4);
        })
        .await;
}

async fn of_two_writers_with_the_same_version_one_is_told(bench: Bench) {
    shelf::migrate(&bench).await;
    let id = bench.request(async |cx| store(&cx, &["a"]).await[0].id).await;
    let write = async |pages: i64| {
        let change = Book::update(id).set(Book::pages, pages).expect_version(1);
        bench.request(async |cx| cx.transaction(async |tx| change.run(tx).await).await).await
    };
    let results: [Result<(), DataError>; 2] = join(write(1), write(2)).await.into();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    let stale = results.into_iter().find_map(Result::err).unwrap();
    assert!(matches!(stale, DataError::Stale { expected: 1, found: 2, .. }), "{stale}");
}

async fn a_stale_delete_deletes_nothing(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            let id = store(&cx, &["a"]).await[0].id;
            let stale = cx.transaction(async |tx| Book::delete_version(tx, id, 7).await).await.unwrap_err();
            assert!(matches!(stale, DataError::Stale { expected: 7, found: 1, .. }), "{stale}");
            assert_eq!(titles(&cx).await, ["a"]);
            cx.transaction(async |tx| Book::delete_version(tx, id, 1).await).await.unwrap();
            assert!(titles(&cx).await.is_empty());
        })
        .await;
}

async fn an_authors_statement_says_how_many_rows_it_changed(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            store(&cx, &["a", "b"]).await;
            let double = sql!("books.double", "UPDATE shelf_books SET pages = 2 * pages WHERE org_id = $1");
            assert_eq!(cx.transaction(async |tx| double.execute(tx).await).await.unwrap(), 2);
            let first =
                sql!("books.first", "SELECT title, pages FROM shelf_books WHERE org_id = $1 ORDER BY title");
            assert_eq!(first.first(&cx).await.unwrap(), Some(("a".to_owned(), 200_i64)));
        })
        .await;
}
