//! Statements that wait to be sent with others: BEGIN, which is sent with the first statement, and rows that are stored
//! with the next statement or with COMMIT.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join;
use tenfold_data::{
    Clock, Context, DataError, Database, DatabaseSettings, EntityExt as _, Observer, SystemContext,
};

use crate::bench::Bench;
use crate::between::{Then, listen};
use crate::ledger::names;
use crate::shelf::{self, Book};
use crate::work::{Label, label, store_label};

on_both_databases!(
    late_rows_are_stored_with_their_transaction_in_their_order,
    a_late_row_is_there_for_the_next_statement,
    a_late_row_of_a_transaction_that_rolls_back_was_never_stored,
    a_late_row_that_is_refused_fails_the_commit_with_its_own_name_and_line,
    a_late_row_that_is_refused_fails_the_next_statement_with_its_own_name_and_line,
    a_late_row_that_no_database_can_keep_is_refused_at_once,
    a_late_row_that_nobody_asked_for_in_the_end_is_not_stored,
);

async fn labels(cx: &Context) -> Vec<String> {
    let labels = Label::query().order_by(Label::id).all(cx).await.unwrap();
    labels.into_iter().map(|label| label.name).collect()
}

async fn late_rows_are_stored_with_their_transaction_in_their_order(bench: Bench) {
    bench
        .request(async |cx| {
            let stored = cx.transaction(async |tx| {
                label(&cx, "first").insert(tx).await?;
                label(&cx, "second").insert_deferred(tx).await?;
                label(&cx, "third").insert_deferred(tx).await
            });
            stored.await.unwrap();
            assert_eq!(labels(&cx).await, ["first", "second", "third"]);
        })
        .await;
    let statements = bench.statements();
    assert_eq!(
        names(&statements),
        ["work_labels.insert"; 3].into_iter().chain(["work_labels.list"]).collect::<Vec<_>>()
    );
    assert!(statements.iter().all(|statement| statement.site.file().ends_with("deferred.rs")));
}

async fn a_late_row_is_there_for_the_next_statement(bench: Bench) {
    let seen = bench.request(async |cx| {
        let seen = cx.transaction(async |tx| {
            label(&cx, "late").insert_deferred(tx).await?;
            Label::query().count(tx).await
        });
        seen.await.unwrap()
    });
    assert_eq!(seen.await, 1);
    assert_eq!(names(&bench.statements()), ["work_labels.count", "work_labels.insert"]);
}

async fn a_late_row_of_a_transaction_that_rolls_back_was_never_stored(bench: Bench) {
    bench
        .request(async |cx| {
            let stored: Result<(), DataError> = cx
                .transaction(async |tx| {
                    label(&cx, "early").insert(tx).await?;
                    label(&cx, "late").insert_deferred(tx).await?;
                    Err(DataError::Settings("thought better of it".to_owned()))
                })
                .await;
            stored.unwrap_err();
            assert!(labels(&cx).await.is_empty());
        })
        .await;
}

/// Asserts that the error is the taken title, reported for the line that stored it deferred.
fn assert_names_the_late_line(error: &DataError) {
    let DataError::Conflict { statement, site, constraint } = error else {
        panic!("another error: {error:?}")
    };
    assert_eq!(statement, "shelf_books.insert");
    assert_eq!((site.file(), site.line()), (file!(), LATE_LINE));
    assert_eq!(constraint.columns, ["org_id", "title"]);
}

async fn store_late(cx: &Context, tx: &tenfold_data::Tx<'_>) -> Result<(), DataError> {
    shelf::book(cx, "taken").insert_deferred(tx).await
}
const LATE_LINE: u32 = line!() - 2;

async fn a_late_row_that_is_refused_fails_the_commit_with_its_own_name_and_line(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            cx.transaction(async |tx| shelf::book(&cx, "taken").insert(tx).await).await.unwrap();
            let refused = cx.transaction(async |tx| {
                shelf::book(&cx, "free").insert(tx).await?;
                store_late(&cx, tx).await
            });
            assert_names_the_late_line(&refused.await.unwrap_err());
            assert_eq!(Book::query().count(&cx).await.unwrap(), 1, "nothing of the transaction is stored");
        })
        .await;
}

