//! The N+1 detector: what it finds, with the author's line, and what it leaves alone.

use futures_util::future::join_all;
use tenfold_data::{Context, DataError, EntityExt, Page, RepeatKind, RepeatedRecord, sql};

use crate::bench::Bench;
use crate::ledger::{here, next_line};
use crate::people::{self, Permission, Profile, User};

on_both_databases!(
    a_loop_over_loads_by_key_is_found_with_its_line_and_told_once,
    a_loop_over_a_filtered_list_is_found,
    a_loop_over_an_authors_select_is_found_also_when_its_turns_run_beside_each_other,
    a_loop_over_counts_and_over_first_rows_is_found,
    the_same_reads_at_different_lines_are_no_loop,
    a_chain_whose_keys_stand_in_the_rows_before_is_found_and_may_say_so,
    a_relation_of_entities_that_were_loaded_one_by_one_is_found,
    one_run_below_the_threshold_is_no_n_plus_one,
    each_scope_counts_for_itself,
    a_reason_allows_it_and_an_empty_one_does_not,
    a_context_that_repeats_for_a_reason_is_left_alone_also_in_transactions,
    a_cohort_is_left_alone_however_many_lists_one_mapper_takes,
    pages_of_one_list_are_left_alone,
    the_same_question_again_is_a_retry_or_a_poll,
    batches_of_many_keys_are_left_alone,
    writes_in_a_loop_are_found_whatever_they_change,
    a_job_stored_late_for_each_row_is_found,
    a_transaction_for_each_row_is_found,
    writes_of_many_rows_are_left_alone,
    a_transaction_that_repeats_for_a_reason_is_left_alone,
    the_loop_that_calls_a_helper_is_named_beside_it,
    a_helper_that_two_lines_of_a_loop_call_is_found,
    the_loop_around_loads_by_key_in_a_helper_is_named,
    a_scope_with_many_statements_still_finds_one,
);

fn found(bench: &Bench) -> Vec<(String, (&'static str, u32), u32)> {
    let entry = |record: &RepeatedRecord| {
        (record.name.to_string(), (record.site.file(), record.site.line()), record.times)
    };
    bench.repeated().iter().map(entry).collect()
}

async fn a_loop_over_loads_by_key_is_found_with_its_line_and_told_once(bench: Bench) {
    let line = bench
        .request(async |cx| {
            let users = people::hire(&cx, 7).await;
            let mut line = ("", 0);
            for user in &users {
                line = next_line();
                User::get(&cx, user.id).await.unwrap();
            }
            line
        })
        .await;
    let repeated = bench.repeated();
    assert_eq!(repeated.len(), 1);
    assert_eq!((&*repeated[0].name, repeated[0].module), ("people_users.get", "tenfold-data"));
    let told = repeated[0].to_string();
    assert!(told.contains("ran 7 times") && told.contains(&format!("{}:{}", line.0, line.1)), "{told}");
    assert!(told.contains("find_many"), "{told}");
}

async fn a_loop_over_a_filtered_list_is_found(bench: Bench) {
    let line = bench
        .request(async |cx| {
            let users = people::hire(&cx, 5).await;
            let mut line = ("", 0);
            for user in &users {
                let own = Permission::query().filter(Permission::user_id.eq(user.id));
                line = next_line();
                own.all(&cx).await.unwrap();
            }
            line
        })
        .await;
    assert_eq!(found(&bench), [("people_permissions.list".to_owned(), line, 5)]);
}

async fn a_loop_over_an_authors_select_is_found_also_when_its_turns_run_beside_each_other(bench: Bench) {
    let one = async |cx: &Context, user: &User| {
        let count =
            sql!("test.count", "SELECT count(*) FROM people_permissions WHERE org_id = $1 AND user_id = $2");
        let counted: Vec<(i64,)> = count.bind(user.id).all(cx).await.unwrap();
        assert_eq!(counted, [(2,)]);
    };
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 6).await;
            join_all(users.iter().map(|user| one(&cx, user))).await;
        })
        .await;
    let found = found(&bench);
    assert_eq!((found.len(), &*found[0].0, found[0].2), (1, "test.count", 6));
}

async fn a_loop_over_counts_and_over_first_rows_is_found(bench: Bench) {
    bench
        .request(async |cx| {
            for user in people::hire(&cx, 5).await {
                let own = || Permission::query().filter(Permission::user_id.eq(user.id));
                assert_eq!(own().count(&cx).await.unwrap(), 2);
                assert!(own().exists(&cx).await.unwrap());
                assert!(own().first(&cx).await.unwrap().is_some());
            }
        })
        .await;
    let found = found(&bench);
    assert!(found.len() == 3 && found.iter().all(|(.., times)| *times == 5), "{found:?}");
}

