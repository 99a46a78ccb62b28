//! Entities that say `cached`, and what processes tell each other. Two handles of a database are two processes to it.

use std::time::Duration;

use tenfold_data::{DatabaseSettings, EntityExt, Feed, feed_migrations, sql};

use crate::bench::Bench;
use crate::cached::{Book, BookId, CachingProcess, Country, LIBRARY};
use crate::{people, work};

on_both_databases!(
    what_the_feed_did_not_see_can_be_said,
    a_line_of_another_version_drops_everything,
    a_line_without_keys_drops_the_table,
    many_keys_are_told,
    more_keys_than_are_listed_are_seen,
    text_keys_are_told,
    a_forgotten_process_serves_nothing_old,
    what_was_pruned_is_taken_for_changed,
    a_late_beat_costs_no_certificate,
);

/// Two, of which the second has the book in its cache.
async fn both_warm(bench: &Bench) -> (CachingProcess, CachingProcess, Book) {
    let (here, there) = (CachingProcess::start(bench).await, CachingProcess::start(bench).await);
    here.poll().await;
    let book = here.warm().await;
    there.poll().await;
    there.find(book.id).await.unwrap();
    there.forget_statements();
    (here, there, book)
}

async fn pages(process: &CachingProcess, id: BookId) -> i64 {
    process.find(id).await.unwrap().pages
}

/// Sets the pages through a handle that has not started its feed, and so tells nobody: as a shell does.
async fn set_in_silence(process: &CachingProcess, id: BookId, pages: i64) {
    let silent = process.bench.reopened(&DatabaseSettings::default());
    let migrations = [people::MIGRATIONS, work::MIGRATIONS, feed_migrations(), LIBRARY];
    silent.database.migrate(&migrations).await.unwrap();
    let org = process.bench.org;
    let written = silent.system(async |cx| {
        let cx = cx.within(org);
        cx.transaction(async |tx| Book::update(id).set(Book::pages, pages).run(tx).await).await.unwrap();
    });
    written.await;
}

/// Stores a line as another process does.
async fn tell(process: &CachingProcess, line: &str) {
    let stored = process.bench.system(async |cx| {
        cx.transaction(async |tx| {
            let text = sql!("test.tell", "INSERT INTO tenfold_changes (origin, changes) VALUES ($1, $2)");
            text.bind(tx.new_id()).bind(line.to_owned()).execute(tx).await
        })
        .await
        .unwrap();
    });
    stored.await;
}

async fn what_the_feed_did_not_see_can_be_said(bench: Bench) {
    let (here, there, book) = both_warm(&bench).await;
    set_in_silence(&here, book.id, 5).await;
    there.poll().await;
    assert_eq!(pages(&there, book.id).await, 0, "it was not told");
    here.bench.database.feed().say_everything().await.unwrap();
    assert_eq!(pages(&here, book.id).await, 5);
    there.poll().await;
    assert_eq!(pages(&there, book.id).await, 5);
}

async fn a_line_of_another_version_drops_everything(bench: Bench) {
    let (here, there, book) = both_warm(&bench).await;
    set_in_silence(&here, book.id, 5).await;
    tell(&here, "2:library_books").await;
    there.poll().await;
    assert_eq!(pages(&there, book.id).await, 5);
}

