//! Programs of many shapes, and what each costs. The shapes are those of Haxl's batch tests and Goldiloader's
//! specification. Here each has its exact number of statements, the same on both databases.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{BoxFuture, Either, join, join_all, select};
use futures_util::{StreamExt as _, stream};
use tenfold_data::{Context, DataError, EntityExt};

use crate::bench::Bench;
use crate::ledger::{names, rows_of};
use crate::people::{self, User, UserId};
use crate::work::{self, Project, Task};

on_both_databases!(
    a_loop_inside_a_loop_inside_a_loop,
    a_join_inside_a_loop_and_a_loop_inside_a_join,
    joins_inside_joins,
    a_stream_inside_a_stream,
    a_loop_that_returns_early,
    a_loop_that_breaks_on_an_error,
    branches_that_need_one_another_step_by_step,
    the_winner_of_a_race_pays_for_both,
    a_branch_that_is_cancelled_after_its_load_was_sent,
    tasks_that_spawn_tasks,
    spawned_tasks_beside_a_loop_of_the_request,
    children_that_yield_before_every_load,
    a_tree_that_is_walked_by_recursion,
    lists_and_loads_by_key_mixed,
    an_empty_list_costs_nothing_more,
    a_relation_touched_again_much_later,
    work_that_waits_for_something_else_meanwhile,
);

/// Two projects with `tasks` tasks each, and as many users.
async fn stock(bench: &Bench, tasks: usize) {
    bench.request(async |cx| work::plan(&cx, tasks).await).await;
    bench.request(async |cx| people::hire(&cx, tasks).await).await;
    bench.statements();
}

/// Loads everything below one task.
async fn weigh(cx: &Context, task: &Task) -> usize {
    let mut weight = usize::try_from(task.comments.get(cx).await.unwrap()).unwrap();
    for labeling in task.labelings.get(cx).await.unwrap() {
        weight += labeling.label.get(cx).await.unwrap().name.len();
    }
    weight
}

/// Projects, tasks, comments, labelings, labels.
const DOWN_TO_LABELS: usize = 5;

async fn a_loop_inside_a_loop_inside_a_loop(bench: Bench) {
    for tasks in [3, 9] {
        stock(&bench, tasks).await;
        bench
            .request(async |cx| {
                for project in &Project::query().all(&cx).await.unwrap() {
                    for task in project.tasks.get(&cx).await.unwrap() {
                        weigh(&cx, task).await;
                    }
                }
            })
            .await;
        assert_eq!(bench.statements().len(), DOWN_TO_LABELS, "for {tasks} tasks");
    }
}

async fn a_join_inside_a_loop_and_a_loop_inside_a_join(bench: Bench) {
    stock(&bench, 9).await;
    bench
        .request(async |cx| {
            for project in &Project::query().all(&cx).await.unwrap() {
                let tasks = project.tasks.get(&cx).await.unwrap();
                join_all(tasks.iter().map(|task| weigh(&cx, task))).await;
            }
        })
        .await;
    assert_eq!(bench.statements().len(), DOWN_TO_LABELS);
    bench
        .request(async |cx| {
            let projects = Project::query().all(&cx).await.unwrap();
            let walk = async |project: &Project| {
                for task in project.tasks.get(&cx).await.unwrap() {
                    weigh(&cx, task).await;
                }
            };
            join_all(projects.iter().map(walk)).await;
        })
        .await;
    assert_eq!(bench.statements().len(), DOWN_TO_LABELS);
}

async fn joins_inside_joins(bench: Bench) {
    stock(&bench, 20).await;
    bench
        .request(async |cx| {
            let projects = Project::query().all(&cx).await.unwrap();
            let walk = async |project: &Project| {
                let tasks = project.tasks.get(&cx).await.unwrap();
                join_all(tasks.iter().map(|task| weigh(&cx, task))).await
            };
            assert_eq!(join_all(projects.iter().map(walk)).await.concat().len(), 40);
        })
        .await;
    assert_eq!(bench.statements().len(), DOWN_TO_LABELS);
}

async fn a_stream_inside_a_stream(bench: Bench) {
    stock(&bench, 20).await;
    bench
        .request(async |cx| {
            let projects = Project::query().all(&cx).await.unwrap();
            let walk = async |project: &Project| {
                let tasks = stream::iter(project.tasks.get(&cx).await.unwrap());
                tasks.map(|task| weigh(&cx, task)).buffer_unordered(3).count().await
            };
            let walked: Vec<usize> = stream::iter(&projects).map(walk).buffer_unordered(2).collect().await;
            assert_eq!(walked, [20, 20]);
        })
        .await;
    assert_eq!(bench.statements().len(), DOWN_TO_LABELS);
}

