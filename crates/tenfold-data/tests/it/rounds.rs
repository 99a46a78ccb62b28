//! Rounds: loads requested before any answer are sent together, however the branches are combined, and each step that
//! needs an answer is one more round. The cases are those of Haxl's batch tests.

use std::time::Duration;

use futures_util::future::{join, join_all, select_all, try_join_all};
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt as _, stream};
use tenfold_data::{Context, DataError, EntityExt};

use crate::bench::Bench;
use crate::ledger::{names, rows_of};
use crate::people::{self, User, UserId};

on_both_databases!(
    branches_of_different_depth_share_each_step,
    joins_nested_to_the_left_and_to_the_right_are_one_round,
    branches_that_decide_by_what_they_loaded,
    a_branch_that_fails_ends_the_rest_and_its_batch_is_paid_once,
    the_first_of_many_that_answers_ends_the_rest,
    loads_under_a_time_limit,
    a_stream_that_loads_as_it_goes,
    a_set_of_futures_that_grows_as_it_goes,
    a_loop_a_join_a_spawned_task_and_children_that_yield_at_once,
    a_row_that_was_found_alone_loads_for_itself,
    rows_that_were_loaded_by_key_together_are_peers,
    a_chain_by_key_costs_a_statement_a_link_however_many_climb_it,
);

async fn staff(bench: &Bench, count: usize) -> Vec<User> {
    let users = bench.request(async |cx| people::hire(&cx, count).await).await;
    bench.statements();
    users
}

/// Follows managers upwards for this many steps by their keys, each known only from the answer before.
async fn climb(cx: &Context, from: &User, steps: usize) -> Option<UserId> {
    let mut id = from.manager_id?;
    for _ in 1..steps {
        id = User::get(cx, id).await.unwrap().manager_id?;
    }
    Some(User::get(cx, id).await.unwrap().id)
}

async fn branches_of_different_depth_share_each_step(bench: Bench) {
    let users = staff(&bench, 20).await;
    bench
        .request(async |cx| {
            let branches = [(19, 3), (10, 2), (5, 1)].map(|(from, steps)| climb(&cx, &users[from], steps));
            let ends = [16, 8, 4].map(|end: usize| Some(users[end].id));
            assert_eq!(join_all(branches).await, ends);
        })
        .await;
    let ran = bench.statements();
    assert_eq!(ran.len(), 3, "as many as the deepest has steps");
    assert_eq!(rows_of(&ran, "people_users.get"), 3 + 2 + 1);
}

async fn joins_nested_to_the_left_and_to_the_right_are_one_round(bench: Bench) {
    let users = staff(&bench, 8).await;
    bench
        .request(async |cx| {
            let get = async |n: usize| User::get(&cx, users[n].id).await.unwrap().id;
            let (((a, b), c), d) = join(join(join(get(0), get(1)), get(2)), get(3)).await;
            assert_eq!([a, b, c, d], [0, 1, 2, 3].map(|n: usize| users[n].id));
            let (a, (b, (c, d))) = join(get(4), join(get(5), join(get(6), get(7)))).await;
            assert_eq!([a, b, c, d], [4, 5, 6, 7].map(|n: usize| users[n].id));
        })
        .await;
    assert_eq!(names(&bench.statements()), ["people_users.get", "people_users.get"]);
}

async fn branches_that_decide_by_what_they_loaded(bench: Bench) {
    staff(&bench, 30).await;
    bench
        .request(async |cx| {
            let users = User::query().all(&cx).await.unwrap();
            let decide = async |user: &User| {
                if user.profile.get(&cx).await.unwrap().city.ends_with(['0', '2', '4', '6', '8']) {
                    user.settings.get(&cx).await.unwrap().theme.len()
                } else {
                    user.permissions.get(&cx).await.unwrap().len()
                }
            };
            assert_eq!(join_all(users.iter().map(decide)).await.len(), 30);
        })
        .await;
    assert_eq!(bench.statements().len(), 4);
}

async fn a_branch_that_fails_ends_the_rest_and_its_batch_is_paid_once(bench: Bench) {
    let users = staff(&bench, 5).await;
    bench
        .request(async |cx| {
            let nobody = UserId(cx.new_id());
            let ids = users.iter().map(|user| user.id).chain([nobody]);
            let failed = try_join_all(ids.map(|id| User::get(&cx, id))).await.map(|_| ()).unwrap_err();
            assert!(matches!(failed, DataError::NotFound { .. }), "{failed}");
            for user in &users {
                User::get(&cx, user.id).await.unwrap();
            }
            assert!(User::find(&cx, nobody).await.unwrap().is_none());
        })
        .await;
    assert_eq!(names(&bench.statements()), ["people_users.get"]);
}

async fn the_first_of_many_that_answers_ends_the_rest(bench: Bench) {
    let users = staff(&bench, 5).await;
    bench
        .request(async |cx| {
            let loads = users.iter().map(|user| Box::pin(User::get(&cx, user.id)));
            let (first, _, rest) = select_all(loads).await;
            assert_eq!(first.unwrap().id, users[0].id);
            drop(rest);
            assert_eq!(User::get(&cx, users[4].id).await.unwrap().id, users[4].id);
        })
        .await;
    assert_eq!(names(&bench.statements()), ["people_users.get"], "what the losers asked for is remembered");
}

