//! Sibling loading: a relation touched on one entity is loaded for all that were loaded with it.

use tenfold_data::{Context, DataError, Dialect, EntityExt};

use crate::bench::Bench;
use crate::ledger::{here, names, rows_of, site_of};
use crate::people::{self, Account, Permission, PermissionId, User};
use crate::work::{self, Project, Task};

on_both_databases!(
    a_plain_loop_costs_four_statements_for_any_number_of_users,
    nested_loops_cost_one_statement_a_level,
    the_caller_location_is_the_line_that_touched_first,
    a_function_three_calls_deep_that_knows_no_list_costs_nothing_more,
    walking_up_a_chain_of_managers_loads_each_level_once_for_all,
    two_lists_of_the_same_entity_are_two_cohorts,
    a_filtered_list_loads_only_for_what_was_kept,
    an_entity_that_outlives_its_list_loads_only_for_itself,
    a_clone_stays_a_member_of_its_cohort,
    a_relation_found_missing_is_remembered_as_missing,
    a_relation_of_nothing_costs_no_statement,
    a_relation_of_an_entity_that_was_just_inserted_can_be_loaded,
    an_entity_that_was_never_stored_has_no_related_rows,
    related_rows_stand_in_the_order_of_their_keys_however_the_database_gives_them,
);

async fn a_plain_loop_costs_four_statements_for_any_number_of_users(bench: Bench) {
    let mut before = 0;
    for count in [10, 100, 1000] {
        bench.request(async |cx| people::hire(&cx, count - before).await).await;
        before = count;
        bench.statements();
        let (cost, touched) = bench
            .request(async |cx| {
                let mut touched = 0;
                let users = User::query().all(&cx).await.unwrap();
                for user in &users {
                    let profile = user.profile.get(&cx).await.unwrap();
                    assert_eq!(profile.city, format!("city of {}", user.name));
                    assert_eq!(user.settings.get(&cx).await.unwrap().user_id, user.id);
                    let permissions = user.permissions.get(&cx).await.unwrap();
                    assert!(permissions.iter().all(|permission| permission.user_id == user.id));
                    touched += permissions.len();
                }
                (cx.scope().cost(), touched)
            })
            .await;
        let ran = bench.statements();
        assert_eq!(touched, 2 * count);
        assert_eq!(cost.statements, 4, "for {count} users");
        assert_eq!(
            names(&ran),
            [
                "people_permissions.permissions_of_people_users",
                "people_profiles.profile_of_people_users",
                "people_settings.settings_of_people_users",
                "people_users.list",
            ]
        );
        assert_eq!(rows_of(&ran, "people_permissions.permissions_of_people_users"), 2 * count as u64);
        assert!(
            ran.iter().all(|record| record.module == "tenfold-data"),
            "the declaring package is the module"
        );
    }
}

async fn nested_loops_cost_one_statement_a_level(bench: Bench) {
    bench.request(async |cx| work::plan(&cx, 20).await).await;
    bench.statements();
    let seen = bench
        .request(async |cx| {
            let (mut labels, mut comments) = (Vec::new(), 0);
            for project in &Project::query().all(&cx).await.unwrap() {
                for task in project.tasks.get(&cx).await.unwrap() {
                    comments += task.comments.get(&cx).await.unwrap();
                    for labeling in task.labelings.get(&cx).await.unwrap() {
                        labels.push(labeling.label.get(&cx).await.unwrap().name.clone());
                    }
                }
            }
            (labels.len(), comments)
        })
        .await;
    let per_project: i64 = (0..20).map(|n| n % 3).sum();
    assert_eq!(seen, (80, 2 * per_project));
    let ran = bench.statements();
    assert_eq!(
        names(&ran),
        [
            "work_comments.comments_of_work_tasks",
            "work_labelings.labelings_of_work_tasks",
            "work_labels.label_of_work_labelings",
            "work_projects.list",
            "work_tasks.tasks_of_work_projects",
        ]
    );
    assert_eq!(
        rows_of(&ran, "work_labels.label_of_work_labelings"),
        2,
        "a label that many share is read once"
    );
}

