//! Transactions: what is committed, what is rolled back, and what is refused while one is open.

use futures_util::future::{Either, join, join_all, select};
use tenfold_data::{DataError, DatabaseSettings, EntityExt, OrgId};
use tokio::sync::oneshot;

use crate::bench::Bench;
use crate::ledger::{here, names, next_line};
use crate::people::{self, Account, AccountId, User};
use crate::work::{Label, LabelId, label};

on_both_databases!(
    what_is_committed_is_seen_by_the_next_request,
    an_error_rolls_everything_back_and_comes_out_unchanged,
    a_transaction_that_is_dropped_midway_stores_nothing_and_frees_its_connection,
    a_transaction_reads_what_it_wrote,
    what_is_not_committed_is_seen_by_nobody_else,
    loads_inside_are_batched_on_its_connection,
    a_query_past_the_open_transaction_is_refused_with_both_call_sites,
    a_transaction_inside_an_open_transaction_is_refused_with_both_call_sites,
    after_a_refused_second_transaction_the_first_can_still_be_committed,
    a_swallowed_statement_error_cannot_be_committed,
    statements_beside_one_that_fails_leave_the_connection_fit_for_the_next,
    a_load_that_was_not_awaited_inside_is_abandoned_at_the_end,
    a_row_of_another_organization_is_not_stored,
    a_row_cannot_be_moved_to_another_organization,
    one_bad_row_of_many_stores_none_of_them,
    no_rows_are_stored_without_a_statement,
    a_change_of_a_row_that_is_not_there_is_not_found,
    a_change_of_no_column_only_looks_for_the_row,
    a_deleted_row_is_gone,
);

async fn labels(bench: &Bench) -> Vec<String> {
    let all = bench.request(async |cx| Label::query().order_by(Label::name).all(&cx).await.unwrap()).await;
    all.into_iter().map(|label| label.name).collect()
}

async fn what_is_committed_is_seen_by_the_next_request(bench: Bench) {
    bench
        .request(async |cx| {
            let stored = cx.transaction(async |tx| label(&cx, "new").insert(tx).await).await.unwrap();
            assert_eq!(Label::get(&cx, stored.id).await.unwrap().name, "new");
        })
        .await;
    assert_eq!(labels(&bench).await, ["new"]);
}

async fn an_error_rolls_everything_back_and_comes_out_unchanged(bench: Bench) {
    #[derive(Debug)]
    enum TransactionFailure {
        Mine(u8),
        Data,
    }
    impl From<DataError> for TransactionFailure {
        fn from(_: DataError) -> Self {
            TransactionFailure::Data
        }
    }
    let failed = bench
        .request(async |cx| {
            cx.transaction(async |tx| {
                label(&cx, "never").insert(tx).await?;
                Err::<(), _>(TransactionFailure::Mine(7))
            })
            .await
        })
        .await;
    assert!(matches!(failed, Err(TransactionFailure::Mine(7))), "{failed:?}");
    assert!(labels(&bench).await.is_empty());
}

async fn a_transaction_that_is_dropped_midway_stores_nothing_and_frees_its_connection(bench: Bench) {
    let mut settings = DatabaseSettings::default();
    settings.postgres.pool_size = 1;
    let narrow = bench.reopened(&settings);
    for _ in 0..3 {
        narrow
            .request(async |cx| {
                let (reached, midway) = oneshot::channel();
                let dropped = cx.transaction(async |tx| {
                    label(&cx, "never").insert(tx).await?;
                    let _ = reached.send(());
                    std::future::pending::<Result<(), DataError>>().await
                });
                match select(Box::pin(dropped), midway).await {
                    Either::Left(_) => panic!("a transaction that waits for ever does not end"),
                    Either::Right((_, dropped)) => drop(dropped),
                }
                cx.transaction(async |tx| label(&cx, "after").insert(tx).await).await.unwrap();
            })
            .await;
    }
    assert_eq!(labels(&bench).await, ["after", "after", "after"]);
}