async fn the_same_reads_at_different_lines_are_no_loop(bench: Bench) {
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 6).await;
            User::get(&cx, users[0].id).await.unwrap();
            User::get(&cx, users[1].id).await.unwrap();
            User::get(&cx, users[2].id).await.unwrap();
            User::get(&cx, users[3].id).await.unwrap();
            User::get(&cx, users[4].id).await.unwrap();
            User::get(&cx, users[5].id).await.unwrap();
        })
        .await;
    assert_eq!(found(&bench), []);
}

async fn a_chain_whose_keys_stand_in_the_rows_before_is_found_and_may_say_so(bench: Bench) {
    async fn climb(cx: &Context, user: &User) -> usize {
        let (mut next, mut height) = (user.manager_id, 0);
        while let Some(id) = next {
            next = User::get(cx, id).await.unwrap().manager_id;
            height += 1;
        }
        height
    }
    for (chain, reason, expected) in [(5, "", 0), (6, "", 1), (6, "each row names the next", 0)] {
        let height = bench
            .request(async |cx| {
                let users = people::hire(&cx, chain).await;
                climb(&cx.repeating(reason), &users[chain - 1]).await
            })
            .await;
        assert_eq!(height, chain - 1);
        assert_eq!(found(&bench).len(), expected, "{chain} links, {reason:?}");
    }
}

async fn a_relation_of_entities_that_were_loaded_one_by_one_is_found(bench: Bench) {
    bench
        .request(async |cx| {
            for user in people::hire(&cx, 5).await {
                let user = User::get(&cx, user.id).await.unwrap();
                user.profile.get(&cx).await.unwrap();
            }
        })
        .await;
    let mut names: Vec<_> = found(&bench).into_iter().map(|(name, ..)| name).collect();
    names.sort();
    assert_eq!(names, ["people_profiles.profile_of_people_users", "people_users.get"]);
}

async fn one_run_below_the_threshold_is_no_n_plus_one(bench: Bench) {
    bench
        .request(async |cx| {
            for user in people::hire(&cx, 4).await {
                User::get(&cx, user.id).await.unwrap();
            }
        })
        .await;
    assert_eq!(found(&bench), []);
}

async fn each_scope_counts_for_itself(bench: Bench) {
    let users = bench.request(async |cx| people::hire(&cx, 9).await).await;
    for user in users {
        bench.request(async |cx| User::get(&cx, user.id).await.map(drop)).await.unwrap();
    }
    assert_eq!(found(&bench), []);
}

async fn a_reason_allows_it_and_an_empty_one_does_not(bench: Bench) {
    for (reason, expected) in [("each is looked at by itself", 0), ("", 2), ("  ", 2)] {
        bench
            .request(async |cx| {
                for user in people::hire(&cx, 5).await {
                    let own = Permission::query().filter(Permission::user_id.eq(user.id));
                    own.repeated(reason).all(&cx).await.unwrap();
                    let name =
                        sql!("test.name", "SELECT name FROM people_users WHERE org_id = $1 AND id = $2");
                    let _: Vec<(String,)> = name.bind(user.id).repeated(reason).all(&cx).await.unwrap();
                }
            })
            .await;
        assert_eq!(bench.repeated().len(), expected, "{reason:?}");
    }
}

async fn a_context_that_repeats_for_a_reason_is_left_alone_also_in_transactions(bench: Bench) {
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 6).await;
            let each = cx.repeating("each is locked by itself");
            for user in &users {
                User::get(&each, user.id).await.unwrap().profile.get(&each).await.unwrap();
                let found = each.transaction(async |tx| User::get(&*tx, user.id).await).await;
                found.unwrap();
            }
        })
        .await;
    assert_eq!(found(&bench), []);
}

async fn a_cohort_is_left_alone_however_many_lists_one_mapper_takes(bench: Bench) {
    let cities = async |cx: &Context, users: &[User]| {
        for user in users {
            user.profile.get(cx).await.unwrap();
        }
    };
    bench
        .request(async |cx| {
            people::hire(&cx, 12).await;
            for start in 0..6 {
                let from = User::name.eq(format!("user {start:04}"));
                let _ =
                    User::query().filter(from).repeated("the lists are the test's").all(&cx).await.unwrap();
                let behind =
                    User::query().filter(User::name.gt(format!("user {start:04}"))).order_by(User::name);
                let some = behind.limit(2).all(&cx).await.unwrap();
                cities(&cx, &some).await;
            }
        })
        .await;
    assert_eq!(found(&bench), []);
}

