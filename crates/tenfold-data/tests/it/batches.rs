//! The request scope: loads that are requested concurrently are sent together, wherever they come from.

use std::sync::Arc;

use futures_util::future::{Either, join, join_all, select};
use futures_util::{StreamExt as _, stream};
use tenfold_data::{Context, DataError, Dialect, EntityExt, Outcome, SystemContext, sql};

use crate::bench::Bench;
use crate::ledger::{names, rows_of};
use crate::people::{self, Account, User, UserId};
use crate::work::{self, Task};

on_both_databases!(
    join_all_over_any_number_of_users_costs_four_statements,
    buffer_unordered_costs_four_statements,
    two_lists_that_are_walked_side_by_side_share_their_loads,
    children_that_yield_first_share_one_statement,
    children_that_yield_unevenly_share_one_statement,
    children_that_use_up_the_cooperative_budget_share_one_statement,
    spawned_tasks_share_one_statement,
    loads_by_key_from_everywhere_become_one_statement_without_duplicates,
    a_second_load_by_key_costs_nothing,
    a_transaction_makes_the_request_forget_what_it_remembered,
    a_key_found_missing_is_remembered_as_missing,
    find_many_answers_each_key_in_its_place,
    independent_loads_of_one_moment_go_out_together,
    the_loser_of_a_race_does_not_strand_its_peers,
    a_cancelled_branch_leaves_the_others_their_answers,
    one_failed_load_is_told_to_everybody_and_can_be_tried_again,
);

/// Touches all three relations of one user.
async fn visit(cx: &Context, user: &User) -> usize {
    let city = user.profile.get(cx).await.unwrap().city.len();
    let theme = user.settings.get(cx).await.unwrap().theme.len();
    city + theme + user.permissions.get(cx).await.unwrap().len()
}

const FOUR: [&str; 4] = [
    "people_permissions.permissions_of_people_users",
    "people_profiles.profile_of_people_users",
    "people_settings.settings_of_people_users",
    "people_users.list",
];

async fn join_all_over_any_number_of_users_costs_four_statements(bench: Bench) {
    let mut before = 0;
    for count in [10, 100, 1000] {
        bench.request(async |cx| people::hire(&cx, count - before).await).await;
        before = count;
        bench.statements();
        bench
            .request(async |cx| {
                let users = User::query().all(&cx).await.unwrap();
                assert_eq!(join_all(users.iter().map(|user| visit(&cx, user))).await.len(), count);
            })
            .await;
        assert_eq!(names(&bench.statements()), FOUR, "for {count} users");
    }
}

async fn buffer_unordered_costs_four_statements(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 100).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let users = User::query().all(&cx).await.unwrap();
            let visits = stream::iter(&users).map(|user| visit(&cx, user)).buffer_unordered(8);
            assert_eq!(visits.count().await, 100);
        })
        .await;
    assert_eq!(names(&bench.statements()), FOUR);
}

async fn two_lists_that_are_walked_side_by_side_share_their_loads(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 20).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let first = User::query().limit(15).all(&cx).await.unwrap();
            let second = User::query().newest_first().limit(15).all(&cx).await.unwrap();
            let walk = async |users: &[User]| {
                for user in users {
                    user.profile.get(&cx).await.unwrap();
                }
            };
            join(walk(&first), walk(&second)).await;
        })
        .await;
    let ran = bench.statements();
    assert_eq!(ran.len(), 3);
    assert_eq!(
        rows_of(&ran, "people_profiles.profile_of_people_users"),
        20,
        "whom both lists hold is read once"
    );
}

async fn children_that_yield_first_share_one_statement(bench: Bench) {
    let ids = ids(&bench, 200).await;
    bench
        .request(async |cx| {
            let loads = ids.iter().map(async |id| {
                tokio::task::yield_now().await;
                User::get(&cx, *id).await.unwrap()
            });
            assert_eq!(join_all(loads).await.len(), 200);
        })
        .await;
    assert_eq!(names(&bench.statements()), ["people_users.get"]);
}

async fn children_that_yield_unevenly_share_one_statement(bench: Bench) {
    let ids = ids(&bench, 200).await;
    bench
        .request(async |cx| {
            let loads = ids.iter().enumerate().map(async |(n, id)| {
                for _ in 0..n % 5 {
                    tokio::task::yield_now().await;
                }
                User::get(&cx, *id).await.unwrap()
            });
            assert_eq!(join_all(loads).await.len(), 200);
        })
        .await;
    assert_eq!(names(&bench.statements()), ["people_users.get"]);
}

