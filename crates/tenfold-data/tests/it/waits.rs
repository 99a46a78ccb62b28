//! A transaction that waits for something other than the database: when it is reported, and what does not count.

use futures_util::StreamExt as _;
use futures_util::future::{Either, join, join_all, select};
use futures_util::stream::FuturesUnordered;
use tenfold_data::{Context, DataError, EntityExt, WaitRecord};
use tokio::sync::{mpsc, oneshot};

use crate::bench::Bench;
use crate::ledger::next_line;
use crate::people::{self, User};
use crate::work::{Label, label};

on_both_databases!(
    a_transaction_that_waits_for_something_else_is_told_of_once_with_its_line,
    one_that_waits_in_a_spawned_task_or_for_one_is_told_of,
    one_that_is_kept_while_its_request_waits_is_told_of,
    loads_by_key_and_relations_are_no_such_wait,
    loads_beside_each_other_and_statements_on_one_connection_are_no_such_wait,
    a_task_beside_it_that_asks_the_database_is_no_such_wait,
    a_branch_that_yields_or_has_used_up_its_budget_is_no_such_wait,
    waiting_to_begin_is_no_such_wait,
    a_transaction_on_a_task_of_its_own_is_left_alone,
    an_error_that_the_catalog_explains_is_no_such_wait,
);

async fn yields(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

/// Waits until a transaction is reported.
async fn told(bench: &Bench) -> WaitRecord {
    loop {
        if let Some(record) = bench.waited().pop() {
            return record;
        }
        tokio::task::yield_now().await;
    }
}

async fn a_transaction_that_waits_for_something_else_is_told_of_once_with_its_line(bench: Bench) {
    let (answer, answered) = oneshot::channel();
    let (again, answered_again) = oneshot::channel();
    let waits = bench.request(async |cx| {
        let line = next_line();
        let stored = cx.transaction(async |tx| {
            label(&cx, "stored").insert(tx).await?;
            answered.await.unwrap();
            label(&cx, "stored").insert(tx).await?;
            answered_again.await.unwrap();
            Ok::<_, DataError>(())
        });
        stored.await.unwrap();
        line
    });
    let answering = async {
        let record = told(&bench).await;
        answer.send(()).unwrap();
        // Long enough for a second report.
        yields(100).await;
        again.send(()).unwrap();
        record
    };
    let (line, record) = join(waits, answering).await;
    assert_eq!((record.site.file(), record.site.line()), line);
    let said = record.to_string();
    for part in [&format!("{}:{}", line.0, line.1), "before the transaction", "in a job"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(bench.waited().is_empty());
    assert_eq!(bench.request(async |cx| Label::query().count(&cx).await.unwrap()).await, 2);
}

async fn one_that_waits_in_a_spawned_task_or_for_one_is_told_of(bench: Bench) {
    let (answer, answered) = oneshot::channel();
    let spawned = bench.request(async |cx| {
        let own = cx.clone();
        let task = async move { own.transaction(async |_| Ok::<_, DataError>(answered.await)).await };
        cx.spawn(task).await.unwrap().unwrap().unwrap();
    });
    join(spawned, async { (told(&bench).await, answer.send(()).unwrap()) }).await;
    let (answer, answered) = oneshot::channel();
    let for_one = bench.request(async |cx| {
        let waits = cx.transaction(async |_| Ok::<_, DataError>(cx.spawn(answered).await));
        waits.await.unwrap().unwrap().unwrap();
    });
    join(for_one, async { (told(&bench).await, answer.send(()).unwrap()) }).await;
}

async fn one_that_is_kept_while_its_request_waits_is_told_of(bench: Bench) {
    let (answer, answered) = oneshot::channel();
    let keeps = bench.request(async |cx| {
        let (reached, midway) = oneshot::channel();
        let kept = cx.transaction(async |tx| {
            label(&cx, "stored").insert(tx).await?;
            let _ = reached.send(());
            tokio::task::yield_now().await;
            label(&cx, "stored").insert(tx).await
        });
        let Either::Right((_, kept)) = select(Box::pin(kept), midway).await else { panic!("it yields") };
        answered.await.unwrap();
        kept.await.unwrap();
    });
    join(keeps, async { (told(&bench).await, answer.send(()).unwrap()) }).await;
}

async fn loads_by_key_and_relations_are_no_such_wait(bench: Bench) {
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 10).await;
            let read = cx.transaction(async |tx| {
                let (first, second) = (User::get(tx, users[0].id).await?, User::get(&cx, users[1].id).await?);
                let (profile, _) = (first.profile.get(tx).await?, second.settings.get(&cx).await?);
                assert_eq!(profile.user_id, users[0].id);
                for user in &User::query().all(tx).await? {
                    user.profile.get(tx).await?;
                    user.permissions.get(tx).await?;
                }
                Ok::<_, DataError>(())
            });
            read.await.unwrap();
        })
        .await;
    assert!(bench.waited().is_empty());
}