async fn loads_under_a_time_limit(bench: Bench) {
    staff(&bench, 50).await;
    bench
        .request(async |cx| {
            let limit = Duration::from_secs(60);
            let users = User::query().all(&cx).await.unwrap();
            for user in &users {
                // A timer could wake the work, so a turn of the executor is taken, but no extra statement.
                tokio::time::timeout(limit, user.profile.get(&cx)).await.unwrap().unwrap();
            }
            let visit = async |user: &User| user.settings.get(&cx).await.map(|settings| settings.user_id);
            let all = join_all(users.iter().map(|user| tokio::time::timeout(limit, visit(user)))).await;
            assert!(all.iter().all(|found| matches!(found, Ok(Ok(_)))), "{all:?}");
        })
        .await;
    assert_eq!(bench.statements().len(), 3);
}

async fn a_stream_that_loads_as_it_goes(bench: Bench) {
    staff(&bench, 30).await;
    bench
        .request(async |cx| {
            let users = User::query().all(&cx).await.unwrap();
            let one_by_one = stream::iter(&users).then(async |user| user.profile.get(&cx).await.unwrap());
            assert_eq!(one_by_one.count().await, 30);
            let in_order = stream::iter(&users).map(async |user: &User| {
                user.settings.get(&cx).await.unwrap();
                user.permissions.get(&cx).await.unwrap().len()
            });
            assert_eq!(in_order.buffered(4).fold(0, async |sum, n| sum + n).await, 60);
        })
        .await;
    assert_eq!(bench.statements().len(), 4);
}

async fn a_set_of_futures_that_grows_as_it_goes(bench: Bench) {
    let users = staff(&bench, 31).await;
    bench
        .request(async |cx| {
            let each = cx.repeating("once a level of the tree");
            let visit = async |n: usize| User::get(&each, users[n].id).await.map(|_| n);
            let mut visits = FuturesUnordered::new();
            visits.extend([0].map(visit));
            let mut seen = 0;
            while let Some(visited) = visits.next().await {
                let n = visited.unwrap();
                seen += 1;
                visits.extend([2 * n + 1, 2 * n + 2].into_iter().filter(|n| *n < 31).map(visit));
            }
            assert_eq!(seen, 31);
        })
        .await;
    let ran = bench.statements();
    assert_eq!((ran.len(), rows_of(&ran, "people_users.get")), (5, 31));
}

async fn a_loop_a_join_a_spawned_task_and_children_that_yield_at_once(bench: Bench) {
    let ids: Vec<_> = staff(&bench, 24).await.iter().map(|user| user.id).collect();
    bench
        .request(async |cx| {
            let some = ids[..8].to_vec();
            let (own, beside) = (cx.clone(), some.len());
            let task = cx.spawn(async move {
                let loads = some.iter().map(|id| User::get(&own, *id));
                join_all(loads).await.into_iter().filter(Result::is_ok).count()
            });
            let late = ids[8..16].iter().enumerate().map(async |(n, id)| {
                for _ in 0..n {
                    tokio::task::yield_now().await;
                }
                User::get(&cx, *id).await.unwrap()
            });
            let many = User::find_many(&cx, ids[16..].to_vec());
            let (late, many) = join(join_all(late), many).await;
            assert_eq!((late.len(), many.unwrap().len(), task.await), (8, 8, Some(beside)));
            for id in &ids {
                User::get(&cx, *id).await.unwrap();
            }
        })
        .await;
    let ran = bench.statements();
    assert_eq!(names(&ran), ["people_users.get"]);
    assert_eq!(rows_of(&ran, "people_users.get"), 24);
}

async fn a_row_that_was_found_alone_loads_for_itself(bench: Bench) {
    staff(&bench, 10).await;
    bench
        .request(async |cx| {
            let first = User::query().first(&cx).await.unwrap().unwrap();
            assert_eq!(first.profile.get(&cx).await.unwrap().user_id, first.id);
            assert_eq!(first.permissions.get(&cx).await.unwrap().len(), 2);
        })
        .await;
    let ran = bench.statements();
    assert_eq!((ran.len(), rows_of(&ran, "people_profiles.profile_of_people_users")), (3, 1));
}

async fn rows_that_were_loaded_by_key_together_are_peers(bench: Bench) {
    let users = staff(&bench, 12).await;
    bench
        .request(async |cx| {
            let loads = users.iter().map(|user| User::get(&cx, user.id));
            for user in join_all(loads).await {
                let user = user.unwrap();
                assert_eq!(user.profile.get(&cx).await.unwrap().user_id, user.id);
            }
        })
        .await;
    assert_eq!(bench.statements().len(), 2);
}

async fn a_chain_by_key_costs_a_statement_a_link_however_many_climb_it(bench: Bench) {
    let users = staff(&bench, 40).await;
    bench
        .request(async |cx| {
            let each = cx.repeating("each key stands in the row before");
            let climbing = users[30..].iter().map(|user| climb(&each, user, 8));
            let ends: Vec<_> = users[22..32].iter().map(|user| Some(user.id)).collect();
            assert_eq!(join_all(climbing).await, ends);
        })
        .await;
    assert_eq!(bench.statements().len(), 8);
}
