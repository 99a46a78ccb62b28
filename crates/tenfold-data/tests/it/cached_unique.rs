//! Look-ups by the values of a unique key, of entities that say `cached`.

use tenfold_data::{DataError, EntityExt, OrgId, sql};

use crate::bench::Bench;
use crate::cached::{Book, BookId, CachingProcess};

on_both_databases!(
    a_warm_unique_value_sends_no_statement,
    a_row_is_found_by_its_new_value_only,
    two_rows_that_swap_their_values_are_told_apart,
    each_verb_is_seen_by_a_unique_look_up,
    a_unique_value_goes_to_another_row,
    a_value_looked_for_in_vain_is_found_once_stored,
    a_change_of_another_row_leaves_the_found_one,
    another_process_sees_a_value_change_hands,
    a_unique_value_is_looked_up_in_its_organization,
    a_transaction_looks_unique_values_up_for_itself,
    further_conditions_ask_the_database,
    a_warm_list_looks_unique_values_up_in_memory,
);

impl CachingProcess {
    async fn with_title(&self, title: &str) -> Option<BookId> {
        let by_title = Book::query().filter(Book::title.eq(title.to_owned()));
        self.bench.request(async |cx| by_title.first(&cx).await.unwrap().map(|book| book.id)).await
    }

    /// How many statements have asked for lists of books since the last time.
    fn lists(&self) -> usize {
        self.bench.statements().iter().filter(|record| record.name == "library_books.list").count()
    }

    async fn rename(&self, id: BookId, title: &str) {
        self.write(async |tx| Book::update(id).set(Book::title, title.to_owned()).run(tx).await).await;
    }
}

async fn a_warm_unique_value_sends_no_statement(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.store(1).await.remove(0);
    process.forget_statements();
    for _ in 0..3 {
        assert_eq!(process.with_title(&book.title).await, Some(book.id));
        assert_eq!(process.with_title("nobody's").await, None);
    }
    assert_eq!(process.lists(), 2, "the book once, and the missing one");
    let all = Book::query().filter(Book::title.eq(book.title.clone()));
    let all = process.bench.request(async |cx| all.all(&cx).await.unwrap().iter().count());
    assert_eq!((all.await, process.lists()), (1, 0));
}

async fn a_row_is_found_by_its_new_value_only(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    for turn in 0..3 {
        let (old, new) = (format!("title {turn}"), format!("title {}", turn + 1));
        process.rename(book.id, &old).await;
        assert_eq!(process.with_title(&old).await, Some(book.id));
        assert_eq!(process.with_title(&new).await, None);
        process.rename(book.id, &new).await;
        assert_eq!(process.with_title(&old).await, None);
        assert_eq!(process.with_title(&new).await, Some(book.id));
    }
}

async fn two_rows_that_swap_their_values_are_told_apart(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(2).await;
    let titles = [&books[0].title, &books[1].title];
    let found = async || [process.with_title(titles[0]).await, process.with_title(titles[1]).await];
    assert_eq!(found().await, [Some(books[0].id), Some(books[1].id)]);
    process
        .write(async |tx| {
            Book::update(books[0].id).set(Book::title, "between".to_owned()).run(tx).await?;
            Book::update(books[1].id).set(Book::title, titles[0].clone()).run(tx).await?;
            Book::update(books[0].id).set(Book::title, titles[1].clone()).run(tx).await
        })
        .await;
    assert_eq!(found().await, [Some(books[1].id), Some(books[0].id)]);
}

async fn each_verb_is_seen_by_a_unique_look_up(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    let title = book.title.as_str();
    let pages = async || {
        let by_title = Book::query().filter(Book::title.eq(title.to_owned()));
        process.bench.request(async |cx| by_title.first(&cx).await.unwrap().map(|book| book.pages)).await
    };
    assert_eq!(pages().await, Some(0));
    process.write(async |tx| Book::update(book.id).set(Book::pages, 1).run(tx).await).await;
    assert_eq!(pages().await, Some(1));
    process.write(async |tx| Book::query().update().set(Book::pages, 2).run(tx).await).await;
    assert_eq!(pages().await, Some(2));
    let again = Book { id: BookId(process.clock.new_id()), pages: 3, ..book.clone() };
    process.write(async |tx| again.upsert(Book::unique_title).run(tx).await).await;
    assert_eq!(pages().await, Some(3));
    let text = sql!("library.read_by_id", "UPDATE library_books SET pages = 4 WHERE org_id = $1 AND id = $2")
        .changes_only(Book::TABLE, [book.id])
        .bind(book.id);
    process.write(async |tx| text.execute(tx).await).await;
    assert_eq!(pages().await, Some(4));
    process.write(async |tx| Book::delete(tx, book.id).await).await;
    assert_eq!(pages().await, None);
    process.write(async |tx| book.clone().insert_deferred(tx).await).await;
    assert_eq!(pages().await, Some(0));
    process.write(async |tx| crate::cached::Author::delete(tx, book.author_id).await).await;
    assert_eq!(pages().await, None, "a cascade has deleted it");
}