async fn a_late_row_that_is_refused_fails_the_next_statement_with_its_own_name_and_line(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            cx.transaction(async |tx| shelf::book(&cx, "taken").insert(tx).await).await.unwrap();
            let refused = cx.transaction(async |tx| {
                store_late(&cx, tx).await?;
                let next = shelf::book(&cx, "free").insert(tx).await;
                assert_names_the_late_line(next.as_ref().unwrap_err());
                next
            });
            assert_names_the_late_line(&refused.await.unwrap_err());
            assert_eq!(Book::query().count(&cx).await.unwrap(), 1, "nothing of the transaction is stored");
        })
        .await;
}

async fn a_late_row_that_no_database_can_keep_is_refused_at_once(bench: Bench) {
    bench
        .request(async |cx| {
            let refused = cx.transaction(async |tx| {
                let refused = label(&cx, "half\0a name").insert_deferred(tx).await.unwrap_err();
                assert!(matches!(refused, DataError::NulInText { .. }), "another error: {refused:?}");
                label(&cx, "whole").insert_deferred(tx).await
            });
            refused.await.unwrap();
            assert_eq!(labels(&cx).await, ["whole"]);
        })
        .await;
}

async fn a_late_row_that_nobody_asked_for_in_the_end_is_not_stored(bench: Bench) {
    bench
        .request(async |cx| {
            let stored = cx.transaction(async |tx| {
                drop(label(&cx, "dropped").insert_deferred(tx));
                label(&cx, "stored").insert_deferred(tx).await
            });
            stored.await.unwrap();
            assert_eq!(labels(&cx).await, ["stored"]);
        })
        .await;
}

#[tokio::test]
async fn late_rows_are_stored_behind_a_pooler_too() {
    let bench = Bench::pooled().await;
    late_rows_are_stored_with_their_transaction_in_their_order(bench).await;
    a_late_row_that_is_refused_fails_the_commit_with_its_own_name_and_line(Bench::pooled().await).await;
}

/// The bench's database through a proxy that interferes.
pub async fn through(bench: &Bench, rule: impl FnMut(u8, &mut [u8]) -> Then + Send + 'static) -> Database {
    let url = listen(&bench.url(), rule).await;
    let settings = bench.place().settings(DatabaseSettings::default());
    Database::open(&url, &settings, Clock::system(), Vec::<Arc<dyn Observer>>::new()).unwrap()
}

pub fn is_text(kind: u8, body: &[u8], text: &str) -> bool {
    kind == b'Q' && body.starts_with(text.as_bytes())
}

#[tokio::test]
async fn begin_travels_with_the_first_statement_and_late_rows_travel_with_commit() {
    let bench = Bench::postgres().await;
    let (org, is_last) = (bench.org, Arc::new(AtomicBool::new(false)));
    let last = Arc::clone(&is_last);
    // A client that awaited an answer before sending the next message would wait for ever.
    let database = through(&bench, move |kind, body| match kind {
        b'Q' if is_text(kind, body, "BEGIN") => Then::Holds,
        b'E' if last.load(Ordering::Acquire) => Then::Holds,
        b'E' => Then::Flows,
        b'Q' if is_text(kind, body, "COMMIT") => Then::Flows,
        _ => Then::Goes,
    })
    .await;
    let write = async |system: SystemContext| {
        let cx = system.within(org);
        // The first transaction prepares the text, which takes its own round trip.
        for name in ["one", "two"] {
            is_last.store(false, Ordering::Release);
            let stored = cx.transaction(async |tx| {
                label(&cx, name).insert(tx).await?;
                is_last.store(true, Ordering::Release);
                label(&cx, format!("{name}, late")).insert_deferred(tx).await
            });
            stored.await.unwrap();
        }
        // One round trip for all of it.
        cx.transaction(async |tx| label(&cx, "alone").insert_deferred(tx).await).await.unwrap();
    };
    let work = tokio::time::timeout(Duration::from_secs(30), database.run(None, write)).await;
    work.expect("nobody waits for an answer before it sends what comes next");
    let stored = bench.request(async |cx| labels(&cx).await).await;
    assert_eq!(stored, ["one", "one, late", "two", "two, late", "alone"]);
}