async fn children_that_use_up_the_cooperative_budget_share_one_statement(bench: Bench) {
    let ids = ids(&bench, 1000).await;
    bench
        .request(async |cx| {
            let seats = tokio::sync::Semaphore::new(1000);
            let loads = ids.iter().map(async |id| {
                // tokio lets a task do about a hundred of these before it makes it yield.
                let seat = seats.acquire().await.unwrap();
                let user = User::get(&cx, *id).await.unwrap();
                drop(seat);
                user
            });
            assert_eq!(join_all(loads).await.len(), 1000);
        })
        .await;
    assert_eq!(names(&bench.statements()), ["people_users.get"]);
}

async fn spawned_tasks_share_one_statement(bench: Bench) {
    let ids = ids(&bench, 50).await;
    bench
        .request(async |cx| {
            let tasks = ids.iter().map(|id| {
                let (inner, id) = (cx.clone(), *id);
                cx.spawn(async move { User::get(&inner, id).await.unwrap().id })
            });
            let found: Vec<_> = join_all(tasks).await.into_iter().map(Option::unwrap).collect();
            assert_eq!(found, ids);
        })
        .await;
    assert_eq!(names(&bench.statements()), ["people_users.get"]);
}

async fn loads_by_key_from_everywhere_become_one_statement_without_duplicates(bench: Bench) {
    let ids = ids(&bench, 100).await;
    bench
        .request(async |cx| {
            let loads = ids.iter().chain(&ids).chain(&ids[..10]).map(|id| User::get(&cx, *id));
            let found: Vec<_> = join_all(loads).await.into_iter().map(|user| user.unwrap().id).collect();
            assert_eq!(found[..100], ids);
            assert_eq!(found[100..200], ids);
        })
        .await;
    let ran = bench.statements();
    assert_eq!(names(&ran), ["people_users.get"]);
    assert_eq!(rows_of(&ran, "people_users.get"), 100);
}

async fn a_second_load_by_key_costs_nothing(bench: Bench) {
    let ids = ids(&bench, 10).await;
    bench
        .request(async |cx| {
            let first = User::get(&cx, ids[0]).await.unwrap();
            let second = User::get(&cx, ids[0]).await.unwrap();
            assert!(Arc::ptr_eq(&first, &second));
            assert_eq!(cx.scope().cost().statements, 1);
            let all = User::find_many(&cx, ids.clone()).await.unwrap();
            assert!(all.iter().all(Option::is_some));
        })
        .await;
    let ran = bench.statements();
    assert_eq!(names(&ran), ["people_users.get", "people_users.get"]);
    assert_eq!(rows_of(&ran, "people_users.get"), 10, "only the nine that were not there yet are read");
}

async fn a_transaction_makes_the_request_forget_what_it_remembered(bench: Bench) {
    let ids = ids(&bench, 1).await;
    bench
        .request(async |cx| {
            assert_eq!(User::get(&cx, ids[0]).await.unwrap().name, "user 0000");
            cx.transaction(async |tx| User::update(ids[0]).set(User::name, "Ada".to_owned()).run(tx).await)
                .await
                .unwrap();
            assert_eq!(User::get(&cx, ids[0]).await.unwrap().name, "Ada");
            assert_eq!(User::get(&cx, ids[0]).await.unwrap().name, "Ada");
        })
        .await;
    assert_eq!(names(&bench.statements()), ["people_users.get", "people_users.get", "people_users.update"]);
}

async fn a_key_found_missing_is_remembered_as_missing(bench: Bench) {
    bench
        .request(async |cx| {
            let nobody = UserId(cx.new_id());
            assert!(User::find(&cx, nobody).await.unwrap().is_none());
            assert!(User::find(&cx, nobody).await.unwrap().is_none());
            let missing = User::get(&cx, nobody).await.unwrap_err();
            assert!(matches!(missing, DataError::NotFound { entity: "User", .. }), "{missing}");
            assert!(missing.to_string().contains(&nobody.to_string()), "{missing}");
        })
        .await;
    assert_eq!(bench.statements().len(), 1);
}

async fn find_many_answers_each_key_in_its_place(bench: Bench) {
    let ids = ids(&bench, 3).await;
    bench
        .request(async |cx| {
            let keys = vec![ids[2], UserId(cx.new_id()), ids[0], ids[2]];
            let found = User::find_many(&cx, keys).await.unwrap();
            let found: Vec<_> = found.iter().map(|user| user.as_ref().map(|user| user.id)).collect();
            assert_eq!(found, [Some(ids[2]), None, Some(ids[0]), Some(ids[2])]);
            assert!(User::find_many(&cx, Vec::new()).await.unwrap().is_empty());
        })
        .await;
    assert_eq!(bench.statements().len(), 1);
}