async fn pages_of_one_list_are_left_alone(bench: Bench) {
    bench
        .request(async |cx| {
            people::hire(&cx, 14).await;
            let (mut page, mut seen) = (Page::first(2), 0);
            loop {
                let rows = User::query().order_by(User::name).page(&page).all(&cx).await.unwrap();
                seen += rows.len();
                let Some(cursor) = rows.listing(Vec::<()>::new()).next_cursor else { break };
                page.cursor = Some(cursor);
            }
            assert_eq!(seen, 14);
        })
        .await;
    assert_eq!(found(&bench), []);
}

async fn the_same_question_again_is_a_retry_or_a_poll(bench: Bench) {
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 2).await;
            for _ in 0..9 {
                for user in &users {
                    let own = Permission::query().filter(Permission::user_id.eq(user.id));
                    own.all(&cx).await.unwrap();
                }
            }
        })
        .await;
    assert_eq!(found(&bench), []);
}

async fn batches_of_many_keys_are_left_alone(bench: Bench) {
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 600).await;
            for some in users.chunks(100) {
                User::find_many(&cx, some.iter().map(|user| user.id).collect()).await.unwrap();
            }
        })
        .await;
    assert_eq!(found(&bench), []);
}

async fn writes_in_a_loop_are_found_whatever_they_change(bench: Bench) {
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 12).await;
            cx.transaction(async |tx| {
                for (user, is_odd) in users.iter().zip([true, false].into_iter().cycle()) {
                    let manager = is_odd.then_some(None::<people::UserId>);
                    let name = "renamed".to_owned();
                    User::update(user.id)
                        .set(User::name, name)
                        .set_if(User::manager_id, manager)
                        .run(tx)
                        .await?;
                    let rename = sql!(
                        "test.rename",
                        "UPDATE people_users SET name = 'again' WHERE org_id = $1 AND id = $2 RETURNING name"
                    );
                    let _: Vec<(String,)> = rename.bind(user.id).all(&*tx).await?;
                    let again = sql!(
                        "test.again",
                        "UPDATE people_users SET name = 'x' WHERE org_id = $1 AND id = $2"
                    );
                    again.bind(user.id).execute(tx).await?;
                    Permission::query().filter(Permission::user_id.eq(user.id)).delete(tx).await?;
                    people::permission(tx, user.id).insert(tx).await?;
                }
                Ok::<_, DataError>(())
            })
            .await
        })
        .await
        .unwrap();
    let repeated = bench.repeated();
    assert!(repeated.iter().all(|one| (one.kind, one.times) == (RepeatKind::Write, 12)), "{repeated:?}");
    let mut names: Vec<_> = repeated.iter().map(|one| &*one.name).collect();
    names.sort_unstable();
    let expected = [
        "people_permissions.delete_all",
        "people_permissions.insert",
        "people_users.update",
        "test.again",
        "test.rename",
    ];
    assert_eq!(names, expected);
    let told = repeated[0].to_string();
    assert!(told.contains("insert_many") && told.contains("tx.repeating"), "{told}");
}

async fn a_job_stored_late_for_each_row_is_found(bench: Bench) {
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 5).await;
            cx.transaction(async |tx| {
                for user in &users {
                    people::permission(tx, user.id).insert_deferred(tx).await?;
                }
                Ok::<_, DataError>(())
            })
            .await
        })
        .await
        .unwrap();
    let found = found(&bench);
    assert_eq!((found.len(), &*found[0].0, found[0].2), (1, "people_permissions.insert", 5));
}

async fn a_transaction_for_each_row_is_found(bench: Bench) {
    bench
        .request(async |cx| {
            for user in people::hire(&cx, 5).await {
                let rename = User::update(user.id).set(User::name, "renamed".to_owned());
                cx.transaction(async |tx| rename.run(tx).await).await.unwrap();
            }
        })
        .await;
    assert_eq!(found(&bench).len(), 1);
}

async fn writes_of_many_rows_are_left_alone(bench: Bench) {
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 1).await;
            cx.transaction(async |tx| {
                for _ in 0..6 {
                    let rows = (0..100).map(|_| people::permission(tx, users[0].id)).collect();
                    Permission::insert_many(tx, rows).await?;
                }
                Ok::<_, DataError>(())
            })
            .await
        })
        .await
        .unwrap();
    assert_eq!(found(&bench), []);
}