async fn a_transaction_reads_what_it_wrote(bench: Bench) {
    bench
        .request(async |cx| {
            let new = label(&cx, "first");
            let id = new.id;
            assert!(Label::find(&cx, id).await.unwrap().is_none());
            cx.transaction(async |tx| {
                new.insert(tx).await?;
                assert_eq!(Label::get(tx, id).await?.name, "first");
                Label::update(id).set(Label::name, "second".to_owned()).run(tx).await?;
                assert_eq!(Label::get(tx, id).await?.name, "second");
                assert_eq!(Label::query().all(tx).await?.len(), 1);
                Ok::<_, DataError>(())
            })
            .await
            .unwrap();
            assert_eq!(Label::get(&cx, id).await.unwrap().name, "second", "what was remembered is forgotten");
        })
        .await;
}

async fn what_is_not_committed_is_seen_by_nobody_else(bench: Bench) {
    let (go_on, may_go_on) = oneshot::channel();
    let writing = bench.request(async |cx| {
        let written = cx.transaction(async |tx| {
            let new = label(&cx, "hidden").insert(tx).await?;
            assert!(labels(&bench).await.is_empty());
            let slow = async |other| {
                may_go_on.await.unwrap();
                Label::find(&other, new.id).await
            };
            assert!(bench.request(slow).await?.is_none());
            Ok::<_, DataError>(())
        });
        written.await.unwrap();
    });
    let reported = async {
        loop {
            let waited = bench.waited().len();
            if waited > 0 {
                go_on.send(()).unwrap();
                return waited;
            }
            tokio::task::yield_now().await;
        }
    };
    let ((), reported) = join(writing, reported).await;
    assert_eq!(labels(&bench).await, ["hidden"]);
    let reported = reported + bench.waited().len();
    assert_eq!(reported, 1, "another request's work is something else, the database's or not");
}

async fn loads_inside_are_batched_on_its_connection(bench: Bench) {
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 20).await;
            bench.statements();
            cx.transaction(async |tx| {
                User::update(users[3].id).set(User::name, "Ada".to_owned()).run(tx).await?;
                let found = join_all(users.iter().map(|user| User::get(tx, user.id))).await;
                assert_eq!(found[3].as_ref().unwrap().name, "Ada");
                let listed = User::query().all(tx).await?;
                for user in &listed {
                    user.profile.get(tx).await?;
                }
                let (settings, permissions) =
                    join(listed[0].settings.get(tx), listed[0].permissions.get(tx)).await;
                assert_eq!(settings?.user_id, permissions?[0].user_id);
                Ok::<_, DataError>(())
            })
            .await
            .unwrap();
        })
        .await;
    assert_eq!(bench.statements().len(), 6);
}

async fn a_query_past_the_open_transaction_is_refused_with_both_call_sites(bench: Bench) {
    bench
        .request(async |cx| {
            let opening = next_line();
            let opened = cx.transaction(async |_| {
                let (asking, refused) = (here(), Label::query().all(&cx).await.map(|_| ()).unwrap_err());
                Ok::<_, DataError>((asking, refused))
            });
            let (asking, refused) = opened.await.unwrap();
            refused_at(&refused, asking, opening);
        })
        .await;
}

async fn a_transaction_inside_an_open_transaction_is_refused_with_both_call_sites(bench: Bench) {
    bench
        .request(async |cx| {
            let opening = next_line();
            let opened = cx.transaction(async |_| {
                let (asking, second) = (here(), cx.transaction(async |_| Ok::<_, DataError>(())));
                Ok::<_, DataError>((asking, second.await.unwrap_err()))
            });
            let (asking, refused) = opened.await.unwrap();
            refused_at(&refused, asking, opening);
        })
        .await;
}