async fn independent_loads_of_one_moment_go_out_together(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 10).await).await;
    bench.request(async |cx| work::plan(&cx, 2).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let (users, tasks) =
                join(User::query().limit(50).all(&cx), Task::query().limit(50).all(&cx)).await;
            let (users, tasks) = (users.unwrap(), tasks.unwrap());
            let account = Account::get(&cx, users[0].account_id);
            let (account, comments) = join(account, tasks[0].comments.get(&cx)).await;
            assert!(account.is_ok() && comments.is_ok());
            let profiles = join_all(users.iter().map(|user| user.profile.get(&cx)));
            let settings = join_all(users.iter().map(|user| user.settings.get(&cx)));
            join(profiles, settings).await;
        })
        .await;
    assert_eq!(bench.statements().len(), 6);
}

async fn the_loser_of_a_race_does_not_strand_its_peers(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 4).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let users = User::query().all(&cx).await.unwrap();
            // The first touch starts the load for all four. It loses the race, and its future is dropped.
            match select(Box::pin(users[0].profile.get(&cx)), std::future::ready(())).await {
                Either::Left(_) => panic!("a load needs the scope to be polled again"),
                Either::Right(((), loser)) => drop(loser),
            }
            for user in &users {
                assert_eq!(user.profile.get(&cx).await.unwrap().user_id, user.id);
            }
        })
        .await;
    assert_eq!(bench.statements().len(), 2);
}

async fn a_cancelled_branch_leaves_the_others_their_answers(bench: Bench) {
    let ids = ids(&bench, 3).await;
    bench
        .request(async |cx| {
            let cancelled = User::get(&cx, ids[0]);
            drop(cancelled);
            let (second, third) = join(User::get(&cx, ids[1]), User::get(&cx, ids[2])).await;
            assert_eq!((second.unwrap().id, third.unwrap().id), (ids[1], ids[2]));
            let abandoned = User::get(&cx, UserId(cx.new_id()));
            drop(abandoned);
        })
        .await;
    assert_eq!(
        names(&bench.statements()),
        ["people_users.get"],
        "what nobody waits for at the end is not sent"
    );
}

async fn one_failed_load_is_told_to_everybody_and_can_be_tried_again(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 3).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let users = User::query().all(&cx).await.unwrap();
            rename(&bench, &cx, true).await;
            let failed = join_all(users.iter().map(|user| user.profile.get(&cx))).await;
            assert!(
                failed.iter().all(|found| matches!(found, Err(DataError::Statement { .. }))),
                "{failed:?}"
            );
            rename(&bench, &cx, false).await;
            let found = join_all(users.iter().map(|user| user.profile.get(&cx))).await;
            assert!(found.iter().all(Result::is_ok), "{found:?}");
        })
        .await;
    let ran = bench.statements();
    let profiles = ran.iter().filter(|record| record.name == "people_profiles.profile_of_people_users");
    let outcomes: Vec<_> = profiles.map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Ok]);
}

/// Renames a table away or back, so that its statements fail meanwhile. On PostgreSQL only the owner may.
async fn rename(bench: &Bench, cx: &Context, to_hidden: bool) {
    const HIDE: &str = "ALTER TABLE people_profiles RENAME TO people_hidden";
    const SHOW: &str = "ALTER TABLE people_hidden RENAME TO people_profiles";
    if bench.database.dialect() == Dialect::Postgres {
        let text = if to_hidden { HIDE } else { SHOW };
        return bench.as_owner().await.batch_execute(text).await.unwrap();
    }
    let system = SystemContext::new(Arc::clone(cx.scope()));
    let text = if to_hidden {
        sql!("profiles.hide", "ALTER TABLE people_profiles RENAME TO people_hidden")
    } else {
        sql!("profiles.show", "ALTER TABLE people_hidden RENAME TO people_profiles")
    };
    let renamed = system.transaction(async |tx| text.all::<(i64,), _>(tx).await);
    assert!(renamed.await.unwrap().is_empty());
}

/// Stores users, and returns their ids.
async fn ids(bench: &Bench, count: usize) -> Vec<UserId> {
    let users = bench.request(async |cx| people::hire(&cx, count).await).await;
    bench.statements();
    users.iter().map(|user| user.id).collect()
}