async fn the_caller_location_is_the_line_that_touched_first(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 3).await).await;
    bench.statements();
    let (listed, touched, got) = bench
        .request(async |cx| {
            let (listed, users) = (here(), User::query().all(&cx).await.unwrap());
            let mut touched = None;
            for user in &users {
                touched = Some(here()).filter(|_| user.profile.get(&cx).now_or_never_is_pending());
                user.profile.get(&cx).await.unwrap();
                if touched.is_some() {
                    break;
                }
            }
            let (got, _) = (here(), User::get(&cx, users[0].id).await.unwrap());
            (listed, touched.unwrap(), got)
        })
        .await;
    let ran = bench.statements();
    assert_eq!(site_of(&ran, "people_users.list"), listed);
    assert_eq!(site_of(&ran, "people_profiles.profile_of_people_users"), touched);
    assert_eq!(site_of(&ran, "people_users.get"), got);
}

/// Whether a future has to wait. Polling it here does not drive the scope.
trait Pending: Future + Sized {
    fn now_or_never_is_pending(self) -> bool {
        futures_util::FutureExt::now_or_never(self).is_none()
    }
}

impl<F: Future> Pending for F {}

async fn a_function_three_calls_deep_that_knows_no_list_costs_nothing_more(bench: Bench) {
    async fn card(cx: &Context, user: &User) -> Result<String, DataError> {
        place(cx, user).await
    }
    async fn place(cx: &Context, user: &User) -> Result<String, DataError> {
        Ok(format!("{} in {}", user.name, city(cx, user).await?))
    }
    async fn city(cx: &Context, user: &User) -> Result<String, DataError> {
        Ok(user.profile.get(cx).await?.city.clone())
    }
    bench.request(async |cx| people::hire(&cx, 50).await).await;
    bench.statements();
    let cards = bench
        .request(async |cx| {
            let mut cards = Vec::new();
            for user in &User::query().order_by(User::name).all(&cx).await.unwrap() {
                cards.push(card(&cx, user).await.unwrap());
            }
            cards
        })
        .await;
    assert_eq!(cards[49], "user 0049 in city of user 0049");
    assert_eq!(bench.statements().len(), 2);
}

async fn walking_up_a_chain_of_managers_loads_each_level_once_for_all(bench: Bench) {
    fn height<'a>(cx: &'a Context, user: &'a User) -> futures_util::future::BoxFuture<'a, usize> {
        Box::pin(async move {
            match user.manager.find(cx).await.unwrap() {
                Some(manager) => 1 + height(cx, manager).await,
                None => 0,
            }
        })
    }
    bench.request(async |cx| people::hire(&cx, 8).await).await;
    bench.statements();
    let heights = bench
        .request(async |cx| {
            let mut heights = Vec::new();
            for user in &User::query().order_by(User::name).all(&cx).await.unwrap() {
                heights.push(height(&cx, user).await);
            }
            heights
        })
        .await;
    assert_eq!(heights, [0, 1, 2, 3, 4, 5, 6, 7]);
    // 8 users have 7 managers, those have 6, …; the last manager has none, and none costs nothing.
    let ran = bench.statements();
    assert_eq!(ran.len(), 1 + 7);
    assert_eq!(rows_of(&ran, "people_users.manager_of_people_users"), 7 + 6 + 5 + 4 + 3 + 2 + 1);
}

async fn two_lists_of_the_same_entity_are_two_cohorts(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 6).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let first = User::query().all(&cx).await.unwrap();
            let second = User::query().newest_first().all(&cx).await.unwrap();
            for user in first.iter().chain(&second) {
                user.profile.get(&cx).await.unwrap();
            }
        })
        .await;
    assert_eq!(bench.statements().len(), 4);
}

async fn a_filtered_list_loads_only_for_what_was_kept(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 40).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let users = User::query().order_by(User::name).all(&cx).await.unwrap();
            let kept: Vec<_> = users.into_iter().filter(|user| user.name.ends_with('7')).collect();
            for user in &kept {
                user.profile.get(&cx).await.unwrap();
            }
            let taken: Vec<_> = User::query().all(&cx).await.unwrap().into_iter().take(5).collect();
            for user in &taken {
                user.settings.get(&cx).await.unwrap();
            }
        })
        .await;
    let ran = bench.statements();
    assert_eq!(rows_of(&ran, "people_profiles.profile_of_people_users"), 4);
    assert_eq!(rows_of(&ran, "people_settings.settings_of_people_users"), 5);
    assert_eq!(ran.len(), 4);
}

async fn an_entity_that_outlives_its_list_loads_only_for_itself(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 30).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let last = User::query().all(&cx).await.unwrap().into_iter().next_back().unwrap();
            assert_eq!(last.permissions.get(&cx).await.unwrap().len(), 2);
        })
        .await;
    assert_eq!(rows_of(&bench.statements(), "people_permissions.permissions_of_people_users"), 2);
}