#[tokio::test]
async fn what_follows_a_begin_that_failed_stores_nothing() {
    let bench = Bench::postgres().await;
    let (org, mut begun) = (bench.org, 0);
    let database = through(&bench, move |kind, body| {
        // Every second one, so that the texts are already prepared.
        if is_text(kind, body, "BEGIN") {
            begun += 1;
            if begun % 2 == 0 {
                body[..5].copy_from_slice(b"BEGUN");
            }
        }
        Then::Goes
    })
    .await;
    let write = async |system: SystemContext| {
        let cx = system.within(org);
        let insert = async |name: &str| cx.transaction(async |tx| label(&cx, name).insert(tx).await).await;
        let late =
            async |name: &str| cx.transaction(async |tx| label(&cx, name).insert_deferred(tx).await).await;
        insert("stored").await.unwrap();
        insert("not stored").await.unwrap_err();
        late("stored, late").await.unwrap();
        late("not stored, late").await.unwrap_err();
        insert("stored again").await.unwrap();
    };
    database.run(None, write).await;
    let stored = bench.request(async |cx| labels(&cx).await).await;
    assert_eq!(stored, ["stored", "stored, late", "stored again"]);
}

#[tokio::test]
async fn a_late_row_that_cannot_be_sent_keeps_the_rest_from_being_committed() {
    let bench = Bench::postgres().await;
    shelf::migrate(&bench).await;
    // The entity's value does not fit the column. The client finds that out before it sends anything.
    bench
        .as_owner()
        .await
        .batch_execute("ALTER TABLE work_labels ALTER name TYPE bigint USING 0")
        .await
        .unwrap();
    bench
        .request(async |cx| {
            let refused = cx.transaction(async |tx| {
                shelf::book(&cx, "free").insert(tx).await?;
                label(&cx, "no number").insert_deferred(tx).await
            });
            let refused = refused.await.unwrap_err();
            assert!(refused.to_string().contains("work_labels.insert"), "another error: {refused}");
            assert_eq!(Book::query().count(&cx).await.unwrap(), 0, "nothing of the transaction is stored");
        })
        .await;
}

#[tokio::test]
async fn of_many_late_rows_one_that_cannot_be_sent_keeps_all_from_being_committed() {
    let bench = Bench::postgres().await;
    shelf::migrate(&bench).await;
    bench.as_owner().await.batch_execute("ALTER TABLE shelf_books ALTER pages TYPE integer").await.unwrap();
    bench
        .request(async |cx| {
            let refused = cx.transaction(async |tx| {
                label(&cx, "free").insert(tx).await?;
                let each = tx.repeating("each is late by itself");
                for n in 0..50 {
                    let pages = if n == 40 { 3_000_000_000 } else { n };
                    let book = Book { pages, ..shelf::book(&cx, &format!("book {n}")) };
                    book.insert_deferred(&each).await?;
                }
                Ok::<_, DataError>(())
            });
            let refused = refused.await.unwrap_err();
            assert!(refused.to_string().contains("shelf_books.insert"), "another error: {refused}");
            assert_eq!(Book::query().count(&cx).await.unwrap(), 0);
            assert!(labels(&cx).await.is_empty(), "nothing of the transaction is stored");
        })
        .await;
}

/// Polls once and drops: on PostgreSQL before the answer comes.
async fn drop_early<T>(work: impl Future<Output = T>) {
    let mut work = pin!(work);
    let is_under_way = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx).is_pending())).await;
    assert!(is_under_way, "it was answered at once");
}

