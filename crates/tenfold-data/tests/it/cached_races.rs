//! Entities that say `cached` while others write, in the process and in another one. Two handles of a database are two
//! processes to it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::{join, join_all};
use futures_util::poll;
use tenfold_data::{DataError, EntityExt};

use crate::bench::Bench;
use crate::cached::{Book, BookId, CachingProcess};
use crate::feed_outcomes::poll_at_most;

on_both_databases!(
    a_stampede_is_one_load,
    a_dropped_reader_fails_nobody,
    a_load_that_takes_long_is_overtaken,
    another_process_sees_a_change_with_its_next_poll,
    another_process_drops_no_other_rows,
    without_a_certificate_the_database_answers,
    no_read_is_older_than_an_acknowledged_commit,
);

async fn a_stampede_is_one_load(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.store(1).await.remove(0);
    process.forget_statements();
    let found = join_all((0..1000).map(|_| process.title(book.id))).await;
    assert!(found.iter().all(|title| title.as_ref() == Some(&book.title)));
    assert_eq!(process.loads(), 1);
}

async fn a_dropped_reader_fails_nobody(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    for book in process.store(30).await {
        // The first is dropped in the middle of its load.
        for polls in 1..4 {
            process.bench.database.clear_cache();
            let dropped = poll_at_most(polls, process.find(book.id));
            let others = join_all((0..10).map(|_| process.title(book.id)));
            let (_, others) = join(dropped, others).await;
            assert!(others.iter().all(|title| title.as_ref() == Some(&book.title)));
        }
    }
}

/// Its request does something else for longer than others wait for it. On SQLite a load ends when it is first polled.
async fn a_load_that_takes_long_is_overtaken(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.store(1).await.remove(0);
    process.forget_statements();
    let mut slow = std::pin::pin!(process.find(book.id));
    if poll!(slow.as_mut()).is_pending() {
        let others = join_all((0..10).map(|_| process.title(book.id))).await;
        assert!(others.iter().all(|title| title.as_ref() == Some(&book.title)));
        assert!(process.loads() <= 2, "one of them has loaded it for all");
        assert!(slow.await.is_some());
    }
}

async fn another_process_sees_a_change_with_its_next_poll(bench: Bench) {
    let (here, there) = (CachingProcess::start(&bench).await, CachingProcess::start(&bench).await);
    here.poll().await;
    let book = here.warm().await;
    there.poll().await;
    assert_eq!(there.title(book.id).await, Some(book.title.clone()));
    here.write(async |tx| Book::update(book.id).set(Book::title, "new".to_owned()).run(tx).await).await;
    assert_eq!(here.title(book.id).await.as_deref(), Some("new"));
    assert_eq!(there.title(book.id).await, Some(book.title), "it has not looked yet, and Δ has not passed");
    there.poll().await;
    assert_eq!(there.title(book.id).await.as_deref(), Some("new"));
}

async fn another_process_drops_no_other_rows(bench: Bench) {
    let (here, there) = (CachingProcess::start(&bench).await, CachingProcess::start(&bench).await);
    here.poll().await;
    let books = here.store(2).await;
    there.poll().await;
    let warm = async || (there.find(books[0].id).await.unwrap(), there.find(books[1].id).await.unwrap());
    warm().await;
    here.write(async |tx| Book::update(books[0].id).set(Book::title, "new".to_owned()).run(tx).await).await;
    there.poll().await;
    there.forget_statements();
    assert_eq!(warm().await.0.title, "new");
    assert_eq!(there.loads(), 1);
}

async fn without_a_certificate_the_database_answers(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    process.clock.advance(Duration::from_secs(2));
    process.find(book.id).await.unwrap();
    assert_eq!(process.loads(), 0);
    process.clock.advance(Duration::from_micros(1));
    process.find(book.id).await.unwrap();
    process.find(book.id).await.unwrap();
    assert_eq!(process.loads(), 2, "nothing is known of the last two seconds");
    process.poll().await;
    process.find(book.id).await.unwrap();
    assert_eq!(process.loads(), 0);
}

/// Pages only grow. A read must show what was acknowledged before it began, and what was shown before, although callers
/// are dropped in COMMIT and transactions roll back.
async fn no_read_is_older_than_an_acknowledged_commit(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(4).await;
    let least: HashMap<BookId, AtomicI64> = books.iter().map(|book| (book.id, AtomicI64::new(0))).collect();
    let read = async |id: BookId| {
        let expected = least[&id].load(Ordering::SeqCst);
        let pages = process.find(id).await.unwrap().pages;
        assert!(pages >= expected, "{pages} pages are shown, {expected} were known");
        least[&id].fetch_max(pages, Ordering::SeqCst);
    };
    let write = async |id: BookId, gives_up: bool| {
        let written = process.bench.request(async |cx| {
            let work = cx.transaction(async |tx| {
                Book::update(id).add(Book::pages, 1).run(tx).await?;
                let pages = Book::get(tx, id).await?.pages;
                if gives_up { Err(DataError::Settings("given up".to_owned())) } else { Ok(pages) }
            });
            work.await
        });
        if let Ok(pages) = written.await {
            least[&id].fetch_max(pages, Ordering::SeqCst);
        }
    };
    for round in 0..40_usize {
        let writes = (0..6).map(|n| {
            let id = books[(round + n) % books.len()].id;
            let polls = if n % 3 == 0 { 2 + (round + n) % 9 } else { usize::MAX };
            poll_at_most(polls, write(id, n == 5))
        });
        let reads = (0..24).map(async |n| {
            for _ in 0..4 {
                read(books[n % books.len()].id).await;
                tokio::task::yield_now().await;
            }
        });
        join(join_all(writes), join_all(reads)).await;
    }
    let settled = async {
        while process.bench.database.feed().unsettled() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), settled).await.expect("each COMMIT is settled");
    let stored = process.bench.request(async |cx| Book::query().all(&cx).await.unwrap()).await;
    assert!(stored.iter().any(|book| book.pages > 5), "some writes were committed");
    for book in stored.iter() {
        assert_eq!(process.find(book.id).await.unwrap().pages, book.pages);
    }
    assert!(process.bench.database.cache_figures().hits > 100, "the cache took part");
}