async fn a_loop_that_returns_early(bench: Bench) {
    async fn first_with_comments(cx: &Context) -> Result<Option<String>, DataError> {
        for task in &Task::query().all(cx).await? {
            if task.comments.get(cx).await? > 1 {
                return Ok(Some(task.title.clone()));
            }
            task.labelings.get(cx).await?;
        }
        Ok(None)
    }
    stock(&bench, 9).await;
    let found = bench.request(async |cx| first_with_comments(&cx).await.unwrap()).await;
    assert_eq!(found.as_deref(), Some("task 2"));
    assert_eq!(bench.statements().len(), 3);
}

async fn a_loop_that_breaks_on_an_error(bench: Bench) {
    stock(&bench, 5).await;
    bench
        .request(async |cx| {
            let users = User::query().order_by(User::name).descending().all(&cx).await.unwrap();
            let mut managed = 0;
            for user in &users {
                // The first user has no manager.
                let Ok(manager) = user.manager.get(&cx).await else { break };
                managed += 1;
                assert_eq!(manager.profile.get(&cx).await.unwrap().user_id, manager.id);
            }
            assert_eq!(managed, 4);
        })
        .await;
    assert_eq!(bench.statements().len(), 3);
}

async fn branches_that_need_one_another_step_by_step(bench: Bench) {
    let users = bench.request(async |cx| people::hire(&cx, 6).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            // Each branch goes up two managers by their keys, each known only from the answer before.
            let climb = async |user: &User| {
                let first = User::get(&cx, user.manager_id?).await.unwrap();
                User::get(&cx, first.manager_id?).await.ok()
            };
            let climbed = join_all(users.iter().map(climb)).await;
            assert_eq!(climbed.iter().flatten().count(), 4);
        })
        .await;
    // Of the six, five have a manager; all of these were loaded in the first round.
    assert_eq!(names(&bench.statements()), ["people_users.get"]);
}

async fn the_winner_of_a_race_pays_for_both(bench: Bench) {
    stock(&bench, 4).await;
    bench
        .request(async |cx| {
            let users = User::query().all(&cx).await.unwrap();
            let (one, other) = (users[0].profile.get(&cx), users[1].settings.get(&cx));
            drop(select(Box::pin(one), Box::pin(other)).await);
            users[2].profile.get(&cx).await.unwrap();
            users[3].settings.get(&cx).await.unwrap();
        })
        .await;
    assert_eq!(bench.statements().len(), 3, "the loser's load was sent, and its peers use it");
}

async fn a_branch_that_is_cancelled_after_its_load_was_sent(bench: Bench) {
    stock(&bench, 4).await;
    bench
        .request(async |cx| {
            let users = User::query().all(&cx).await.unwrap();
            let slow = async {
                users[0].profile.get(&cx).await.unwrap();
                users[0].permissions.get(&cx).await.unwrap();
                std::future::pending::<()>().await;
            };
            let quick = async { users[1].permissions.get(&cx).await.unwrap().len() };
            match select(Box::pin(slow), Box::pin(quick)).await {
                Either::Left(_) => panic!("the slow branch never ends"),
                Either::Right((found, slow)) => {
                    drop(slow);
                    assert_eq!(found, 2);
                }
            }
            assert_eq!(users[2].profile.get(&cx).await.unwrap().user_id, users[2].id);
        })
        .await;
    assert_eq!(bench.statements().len(), 3);
}

async fn tasks_that_spawn_tasks(bench: Bench) {
    let ids = ids(&bench, 12).await;
    bench
        .request(async |cx| {
            let outer = ids.chunks(4).map(|part| {
                let (inner, part) = (cx.clone(), part.to_vec());
                cx.spawn(async move {
                    let loads = part.into_iter().map(|id| {
                        let own = inner.clone();
                        inner.spawn(async move { User::get(&own, id).await.unwrap().id })
                    });
                    join_all(loads).await
                })
            });
            let found: Vec<_> =
                join_all(outer).await.into_iter().flat_map(Option::unwrap).map(Option::unwrap).collect();
            assert_eq!(found, ids);
        })
        .await;
    assert_eq!(names(&bench.statements()), ["people_users.get"]);
}

async fn spawned_tasks_beside_a_loop_of_the_request(bench: Bench) {
    stock(&bench, 10).await;
    bench
        .request(async |cx| {
            let users = Arc::new(User::query().all(&cx).await.unwrap());
            let (own, theirs) = (cx.clone(), Arc::clone(&users));
            let beside = cx.spawn(async move {
                for user in theirs.iter().rev() {
                    user.profile.get(&own).await.unwrap();
                    user.settings.get(&own).await.unwrap();
                }
            });
            for user in users.iter() {
                user.settings.get(&cx).await.unwrap();
                user.profile.get(&cx).await.unwrap();
            }
            beside.await.unwrap();
        })
        .await;
    assert_eq!(bench.statements().len(), 3);
}