fn refused_at(refused: &DataError, asking: (&str, u32), opening: (&str, u32)) {
    let DataError::TransactionOpen { site, opened, .. } = refused else { panic!("{refused}") };
    assert_eq!((site.file(), site.line()), asking);
    assert_eq!((opened.file(), opened.line()), opening);
    assert!(refused.to_string().contains(&format!("{}:{}", asking.0, asking.1)), "{refused}");
}

async fn after_a_refused_second_transaction_the_first_can_still_be_committed(bench: Bench) {
    bench
        .request(async |cx| {
            let first = cx.transaction(async |tx| {
                assert!(cx.transaction(async |_| Ok::<_, DataError>(())).await.is_err());
                assert!(
                    cx.transaction(async |_| Ok::<_, DataError>(())).await.is_err(),
                    "and it is still open"
                );
                label(&cx, "first").insert(tx).await
            });
            first.await.unwrap();
            cx.transaction(async |tx| label(&cx, "next").insert(tx).await).await.unwrap();
        })
        .await;
    assert_eq!(labels(&bench).await, ["first", "next"]);
}

async fn a_swallowed_statement_error_cannot_be_committed(bench: Bench) {
    bench
        .request(async |cx| {
            let swallowed = cx.transaction(async |tx| {
                let first = label(&cx, "first").insert(tx).await?;
                let twice = Label { id: first.id, org_id: first.org_id, name: "twice".to_owned() };
                let conflict = twice.insert(tx).await.map(|_| ()).unwrap_err();
                assert!(conflict.is_conflict(), "{conflict}");
                let next = label(&cx, "next").insert(tx).await.map(|_| ()).unwrap_err();
                assert!(next.to_string().contains("an earlier statement"), "{next}");
                Ok::<_, DataError>(())
            });
            let refused = swallowed.await.unwrap_err();
            assert!(refused.to_string().contains("an earlier statement"), "{refused}");
            cx.transaction(async |tx| label(&cx, "later").insert(tx).await).await.unwrap();
        })
        .await;
    assert_eq!(labels(&bench).await, ["later"]);
}

async fn statements_beside_one_that_fails_leave_the_connection_fit_for_the_next(bench: Bench) {
    let mut settings = DatabaseSettings::default();
    settings.postgres.pool_size = 1;
    let narrow = bench.reopened(&settings);
    narrow
        .request(async |cx| {
            let first = label(&cx, "first");
            let twice = || Label { id: first.id, org_id: first.org_id, name: "twice".to_owned() };
            let failed = cx.transaction(async |tx| {
                let inserted = join_all((0..5).map(|_| twice().insert(tx))).await;
                inserted.into_iter().collect::<Result<Vec<_>, _>>().map(|_| ())
            });
            let failed = failed.await.unwrap_err();
            assert_eq!(failed.constraint().unwrap().columns, ["org_id", "id"], "{failed}");
            cx.transaction(async |tx| first.insert(tx).await).await.unwrap();
        })
        .await;
    assert_eq!(labels(&bench).await, ["first"]);
}

async fn a_load_that_was_not_awaited_inside_is_abandoned_at_the_end(bench: Bench) {
    bench
        .request(async |cx| {
            let stored = cx.transaction(async |tx| label(&cx, "one").insert(tx).await).await.unwrap();
            let committed = cx.transaction(async |tx| {
                drop(Label::get(tx, stored.id));
                Ok::<_, DataError>(())
            });
            committed.await.unwrap();
            assert_eq!(Label::get(&cx, stored.id).await.unwrap().name, "one");
        })
        .await;
    assert_eq!(names(&bench.statements()), ["work_labels.get", "work_labels.insert"]);
}