async fn a_transaction_that_repeats_for_a_reason_is_left_alone(bench: Bench) {
    for (reason, expected) in [("each is renamed by itself", 0), ("", 2)] {
        bench
            .request(async |cx| {
                let users = people::hire(&cx, 5).await;
                cx.transaction(async |tx| {
                    let each = tx.repeating(reason);
                    for user in &users {
                        User::update(user.id).set(User::name, "renamed".to_owned()).run(&each).await?;
                        sql!(
                            "test.again",
                            "UPDATE people_users SET name = 'x' WHERE org_id = $1 AND id = $2"
                        )
                        .bind(user.id)
                        .repeated(reason)
                        .execute(tx)
                        .await?;
                    }
                    Ok::<_, DataError>(())
                })
                .await
            })
            .await
            .unwrap();
        assert_eq!(bench.repeated().len(), expected, "{reason:?}");
    }
}

/// A helper as an author writes it: its signature does not show that it queries the database.
async fn name_of(cx: &Context, user: &User) -> String {
    let name = sql!("test.name_of", "SELECT name FROM people_users WHERE org_id = $1 AND id = $2");
    let names: Vec<(String,)> = name.bind(user.id).all(cx).await.unwrap();
    names.into_iter().next().unwrap().0
}

async fn the_loop_that_calls_a_helper_is_named_beside_it(bench: Bench) {
    async fn in_between(cx: &Context, user: &User) -> usize {
        name_of(cx, user).await.len()
    }
    let line = bench
        .request(async |cx| {
            let users = people::hire(&cx, 5).await;
            let mut line = ("", 0);
            for user in &users {
                line = next_line();
                in_between(&cx, user).await;
            }
            line
        })
        .await;
    let repeated = bench.repeated();
    let [one] = &*repeated else { panic!("{repeated:?}") };
    assert_eq!((&*one.name, one.times), ("test.name_of", 5));
    let is_of_test = |caller: &String| caller.contains("/main.rs:");
    assert!(!one.callers.iter().any(is_of_test), "what began the work is no part of it: {one}");
    assert_eq!(one.callers[1], format!("{}:{}", line.0, line.1), "{one}");
    assert!(one.to_string().contains(&format!("called from {}:{}\n", line.0, line.1)), "{one}");
}

async fn a_helper_that_two_lines_of_a_loop_call_is_found(bench: Bench) {
    bench
        .request(async |cx| {
            for two in people::hire(&cx, 6).await.chunks(2) {
                name_of(&cx, &two[0]).await;
                name_of(&cx, &two[1]).await;
            }
        })
        .await;
    let found = found(&bench);
    assert_eq!((found.len(), &*found[0].0, found[0].2), (1, "test.name_of", 6));
}

async fn the_loop_around_loads_by_key_in_a_helper_is_named(bench: Bench) {
    async fn city(cx: &Context, user: &User) -> usize {
        let user = User::get(cx, user.id).await.unwrap();
        user.profile.get(cx).await.unwrap().city.len()
    }
    let line = bench
        .request(async |cx| {
            let users = people::hire(&cx, 5).await;
            let mut line = ("", 0);
            for user in &users {
                line = next_line();
                city(&cx, user).await;
            }
            line
        })
        .await;
    let repeated = bench.repeated();
    assert_eq!(repeated.len(), 2);
    for one in &repeated {
        assert_eq!(one.callers[0], format!("{}:{}", line.0, line.1), "{one}");
    }
}

async fn a_scope_with_many_statements_still_finds_one(bench: Bench) {
    /// This many different lines with a read.
    macro_rules! reads {
        ($cx:ident; $($number:literal)+) => {
            $(let _: Vec<(i64,)> = sql!(
                "test.one",
                sqlite: "SELECT 1 WHERE $1 IS NOT NULL",
                postgres: "SELECT 1::bigint WHERE $1::uuid IS NOT NULL"
            ).bounded().all(&$cx).await.unwrap();
            let _ = $number;)+
        };
    }
    let line = bench
        .request(async |cx| {
            let users = people::hire(&cx, 5).await;
            let mut line = ("", 0);
            for user in &users {
                reads!(cx; 1 2 3 4 5 6 7 8 9 10 11 12);
                Profile::find(&cx, people::ProfileId(user.id.0)).await.unwrap();
                line = (here().0, here().1 - 1);
            }
            line
        })
        .await;
    assert_eq!(found(&bench), [("people_profiles.get".to_owned(), line, 5)]);
}