async fn a_unique_value_goes_to_another_row(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(2).await;
    let title = &books[0].title;
    assert_eq!(process.with_title(title).await, Some(books[0].id));
    process
        .write(async |tx| {
            Book::delete(tx, books[0].id).await?;
            Book::update(books[1].id).set(Book::title, title.clone()).run(tx).await
        })
        .await;
    assert_eq!(process.with_title(title).await, Some(books[1].id));
}

async fn a_value_looked_for_in_vain_is_found_once_stored(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    assert_eq!(process.with_title("later").await, None);
    let later = Book { id: BookId(process.clock.new_id()), title: "later".to_owned(), ..book };
    let id = later.id;
    process.write(async |tx| later.insert(tx).await.map(drop)).await;
    assert_eq!(process.with_title("later").await, Some(id));
}

async fn a_change_of_another_row_leaves_the_found_one(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(2).await;
    assert_eq!(process.with_title(&books[0].title).await, Some(books[0].id));
    process.rename(books[1].id, "another").await;
    let third = Book { id: BookId(process.clock.new_id()), title: "a third".to_owned(), ..books[1].clone() };
    process.write(async |tx| third.insert(tx).await.map(drop)).await;
    process.forget_statements();
    assert_eq!(process.with_title(&books[0].title).await, Some(books[0].id));
    assert_eq!(process.lists(), 0);
}

async fn another_process_sees_a_value_change_hands(bench: Bench) {
    let (here, there) = (CachingProcess::start(&bench).await, CachingProcess::start(&bench).await);
    here.poll().await;
    let books = here.store(2).await;
    there.poll().await;
    assert_eq!(there.with_title(&books[0].title).await, Some(books[0].id));
    assert_eq!(there.with_title("new").await, None);
    here.rename(books[0].id, "new").await;
    here.rename(books[1].id, &books[0].title).await;
    assert_eq!(here.with_title("new").await, Some(books[0].id));
    there.poll().await;
    assert_eq!(there.with_title("new").await, Some(books[0].id));
    assert_eq!(there.with_title(&books[0].title).await, Some(books[1].id));
}

async fn a_unique_value_is_looked_up_in_its_organization(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    assert_eq!(process.with_title(&book.title).await, Some(book.id));
    let other = OrgId(process.clock.new_id());
    let by_title = Book::query().filter(Book::title.eq(book.title.clone()));
    let found = process.bench.system(async |cx| by_title.first(&cx.within(other)).await.unwrap());
    assert!(found.await.is_none());
}

async fn a_transaction_looks_unique_values_up_for_itself(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    assert_eq!(process.with_title(&book.title).await, Some(book.id));
    process.forget_statements();
    let refused = process.bench.request(async |cx| {
        let written = cx.transaction(async |tx| {
            Book::update(book.id).set(Book::title, "never".to_owned()).run(tx).await?;
            let by_title = |title: &str| Book::query().filter(Book::title.eq(title.to_owned()));
            assert!(by_title("never").first(tx).await?.is_some());
            assert!(by_title(&book.title).first(tx).await?.is_none());
            Err::<(), _>(DataError::Settings("given up".to_owned()))
        });
        written.await.is_err()
    });
    assert!(refused.await);
    assert_eq!(process.lists(), 2);
    assert_eq!(process.with_title(&book.title).await, Some(book.id));
    assert_eq!(process.lists(), 0, "nothing was committed");
}

async fn further_conditions_ask_the_database(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    let lent = async |is_lent: bool| {
        let by_title = Book::query().filter(Book::title.eq(book.title.clone()));
        let by_title = by_title.filter(Book::is_lent.eq(is_lent));
        process.bench.request(async |cx| by_title.first(&cx).await.unwrap().is_some()).await
    };
    assert!(lent(true).await && !lent(false).await && lent(true).await);
    assert_eq!(process.lists(), 3);
}

async fn a_warm_list_looks_unique_values_up_in_memory(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    process.store(20).await;
    let titles = || {
        process.bench.request(async |cx| {
            let mut found = 0;
            for book in Book::query().all(&cx).await.unwrap().iter() {
                let by_title = Book::query().filter(Book::title.eq(book.title.clone()));
                let by_title = by_title.repeated("each has another title");
                found += usize::from(by_title.first(&cx).await.unwrap().is_some());
            }
            found
        })
    };
    assert_eq!(titles().await, 20);
    process.forget_statements();
    assert_eq!(titles().await, 20);
    assert_eq!(process.lists(), 1, "the list itself");
}