async fn children_that_yield_before_every_load(bench: Bench) {
    stock(&bench, 30).await;
    bench
        .request(async |cx| {
            let users = User::query().all(&cx).await.unwrap();
            let visit = async |(n, user): (usize, &User)| {
                for _ in 0..n % 4 {
                    tokio::task::yield_now().await;
                }
                let id = User::get(&cx, user.id).await.unwrap().id;
                for _ in 0..3 - n % 4 {
                    tokio::task::yield_now().await;
                }
                User::find(&cx, people::UserId(id.0))
                    .await
                    .unwrap()
                    .unwrap()
                    .profile
                    .get(&cx)
                    .await
                    .unwrap()
                    .user_id
            };
            assert_eq!(join_all(users.iter().enumerate().map(visit)).await.len(), 30);
        })
        .await;
    assert_eq!(
        names(&bench.statements()),
        ["people_profiles.profile_of_people_users", "people_users.get", "people_users.list"]
    );
}

async fn a_tree_that_is_walked_by_recursion(bench: Bench) {
    /// Counts the users below `id`, each level's branches concurrently.
    fn below<'a>(cx: &'a Context, tree: &'a [User], index: usize) -> BoxFuture<'a, usize> {
        Box::pin(async move {
            let Some(user) = tree.get(index) else { return 0 };
            User::get(cx, user.id).await.unwrap();
            let (left, right) = join(below(cx, tree, 2 * index + 1), below(cx, tree, 2 * index + 2)).await;
            1 + left + right
        })
    }
    let users = bench.request(async |cx| people::hire(&cx, 31).await).await;
    bench.statements();
    assert_eq!(bench.request(async |cx| { below(&cx.repeating("once a level"), &users, 0).await }).await, 31);
    let ran = bench.statements();
    assert_eq!(ran.len(), 5, "one statement a level of the tree");
    assert_eq!(rows_of(&ran, "people_users.get"), 31);
}

async fn lists_and_loads_by_key_mixed(bench: Bench) {
    stock(&bench, 8).await;
    bench
        .request(async |cx| {
            let (users, tasks) = join(User::query().all(&cx), Task::query().all(&cx)).await;
            let (users, tasks) = (users.unwrap(), tasks.unwrap());
            let known = cx.repeating("a loop over keys is what this is about");
            let people = async {
                for user in &users {
                    User::get(&known, user.manager_id.unwrap_or(user.id)).await.unwrap();
                }
            };
            let things = join_all(tasks.iter().map(|task| weigh(&cx, task)));
            join(people, things).await;
        })
        .await;
    let ran = bench.statements();
    let of = |name: &str| ran.iter().filter(|record| record.name == name).count();
    // A loop over keys has no peers to predict the next key: that is what relations are for.
    assert_eq!(of("people_users.get"), 7);
    assert_eq!(ran.len() - of("people_users.get"), 2 + 3);
}

async fn an_empty_list_costs_nothing_more(bench: Bench) {
    bench
        .request(async |cx| {
            let users = User::query().all(&cx).await.unwrap();
            for user in &users {
                user.profile.get(&cx).await.unwrap();
            }
            assert!(join_all(users.iter().map(|user| user.settings.get(&cx))).await.is_empty());
            assert!(User::find_many(&cx, Vec::new()).await.unwrap().is_empty());
        })
        .await;
    assert_eq!(names(&bench.statements()), ["people_users.list"]);
}

async fn a_relation_touched_again_much_later(bench: Bench) {
    stock(&bench, 5).await;
    bench
        .request(async |cx| {
            let users = User::query().all(&cx).await.unwrap();
            users[0].profile.get(&cx).await.unwrap();
            User::query().limit(1).all(&cx).await.unwrap();
            cx.transaction(async |tx| User::query().exists(tx).await).await.unwrap();
            for user in &users {
                user.profile.get(&cx).await.unwrap();
            }
        })
        .await;
    assert_eq!(bench.statements().len(), 4);
}

async fn work_that_waits_for_something_else_meanwhile(bench: Bench) {
    let ids = ids(&bench, 40).await;
    let arrived = AtomicUsize::new(0);
    bench
        .request(async |cx| {
            let gate = tokio::sync::Barrier::new(ids.len());
            let loads = ids.iter().map(async |id| {
                arrived.fetch_add(1, Ordering::Relaxed);
                // Each branch waits here for its peers, not for the database.
                gate.wait().await;
                User::get(&cx, *id).await.unwrap()
            });
            assert_eq!(join_all(loads).await.len(), 40);
        })
        .await;
    assert_eq!(arrived.into_inner(), 40);
    assert_eq!(names(&bench.statements()), ["people_users.get"]);
}

/// Stores users, and returns their ids.
async fn ids(bench: &Bench, count: usize) -> Vec<UserId> {
    let users = bench.request(async |cx| people::hire(&cx, count).await).await;
    bench.statements();
    users.iter().map(|user| user.id).collect()
}