#[tokio::test]
async fn a_statement_that_was_dropped_takes_its_transaction_along_and_the_late_rows_with_it() {
    let bench = Bench::postgres().await;
    let is_refused = |result: Result<(), DataError>| {
        let refused = result.unwrap_err().to_string();
        assert!(refused.contains("dropped before its answer came"), "another error: {refused}");
    };
    for round in 0..2 {
        // In the first round the texts are not prepared yet.
        bench
            .request(async |cx| {
                let late = cx.transaction(async |tx| {
                    label(&cx, "one").insert_deferred(tx).await?;
                    label(&cx, "two").insert_deferred(tx).await?;
                    drop_early(Label::query().count(tx)).await;
                    Ok(())
                });
                is_refused(late.await);
                let first = cx.transaction(async |tx| {
                    drop_early(label(&cx, "three").insert(tx)).await;
                    label(&cx, "four").insert_deferred(tx).await
                });
                is_refused(first.await);
                let later = cx.transaction(async |tx| {
                    label(&cx, "five").insert(tx).await?;
                    drop_early(label(&cx, "six").insert(tx)).await;
                    label(&cx, "seven").insert(tx).await.map(drop)
                });
                is_refused(later.await);
                assert!(labels(&cx).await.is_empty(), "round {round}");
            })
            .await;
    }
}

#[tokio::test]
async fn of_two_statements_at_once_none_is_answered_outside_a_transaction_that_did_not_begin() {
    let bench = Bench::postgres().await;
    store_label(&bench, "stored").await.unwrap();
    let org = bench.org;
    let database = through(&bench, move |kind, body| {
        if is_text(kind, body, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE") {
            body[..5].copy_from_slice(b"BEGUN");
        }
        Then::Goes
    })
    .await;
    let read = async |system: SystemContext| {
        let cx = system.within(org);
        // Prepares the texts.
        Label::query().count(&cx).await.unwrap();
        for _ in 0..3 {
            let both = cx.transaction(async |tx| {
                let both = join(Label::query().count(tx), Label::query().count(tx)).await;
                assert!(both.0.is_err() && both.1.is_err(), "an answer from outside: {both:?}");
                both.1
            });
            both.await.unwrap_err();
        }
    };
    database.run(None, read).await;
}

#[tokio::test]
async fn a_connection_that_breaks_between_a_late_row_and_commit_leaves_the_outcome_unknown() {
    let bench = Bench::postgres().await;
    let (org, mut commits) = (bench.org, 0);
    let database = through(&bench, move |kind, body| {
        commits += u32::from(is_text(kind, body, "COMMIT"));
        if commits == 2 && kind == b'Q' { Then::Cut } else { Then::Goes }
    })
    .await;
    let write = async |system: SystemContext| {
        let cx = system.within(org);
        cx.transaction(async |tx| label(&cx, "stored").insert_deferred(tx).await).await.unwrap();
        let cut =
            cx.transaction(async |tx| label(&cx, "cut off").insert_deferred(tx).await).await.unwrap_err();
        assert!(matches!(cut, DataError::OutcomeUnknown(_)), "another error: {cut:?}");
    };
    database.run(None, write).await;
    store_label(&bench, "after it").await.unwrap();
    assert_eq!(bench.request(async |cx| labels(&cx).await).await, ["stored", "after it"]);
}

on_both_databases!(a_transaction_that_does_nothing_is_committed_and_leaves_the_connection_clean);

async fn a_transaction_that_does_nothing_is_committed_and_leaves_the_connection_clean(bench: Bench) {
    let mut settings = DatabaseSettings::default();
    settings.postgres.pool_size = 1;
    let bench = bench.reopened(&settings);
    bench
        .request(async |cx| {
            for name in ["one", "two"] {
                cx.transaction(async |_| Ok::<_, DataError>(())).await.unwrap();
                let dropped: Result<(), DataError> =
                    cx.transaction(async |_| Err(DataError::Settings("nothing".to_owned()))).await;
                dropped.unwrap_err();
                cx.transaction(async |tx| label(&cx, name).insert(tx).await).await.unwrap();
            }
            assert_eq!(labels(&cx).await, ["one", "two"]);
        })
        .await;
}