async fn a_line_without_keys_drops_the_table(bench: Bench) {
    let (here, there, book) = both_warm(&bench).await;
    set_in_silence(&here, book.id, 5).await;
    tell(&here, r#"{"t":[["library_authors",null]]}"#).await;
    there.poll().await;
    assert_eq!(pages(&there, book.id).await, 0, "another table");
    tell(&here, r#"{"t":[["library_books",null]]}"#).await;
    there.poll().await;
    assert_eq!(pages(&there, book.id).await, 5);
}

/// Books of which each gets one more page in one transaction.
async fn read_on(process: &CachingProcess, books: &[Book]) {
    process
        .write(async |tx| {
            for book in books {
                Book::update(book.id).add(Book::pages, 1).run(tx).await?;
            }
            Ok(())
        })
        .await;
    process.bench.repeated();
}

async fn many_keys_are_told(bench: Bench) {
    let (here, there, _) = both_warm(&bench).await;
    for (count, loads_neighbours) in [(9, false), (Feed::MOST_KEYS, false), (Feed::MOST_KEYS + 1, true)] {
        let (books, neighbours) = (here.store(count).await, here.store(9).await);
        there.poll().await;
        for book in books.iter().chain(&neighbours) {
            assert_eq!(pages(&there, book.id).await, 0);
        }
        read_on(&here, &books).await;
        there.poll().await;
        for book in &books {
            assert_eq!(pages(&there, book.id).await, 1);
        }
        there.forget_statements();
        for book in &neighbours {
            assert_eq!(pages(&there, book.id).await, 0);
        }
        // One may share the word of a changed row by chance.
        assert_eq!(there.loads() > neighbours.len() / 2, loads_neighbours, "{count}");
        there.bench.repeated();
    }
}

async fn more_keys_than_are_listed_are_seen(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(65).await;
    for book in &books {
        assert_eq!(pages(&process, book.id).await, 0);
    }
    read_on(&process, &books).await;
    for book in &books {
        assert_eq!(pages(&process, book.id).await, 1);
    }
}

async fn text_keys_are_told(bench: Bench) {
    let (here, there, _) = both_warm(&bench).await;
    let country = |code: &str| Country { code: code.to_owned(), name: code.to_uppercase() };
    let both = vec![country("at"), country("de")];
    here.write(async |tx| Country::insert_many(tx, both).await).await;
    there.poll().await;
    let name = async |code: &str| {
        let code = code.to_owned();
        there.bench.system(async |cx| Country::get(&cx, code).await.unwrap().name.clone()).await
    };
    assert_eq!((name("at").await, name("de").await), ("AT".to_owned(), "DE".to_owned()));
    let renamed = Country::update("de".to_owned()).set(Country::name, "Germany".to_owned());
    here.write(async |tx| renamed.run(tx).await).await;
    there.poll().await;
    there.forget_statements();
    assert_eq!((name("at").await, name("de").await), ("AT".to_owned(), "Germany".to_owned()));
    assert_eq!(there.bench.statements().len(), 1, "the other one is kept");
}

async fn a_forgotten_process_serves_nothing_old(bench: Bench) {
    let (here, there, book) = both_warm(&bench).await;
    for _ in 0..5 {
        here.clock.advance(Duration::from_secs(6));
        here.poll().await;
    }
    here.write(async |tx| Book::update(book.id).set(Book::pages, 5).run(tx).await).await;
    there.clock.advance(Duration::from_secs(30));
    assert_eq!(pages(&there, book.id).await, 5, "its certificate is too old");
    there.poll().await;
    assert_eq!(pages(&there, book.id).await, 5);
}

async fn what_was_pruned_is_taken_for_changed(bench: Bench) {
    let (here, there, book) = both_warm(&bench).await;
    here.write(async |tx| Book::update(book.id).set(Book::pages, 5).run(tx).await).await;
    here.store(1).await;
    let rows = async || {
        let count = sql!("test.changes", "SELECT count(*) FROM tenfold_changes");
        here.bench.system(async |cx| count.all::<(i64,), _>(&cx).await.unwrap()[0].0).await
    };
    let pruning = async {
        while rows().await > 1 {
            here.clock.advance(Duration::from_secs(20));
            here.poll().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), pruning).await.expect("old rows are deleted");
    there.poll().await;
    assert_eq!(pages(&there, book.id).await, 5);
}

/// A transaction holds SQLite's writer when the beat is due.
async fn a_late_beat_costs_no_certificate(bench: Bench) {
    let (here, there, book) = both_warm(&bench).await;
    there.poll().await;
    there
        .write(async |tx| {
            Book::update(book.id).add(Book::pages, 1).run(tx).await?;
            there.clock.advance(Duration::from_secs(6));
            there.poll().await;
            there.forget_statements();
            there.find(book.id).await.unwrap();
            assert_eq!(there.loads(), 0);
            Ok(())
        })
        .await;
    there.bench.waited();
    drop(here);
}