async fn loads_beside_each_other_and_statements_on_one_connection_are_no_such_wait(bench: Bench) {
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 50).await;
            let read = cx.transaction(async |tx| {
                join_all(users.iter().map(|user| User::get(tx, user.id))).await;
                // More than thirty futures get an executor of their own in `join_all`, which wakes itself.
                let lists = (0..40).map(|_| async { User::query().all(tx).await.unwrap().len() });
                assert_eq!(join_all(lists).await, [50; 40]);
                let loads: FuturesUnordered<_> = users.iter().map(|user| User::get(&cx, user.id)).collect();
                assert_eq!(loads.filter(|user| std::future::ready(user.is_ok())).count().await, 50);
                Ok::<_, DataError>(())
            });
            read.await.unwrap();
        })
        .await;
    assert!(bench.waited().is_empty());
}

async fn a_task_beside_it_that_asks_the_database_is_no_such_wait(bench: Bench) {
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 2).await;
            let read = cx.transaction(async |tx| {
                let (own, id) = (cx.clone(), users[0].id);
                let beside = cx.spawn(async move { User::get(&own, id).await.unwrap().id });
                label(&cx, "stored").insert(tx).await?;
                Ok::<_, DataError>(beside.await.unwrap())
            });
            assert_eq!(read.await.unwrap(), users[0].id);
        })
        .await;
    assert!(bench.waited().is_empty());
}

async fn a_branch_that_yields_or_has_used_up_its_budget_is_no_such_wait(bench: Bench) {
    bench
        .request(async |cx| {
            let yields = cx.transaction(async |tx| {
                yields(20).await;
                // A channel that always has a message makes its reader yield from time to time.
                let (give, mut take) = mpsc::unbounded_channel();
                (0..1000).for_each(|n| give.send(n).unwrap());
                for n in 0..1000 {
                    assert_eq!(take.recv().await, Some(n));
                }
                join_all((0..50).map(yields)).await;
                label(&cx, "stored").insert(tx).await
            });
            yields.await.unwrap();
        })
        .await;
    assert!(bench.waited().is_empty());
}

async fn waiting_to_begin_is_no_such_wait(bench: Bench) {
    let mut settings = tenfold_data::DatabaseSettings::default();
    settings.postgres.pool_size = 1;
    let narrow = bench.reopened(&settings);
    let (reached, midway) = oneshot::channel();
    let (answer, answered) = oneshot::channel();
    let opening = next_line();
    let holds = narrow.request(async |cx| hold(&cx, reached, answered).await);
    let waits = narrow.request(async |cx| {
        midway.await.unwrap();
        cx.transaction(async |tx| label(&cx, "stored").insert(tx).await).await.unwrap();
    });
    let answering = async {
        let record = told(&narrow).await;
        yields(100).await;
        answer.send(()).unwrap();
        record
    };
    let (_, (_, record)) = join(holds, join(waits, answering)).await;
    assert!(record.site.line() > opening.1, "it is the one who holds");
    assert!(narrow.waited().is_empty(), "and not the one who waits to begin");
}

/// Holds a transaction until it is told to end.
async fn hold(cx: &Context, reached: oneshot::Sender<()>, answered: oneshot::Receiver<()>) {
    let held = cx.transaction(async |_| {
        reached.send(()).unwrap();
        Ok::<_, DataError>(answered.await)
    });
    held.await.unwrap().unwrap();
}

/// Its driver cannot tell whether it can run.
async fn a_transaction_on_a_task_of_its_own_is_left_alone(bench: Bench) {
    bench
        .request(async |cx| {
            let (own, (begin, begun)) = (cx.clone(), oneshot::channel());
            #[expect(clippy::disallowed_methods, reason = "that is what this is about")]
            let task = tokio::spawn(async move {
                let stored = own.transaction(async |tx| {
                    begin.send(()).unwrap();
                    yields(50).await;
                    label(&own, "stored").insert(tx).await
                });
                stored.await.map(|label| label.name)
            });
            // The driver is polled meanwhile, and then nothing in its scope can run.
            begun.await.unwrap();
            yields(3).await;
            assert_eq!(task.await.unwrap().unwrap(), "stored");
        })
        .await;
    assert!(bench.waited().is_empty());
}

async fn an_error_that_the_catalog_explains_is_no_such_wait(bench: Bench) {
    bench
        .request(async |cx| {
            let own = cx.transaction(async |tx| label(&cx, "own").insert(tx).await).await.unwrap();
            let again = Label { id: own.id, org_id: own.org_id, name: "again".to_owned() };
            let taken = cx.transaction(async |tx| again.insert(tx).await).await.unwrap_err();
            assert!(taken.is_conflict(), "{taken}");
            assert!(!taken.constraint().unwrap().columns.is_empty());
        })
        .await;
    assert!(bench.waited().is_empty());
}