async fn a_row_of_another_organization_is_not_stored(bench: Bench) {
    bench
        .request(async |cx| {
            let foreign = Label { org_id: OrgId(cx.new_id()), ..label(&cx, "foreign") };
            let rows = vec![label(&cx, "own"), foreign];
            let refused =
                cx.transaction(async |tx| Label::insert_many(tx, rows).await).await.map(|_| ()).unwrap_err();
            assert!(matches!(refused, DataError::OtherTenant { .. }), "{refused}");
        })
        .await;
    assert!(labels(&bench).await.is_empty());
    assert_eq!(
        names(&bench.statements()),
        ["work_labels.list"],
        "the database was not even asked to store it"
    );
}

async fn a_row_cannot_be_moved_to_another_organization(bench: Bench) {
    bench
        .request(async |cx| {
            let own = cx.transaction(async |tx| label(&cx, "own").insert(tx).await).await.unwrap();
            let elsewhere = Label::update(own.id).set(Label::org_id, OrgId(cx.new_id()));
            let refused = cx.transaction(async |tx| elsewhere.run(tx).await).await.unwrap_err();
            assert!(matches!(refused, DataError::OtherTenant { .. }), "{refused}");
            let stays = Label::update(own.id).set(Label::org_id, cx.tenant());
            cx.transaction(async |tx| stays.run(tx).await).await.unwrap();
        })
        .await;
    assert_eq!(labels(&bench).await, ["own"]);
}

async fn one_bad_row_of_many_stores_none_of_them(bench: Bench) {
    bench
        .request(async |cx| {
            let twice = label(&cx, "twice");
            let again = Label { id: twice.id, org_id: twice.org_id, name: "again".to_owned() };
            let rows = vec![label(&cx, "good"), twice, again];
            let refused =
                cx.transaction(async |tx| Label::insert_many(tx, rows).await).await.map(|_| ()).unwrap_err();
            assert!(refused.is_conflict(), "{refused}");
        })
        .await;
    assert!(labels(&bench).await.is_empty());
}

async fn no_rows_are_stored_without_a_statement(bench: Bench) {
    bench
        .request(async |cx| {
            let none =
                cx.transaction(async |tx| Label::insert_many(tx, Vec::<Label>::new()).await).await.unwrap();
            assert!(none.is_empty());
        })
        .await;
    assert!(bench.statements().is_empty());
}

async fn a_change_of_a_row_that_is_not_there_is_not_found(bench: Bench) {
    bench
        .request(async |cx| {
            let nothing = LabelId(cx.new_id());
            let change = Label::update(nothing).set(Label::name, "x".to_owned());
            let changed = cx.transaction(async |tx| change.run(tx).await).await.unwrap_err();
            assert!(matches!(changed, DataError::NotFound { entity: "Label", .. }), "{changed}");
            let deleted = cx.transaction(async |tx| Label::delete(tx, nothing).await).await.unwrap_err();
            assert!(matches!(deleted, DataError::NotFound { entity: "Label", .. }), "{deleted}");
        })
        .await;
}

async fn a_change_of_no_column_only_looks_for_the_row(bench: Bench) {
    bench
        .request(async |cx| {
            let own = cx.transaction(async |tx| label(&cx, "own").insert(tx).await).await.unwrap();
            let nothing = Label::update(own.id).set_if(Label::name, None);
            cx.transaction(async |tx| nothing.run(tx).await).await.unwrap();
            let missing = Label::update(LabelId(cx.new_id())).set_if(Label::name, None);
            assert!(cx.transaction(async |tx| missing.run(tx).await).await.is_err());
        })
        .await;
    assert_eq!(labels(&bench).await, ["own"]);
}

async fn a_deleted_row_is_gone(bench: Bench) {
    bench
        .request(async |cx| {
            let account = people::account(&cx, "leaving");
            let id: AccountId = account.id;
            cx.transaction(async |tx| account.insert(tx).await).await.unwrap();
            assert!(Account::find(&cx, id).await.unwrap().is_some());
            cx.transaction(async |tx| Account::delete(tx, id).await).await.unwrap();
            assert!(Account::find(&cx, id).await.unwrap().is_none());
        })
        .await;
}
