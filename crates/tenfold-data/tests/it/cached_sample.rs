//! Rows from memory that are read again from the database, to see whether they are the same.

use tenfold_data::{DatabaseSettings, EntityExt, Tx, sql};

use crate::bench::Bench;
use crate::cached::{Book, CachingProcess};

on_both_databases!(
    one_row_of_so_many_is_read_again,
    a_writer_that_tells_nobody_is_noticed,
    what_another_process_has_just_changed_is_counted,
    no_sample_is_taken_if_the_setting_says_so,
);

async fn sampling(on: &Bench, sample: u64) -> CachingProcess {
    let mut settings = DatabaseSettings::default();
    settings.cache.sample = sample;
    CachingProcess::start_with(on, settings).await
}

/// How many samples were taken, and how many of them differed.
fn samples(process: &CachingProcess) -> (u64, u64) {
    let figures = process.bench.database.cache_figures();
    (figures.samples, figures.stale)
}

async fn one_row_of_so_many_is_read_again(bench: Bench) {
    let process = sampling(&bench, 3).await;
    let book = process.warm().await;
    let other = process.store(1).await.remove(0);
    for _ in 0..9 {
        assert_eq!(process.title(book.id).await.as_ref(), Some(&book.title));
    }
    assert_eq!(process.loads(), 3);
    let both = vec![book.id, other.id];
    for _ in 0..10 {
        let both = both.clone();
        process.bench.request(async |cx| Book::find_many(&cx, both).await.unwrap().len()).await;
    }
    assert_eq!(process.loads(), 1, "the other row once: rows of lists are not read again");
    assert_eq!(samples(&process), (3, 0));
    assert_eq!(process.bench.database.cache_figures().coherence(), Some(1.0));
}

async fn a_writer_that_tells_nobody_is_noticed(bench: Bench) {
    let process = sampling(&bench, 1).await;
    let book = process.warm().await;
    assert_eq!(process.title(book.id).await.as_ref(), Some(&book.title));
    let silently = sql!("library.silently", "UPDATE library_books SET title = 'new' WHERE org_id = $1");
    process.write(async |tx: &mut Tx<'_>| silently.execute(tx).await.map(drop)).await;
    assert_eq!(process.title(book.id).await.as_deref(), Some("new"), "it is read from the database");
    assert_eq!(samples(&process), (2, 1));
    assert_eq!(process.bench.database.cache_figures().coherence(), Some(0.5));
}

async fn what_another_process_has_just_changed_is_counted(bench: Bench) {
    let (here, there) = (sampling(&bench, 1).await, sampling(&bench, 1).await);
    here.poll().await;
    let book = here.warm().await;
    there.poll().await;
    there.find(book.id).await.unwrap();
    here.write(async |tx| Book::update(book.id).set(Book::pages, 7).run(tx).await).await;
    assert_eq!(there.find(book.id).await.unwrap().pages, 7);
    assert_eq!(samples(&there), (1, 1), "the other process has not told it yet");
    there.poll().await;
    assert_eq!(there.find(book.id).await.unwrap().pages, 7);
    assert_eq!(samples(&there), (1, 1), "now it is loaded");
    assert_eq!(here.find(book.id).await.unwrap().pages, 7);
    assert_eq!(samples(&here), (0, 0), "its own commit has dropped the row");
}

async fn no_sample_is_taken_if_the_setting_says_so(bench: Bench) {
    let process = sampling(&bench, 0).await;
    let book = process.warm().await;
    for _ in 0..10 {
        process.find(book.id).await.unwrap();
    }
    assert_eq!(process.loads(), 0);
    assert_eq!(process.bench.database.cache_figures().coherence(), None);
}
