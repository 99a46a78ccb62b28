//! Lists of entities that say `cached(lists)`: pages, counts, sizes, and the values in their filters.

use tenfold_data::{DatabaseSettings, EntityExt, EntityQuery, Page};

use crate::bench::Bench;
use crate::cached::{Book, BookId, CachingProcess};
use crate::cached_lists::{ListedBook, by_title, titles_of};

on_both_databases!(
    each_page_is_kept_by_its_own,
    an_order_that_turns_is_kept_page_by_page,
    a_row_that_came_between_pages_is_seen,
    a_count_is_kept_until_a_row_comes_or_goes,
    a_large_list_is_not_kept,
    lists_are_told_apart_by_their_values,
);

type ListMaker = Box<dyn Fn() -> EntityQuery<ListedBook>>;

impl CachingProcess {
    /// A page's titles, and the cursor of the next one.
    async fn page_of(&self, list: EntityQuery<ListedBook>, page: Page) -> (Vec<String>, Option<String>) {
        let listed = self.bench.request(async |cx| {
            let books = list.page(&page).all(&cx).await.unwrap();
            let listing = books.listing(books.iter().map(|book| book.title.clone()).collect());
            (listing.items, listing.next_cursor)
        });
        listed.await
    }

    /// All titles, in pages of two.
    async fn walk(&self, list: impl Fn() -> EntityQuery<ListedBook>) -> Vec<String> {
        let (mut all, mut next) = (Vec::new(), Page::first(2));
        loop {
            let (titles, cursor) = self.page_of(list(), next.clone()).await;
            all.extend(titles);
            assert!(all.len() < 100, "pages repeat themselves");
            match cursor {
                Some(cursor) => next.cursor = Some(cursor),
                None => return all,
            }
        }
    }
}

async fn each_page_is_kept_by_its_own(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(5).await;
    assert_eq!(process.walk(by_title).await, titles_of(&books));
    process.forget_statements();
    assert_eq!(process.walk(by_title).await, titles_of(&books));
    assert_eq!(process.list_statements(), 0);
    let (three, cursor) = process.page_of(by_title(), Page::first(3)).await;
    assert_eq!((three, process.list_statements()), (titles_of(&books)[..3].to_vec(), 1));
    assert!(cursor.is_some(), "there are two more");
    let (five, cursor) = process.page_of(by_title(), Page::first(5)).await;
    assert_eq!((five.len(), cursor), (5, None));
}

async fn an_order_that_turns_is_kept_page_by_page(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(5).await;
    let first = Book::update(books[3].id).set(Book::pages, -1);
    process.write(async |tx| first.run(tx).await).await;
    let turning = || ListedBook::query().order_by(ListedBook::pages).order_by_descending(ListedBook::title);
    let mut expected: Vec<_> =
        titles_of(&books).into_iter().rev().filter(|title| *title != books[3].title).collect();
    expected.insert(0, books[3].title.clone());
    assert_eq!(process.walk(turning).await, expected);
    process.forget_statements();
    assert_eq!(process.walk(turning).await, expected);
    assert_eq!(process.list_statements(), 0);
}

async fn a_row_that_came_between_pages_is_seen(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(5).await;
    let (first, cursor) = process.page_of(by_title(), Page::first(2)).await;
    let second = Page { limit: 2, cursor };
    assert_eq!(process.page_of(by_title(), second.clone()).await.0, titles_of(&books)[2..4]);
    let between = Book {
        id: BookId(process.clock.new_id()),
        title: format!("{} and a half", first[1]),
        ..books[0].clone()
    };
    process.write(async |tx| between.clone().insert(tx).await.map(drop)).await;
    let expected = [between.title, titles_of(&books)[2].clone()];
    assert_eq!(process.page_of(by_title(), second).await.0, expected);
}

async fn a_count_is_kept_until_a_row_comes_or_goes(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(3).await;
    let count =
        async || process.bench.request(async |cx| ListedBook::query().count(&cx).await.unwrap()).await;
    let total = async || {
        let listed = process.bench.request(async |cx| {
            by_title().page(&Page::first(1)).with_total(2).all(&cx).await.unwrap().listing::<()>(vec![]).total
        });
        listed.await
    };
    assert_eq!((count().await, total().await), (3, Some(2)));
    process.forget_statements();
    assert_eq!((count().await, total().await), (3, Some(2)));
    assert_eq!(process.list_statements(), 0);
    for book in &books[1..] {
        process.write(async |tx| Book::delete(tx, book.id).await).await;
    }
    assert_eq!((count().await, total().await), (1, Some(1)));
}

async fn a_large_list_is_not_kept(bench: Bench) {
    let mut settings = DatabaseSettings::default();
    settings.cache.bytes = 256 << 10;
    let process = CachingProcess::start_with(&bench, settings).await;
    process.store(200).await;
    process.forget_statements();
    for _ in 0..2 {
        assert_eq!(process.titles(by_title()).await.len(), 200);
        assert_eq!(process.list_statements(), 1);
    }
    let figures = process.bench.database.cache_figures();
    assert_eq!((figures.large, figures.rows), (2, 0), "{figures:?}");
    for statements in [1, 0] {
        assert_eq!(process.titles(by_title().limit(10)).await.len(), 10);
        assert_eq!(process.list_statements(), statements);
    }
}

async fn lists_are_told_apart_by_their_values(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(2).await;
    let late = Book::update(books[1].id).set(Book::lent_at, None).set(Book::price, 3.5).set(Book::due, None);
    process.write(async |tx| late.run(tx).await).await;
    let (lent, due) = (books[0].lent_at.unwrap(), books[0].due);
    let lists: Vec<(ListMaker, usize)> = vec![
        (Box::new(|| by_title().filter(ListedBook::price.lt(5.0))), 1),
        (Box::new(|| by_title().filter(ListedBook::price.lt(50.0))), 2),
        (Box::new(|| by_title().filter(ListedBook::is_lent.eq(true))), 2),
        (Box::new(|| by_title().filter(ListedBook::is_lent.eq(false))), 0),
        (Box::new(move || by_title().filter(ListedBook::lent_at.ge(Some(lent)))), 1),
        (Box::new(|| by_title().filter(ListedBook::lent_at.is_null())), 1),
        (Box::new(move || by_title().filter(ListedBook::due.any_of([due]))), 1),
        (Box::new(move || by_title().filter(ListedBook::due.any_of([due, None]))), 2),
        (Box::new(|| by_title().filter(ListedBook::due.any_of([]))), 0),
        (Box::new(|| by_title().limit(1)), 1),
        (Box::new(|| by_title().limit(2)), 2),
    ];
    for statements in [1, 0] {
        for (place, (list, rows)) in lists.iter().enumerate() {
            process.forget_statements();
            assert_eq!(process.titles(list()).await.len(), *rows, "list {place}");
            assert_eq!(process.list_statements(), statements, "list {place}");
        }
    }
}