async fn a_clone_stays_a_member_of_its_cohort(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 10).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let users = User::query().all(&cx).await.unwrap();
            let copies: Vec<User> = users.iter().take(3).cloned().collect();
            drop(users);
            for copy in &copies {
                assert_eq!(copy.profile.get(&cx).await.unwrap().user_id, copy.id);
            }
        })
        .await;
    let ran = bench.statements();
    assert_eq!(ran.len(), 2);
    assert_eq!(rows_of(&ran, "people_profiles.profile_of_people_users"), 3);
}

async fn a_relation_found_missing_is_remembered_as_missing(bench: Bench) {
    bench.request(async |cx| work::plan(&cx, 1).await).await;
    let nobody = bench
        .request(async |cx| {
            let account = people::account(&cx, "bare");
            let bare = people::user(&cx, &account, "bare");
            let stored = cx.transaction(async |tx| {
                account.insert(tx).await?;
                bare.insert(tx).await
            });
            stored.await.unwrap().id
        })
        .await;
    bench.statements();
    bench
        .request(async |cx| {
            let users = User::query().all(&cx).await.unwrap();
            for _ in 0..3 {
                assert!(users[0].profile.find(&cx).await.unwrap().is_none());
                assert!(users[0].permissions.get(&cx).await.unwrap().is_empty());
                let missing = users[0].profile.get(&cx).await.unwrap_err();
                assert!(matches!(missing, DataError::NotFound { entity: "Profile", .. }), "{missing}");
                assert!(missing.to_string().contains(&nobody.to_string()), "{missing}");
            }
            let task = Task::query().first(&cx).await.unwrap().unwrap();
            assert_eq!(task.comments.get(&cx).await.unwrap(), 0);
            assert_eq!(task.comments.get(&cx).await.unwrap(), 0);
        })
        .await;
    assert_eq!(bench.statements().len(), 5);
}

async fn a_relation_of_nothing_costs_no_statement(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 1).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let first = User::query().first(&cx).await.unwrap().unwrap();
            assert!(first.manager.find(&cx).await.unwrap().is_none());
        })
        .await;
    assert_eq!(names(&bench.statements()), ["people_users.list"]);
}

async fn a_relation_of_an_entity_that_was_just_inserted_can_be_loaded(bench: Bench) {
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 5).await;
            bench.statements();
            for user in &users {
                assert_eq!(user.permissions.get(&cx).await.unwrap().len(), 2);
            }
        })
        .await;
    assert_eq!(bench.statements().len(), 1);
}

async fn an_entity_that_was_never_stored_has_no_related_rows(bench: Bench) {
    bench
        .request(async |cx| {
            let account = people::account(&cx, "nobody");
            let user = people::user(&cx, &account, "nobody");
            assert!(user.permissions.get(&cx).await.unwrap().is_empty());
            assert!(user.profile.find(&cx).await.unwrap().is_none());
            assert_eq!(Account::find(&cx, account.id).await.unwrap().map(|account| account.id), None);
        })
        .await;
    assert_eq!(names(&bench.statements()), ["people_accounts.get"]);
}

async fn related_rows_stand_in_the_order_of_their_keys_however_the_database_gives_them(bench: Bench) {
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 3).await;
            let ids: Vec<_> = (0..12).map(|_| PermissionId(cx.new_id())).collect();
            // The newest first; the rows of different users stay separate.
            let permission = |(n, id): (usize, &PermissionId)| Permission {
                id: *id,
                org_id: cx.tenant(),
                user_id: users[n % 3].id,
                name: n.to_string(),
            };
            let permissions = ids.iter().rev().enumerate().map(permission).collect();
            cx.transaction(async |tx| Permission::insert_many(tx, permissions).await).await.unwrap();
        })
        .await;
    if bench.database.dialect() == Dialect::Postgres {
        // Without its index the table is read in the order of storage.
        let onlooker = bench.onlooker().await;
        let drop_it = "DROP INDEX people_permissions_by_user";
        onlooker.batch_execute(drop_it).await.unwrap();
    }
    bench
        .request(async |cx| {
            for user in &User::query().all(&cx).await.unwrap() {
                let permissions = user.permissions.get(&cx).await.unwrap();
                assert_eq!(permissions.len(), 6);
                assert!(permissions.iter().all(|permission| permission.user_id == user.id));
                assert!(permissions.is_sorted_by_key(|permission| permission.id));
            }
        })
        .await;
}
