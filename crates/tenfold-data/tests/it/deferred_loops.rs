//! Rows that one line of a loop stores late are stored together.

use tenfold_data::{Context, DataError, EntityExt as _, StatementRecord, Tx};

use crate::bench::Bench;
use crate::ledger::{names, rows_of};
use crate::shelf::{self, Book};
use crate::work::{Label, label};

on_both_databases!(
    late_rows_of_one_line_are_stored_by_one_statement,
    late_rows_of_a_long_loop_are_all_stored_in_a_few_statements,
    late_rows_of_several_lines_are_stored_in_their_order,
    one_refused_row_of_a_loop_fails_all_and_names_the_line,
);

async fn late_rows_of_one_line_are_stored_by_one_statement(bench: Bench) {
    let statements = stored(&bench, 100).await;
    assert_eq!(names(&statements), ["work_labels.count", "work_labels.insert"]);
    assert_eq!(rows_of(&statements, "work_labels.insert"), 100);
}

async fn late_rows_of_a_long_loop_are_all_stored_in_a_few_statements(bench: Bench) {
    assert_eq!(
        names(&stored(&bench, 2500).await),
        ["work_labels.count"].into_iter().chain(["work_labels.insert"; 3]).collect::<Vec<_>>()
    );
}

/// Stores labels in one transaction, and returns the statements that this and a count of them took.
async fn stored(bench: &Bench, labels: i64) -> Vec<StatementRecord> {
    bench
        .request(async |cx| {
            cx.transaction(async |tx| store_labels(&cx, tx, labels).await).await.unwrap();
            assert_eq!(Label::query().count(&cx).await.unwrap(), labels);
        })
        .await;
    bench.statements()
}

async fn store_labels(cx: &Context, tx: &Tx<'_>, count: i64) -> Result<(), DataError> {
    let each = tx.repeating("they are stored together");
    for n in 0..count {
        label(cx, format!("label {n}")).insert_deferred(&each).await?;
    }
    Ok(())
}

async fn late_rows_of_several_lines_are_stored_in_their_order(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            let stored = cx.transaction(async |tx| {
                let each = tx.repeating("two lines take turns");
                for n in 0..3 {
                    label(&cx, format!("label {n}")).insert_deferred(&each).await?;
                    shelf::book(&cx, &format!("book {n}")).insert_deferred(&each).await?;
                }
                store_labels(&cx, tx, 2).await
            });
            stored.await.unwrap();
            assert_eq!(Label::query().count(&cx).await.unwrap(), 5);
            assert_eq!(Book::query().count(&cx).await.unwrap(), 3);
        })
        .await;
    assert_eq!(bench.statements().iter().filter(|statement| statement.name.ends_with(".insert")).count(), 7);
}

async fn one_refused_row_of_a_loop_fails_all_and_names_the_line(bench: Bench) {
    shelf::migrate(&bench).await;
    bench
        .request(async |cx| {
            let mut line = 0;
            let refused = cx.transaction(async |tx| {
                let each = tx.repeating("one of them is there twice");
                for title in ["one", "two", "three", "two", "four"] {
                    line = line!() + 1;
                    shelf::book(&cx, title).insert_deferred(&each).await?;
                }
                Ok::<_, DataError>(())
            });
            let refused = refused.await.unwrap_err();
            let DataError::Conflict { statement, site, constraint } = &refused else { panic!("{refused:?}") };
            assert_eq!(statement, "shelf_books.insert");
            assert_eq!((site.file(), site.line()), (file!(), line));
            assert_eq!(constraint.columns, ["org_id", "title"]);
            assert_eq!(Book::query().count(&cx).await.unwrap(), 0, "nothing of the transaction is stored");
        })
        .await;
}
