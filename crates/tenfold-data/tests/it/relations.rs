//! Relations of every kind, and how a cohort grows and shrinks.

use tenfold_data::{Context, DataError, DatabaseSettings, EntityExt, OrgId};

use crate::bench::Bench;
use crate::ledger::{names, rows_of};
use crate::people::{self, User};
use crate::shelf::{self, Author, Book};
use crate::work::{self, Task};

on_both_databases!(
    many_to_many_costs_one_statement_a_level_in_both_directions,
    a_limit_holds_for_each_parent_in_the_relations_order,
    a_limit_holds_for_each_parent_through_the_entity_between,
    of_many_the_first_in_the_order_is_the_one,
    many_to_many_stays_within_the_organization,
    filter_and_take_make_a_smaller_cohort_of_what_is_kept,
    a_filter_over_borrowed_rows_leaves_the_cohort_as_it_is,
    a_longer_list_than_a_cohort_may_be_is_cut_into_several,
    a_list_that_stands_alone_loads_for_each_row,
    what_is_loaded_for_a_row_that_stands_alone_has_peers_again,
    an_entity_that_outlives_its_list_lets_go_of_its_peers_rows,
    a_peer_that_is_dropped_during_the_load_leaves_nothing_behind,
    what_a_rolled_back_transaction_saw_is_not_shown_later,
    what_a_committed_transaction_saw_is_kept,
    a_transaction_looks_for_itself_at_what_was_loaded_before,
    two_transactions_one_after_the_other_each_look_for_themselves,
);

async fn many_to_many_costs_one_statement_a_level_in_both_directions(bench: Bench) {
    shelf::migrate(&bench).await;
    bench.request(async |cx| shelf::fill(&cx, 20).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            for (n, book) in Book::query().order_by(Book::title).all(&cx).await.unwrap().iter().enumerate() {
                let authors = book.authors.get(&cx).await.unwrap();
                let names: Vec<_> = authors.iter().map(|author| &*author.name).collect();
                let mut expected = ["d", "c", "b", "a"][..n % 5].to_vec();
                expected.sort_unstable();
                assert_eq!(names, expected, "book {n}, in the order of their names");
                for author in authors {
                    let books = author.books.get(&cx).await.unwrap();
                    let place = ["d", "c", "b", "a"].iter().position(|name| *name == author.name).unwrap();
                    assert_eq!(books.len(), (0..20).filter(|n| n % 5 > place).count());
                    assert!(books.iter().any(|other| other.id == book.id));
                    assert!(books.is_sorted_by_key(|book| book.id), "in the order of their keys");
                }
            }
        })
        .await;
    let ran = bench.statements();
    assert_eq!(
        names(&ran),
        ["shelf_authors.authors_of_shelf_books", "shelf_books.books_of_shelf_authors", "shelf_books.list"]
    );
}

async fn a_limit_holds_for_each_parent_in_the_relations_order(bench: Bench) {
    shelf::migrate(&bench).await;
    bench.request(async |cx| shelf::fill(&cx, 30).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            for (n, book) in Book::query().order_by(Book::title).all(&cx).await.unwrap().iter().enumerate() {
                let stars: Vec<_> =
                    book.best_reviews.get(&cx).await.unwrap().iter().map(|review| review.stars).collect();
                let expected: Vec<_> = (0..i64::try_from(n % 7).unwrap()).rev().take(3).collect();
                assert_eq!(stars, expected, "book {n}");
            }
        })
        .await;
    let ran = bench.statements();
    assert_eq!(names(&ran), ["shelf_books.list", "shelf_reviews.best_reviews_of_shelf_books"]);
    let read: u64 = (0..30).map(|n| (n % 7).min(3)).sum();
    assert_eq!(
        rows_of(&ran, "shelf_reviews.best_reviews_of_shelf_books"),
        read,
        "no more than are wanted come back"
    );
}

async fn a_limit_holds_for_each_parent_through_the_entity_between(bench: Bench) {
    shelf::migrate(&bench).await;
    bench.request(async |cx| shelf::fill(&cx, 10).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            for (n, book) in Book::query().order_by(Book::title).all(&cx).await.unwrap().iter().enumerate() {
                let authors = book.first_authors.get(&cx).await.unwrap();
                let mut expected = ["d", "c", "b", "a"][..n % 5].to_vec();
                expected.sort_unstable();
                expected.truncate(2);
                assert!(authors.iter().map(|author| &*author.name).eq(expected), "book {n}: {authors:?}");
            }
        })
        .await;
    assert_eq!(bench.statements().len(), 2);
}

async fn of_many_the_first_in_the_order_is_the_one(bench: Bench) {
    shelf::migrate(&bench).await;
    bench.request(async |cx| shelf::fill(&cx, 9).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            for (n, book) in Book::query().order_by(Book::title).all(&cx).await.unwrap().iter().enumerate() {
                let worst = book.worst_review.find(&cx).await.unwrap().map(|review| review.stars);
                assert_eq!(worst, (n % 7 > 0).then_some(0), "book {n}");
            }
        })
        .await;
    let ran = bench.statements();
    assert_eq!((ran.len(), rows_of(&ran, "shelf_reviews.worst_review_of_shelf_books")), (2, 7));
}

async fn many_to_many_stays_within_the_organization(bench: Bench) {
    shelf::migrate(&bench).await;
    let other = OrgId(bench.database.clock().new_id());
    bench
        .system(async |system| {
            let (here, there) = (system.within(bench.org), system.within(other));
            let books = shelf::fill(&here, 5).await;
            shelf::fill(&there, 5).await;
            // Rows of another organization with the very same keys, which no clock would produce.
            let twins = Author::query().all(&here).await.unwrap().into_iter();
            let twins =
                twins.map(|author| Author { org_id: other, name: "stranger".to_owned(), ..author }).collect();
            there.transaction(async |tx| Author::insert_many(tx, twins).await).await.unwrap();
            let listed = Book::query().all(&here).await.unwrap();
            for book in &listed {
                for limited in
                    [book.authors.get(&here).await.unwrap(), book.first_authors.get(&here).await.unwrap()]
                {
                    assert!(limited.iter().all(|author| author.org_id == bench.org), "{limited:?}");
                }
            }
            assert_eq!(
                listed
                    .iter()
                    .find(|book| book.id == books[4].id)
                    .unwrap()
                    .authors
                    .get(&here)
                    .await
                    .unwrap()
                    .len(),
                4
            );
            let refused = listed[0].authors.get(&there).await.map(|_| ()).unwrap_err();
            assert!(matches!(refused, DataError::OtherTenant { .. }), "{refused}");
        })
        .await;
}

async fn filter_and_take_make_a_smaller_cohort_of_what_is_kept(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 40).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let users = User::query().order_by(User::name).all(&cx).await.unwrap();
            let kept = users.filter(|user| !user.name.ends_with('0')).take(7);
            assert_eq!(kept.len(), 7);
            for user in &kept {
                user.profile.get(&cx).await.unwrap();
            }
        })
        .await;
    let ran = bench.statements();
    assert_eq!((ran.len(), rows_of(&ran, "people_profiles.profile_of_people_users")), (2, 7));
}

async fn a_filter_over_borrowed_rows_leaves_the_cohort_as_it_is(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 40).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let users = User::query().all(&cx).await.unwrap();
            for user in users.iter().filter(|user| user.name.ends_with('7')) {
                user.profile.get(&cx).await.unwrap();
            }
        })
        .await;
    let ran = bench.statements();
    // The scope cannot know that the others will not be needed, and one statement is cheaper than two.
    assert_eq!((ran.len(), rows_of(&ran, "people_profiles.profile_of_people_users")), (2, 40));
}

async fn a_longer_list_than_a_cohort_may_be_is_cut_into_several(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 65).await).await;
    let small = bench.reopened(&DatabaseSettings { cohort_size: 10, ..DatabaseSettings::default() });
    small
        .request(async |cx| {
            for user in &User::query().all(&cx).await.unwrap() {
                user.profile.get(&cx).await.unwrap();
            }
        })
        .await;
    let ran = small.statements();
    let loads: Vec<_> = ran.iter().skip(1).map(|record| record.rows).collect();
    assert_eq!(loads, [10, 10, 10, 10, 10, 10, 5]);
    assert_eq!(small.repeated().len(), 0, "a statement for a cohort is none for each row");
}

async fn a_list_that_stands_alone_loads_for_each_row(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 20).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let users = User::query().alone().all(&cx).await.unwrap();
            for user in users.iter().take(2) {
                user.profile.get(&cx).await.unwrap();
            }
        })
        .await;
    let ran = bench.statements();
    assert_eq!((ran.len(), rows_of(&ran, "people_profiles.profile_of_people_users")), (3, 2));
}

async fn what_is_loaded_for_a_row_that_stands_alone_has_peers_again(bench: Bench) {
    bench.request(async |cx| work::plan(&cx, 10).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let projects = work::Project::query().alone().all(&cx).await.unwrap();
            for task in projects[0].tasks.get(&cx).await.unwrap() {
                task.comments.get(&cx).await.unwrap();
            }
        })
        .await;
    assert_eq!(bench.statements().len(), 3);
}

async fn an_entity_that_outlives_its_list_lets_go_of_its_peers_rows(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 30).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let users = User::query().all(&cx).await.unwrap();
            // The managers are users too, and their own cohort knows which of them are still held.
            for user in &users {
                user.manager.find(&cx).await.unwrap();
            }
            let kept = users.into_iter().next_back().unwrap();
            let manager = kept.manager.find(&cx).await.unwrap().unwrap();
            bench.statements();
            assert!(manager.profile.find(&cx).await.unwrap().is_some());
            let ran = bench.statements();
            assert_eq!(
                rows_of(&ran, "people_profiles.profile_of_people_users"),
                1,
                "of the managers that were loaded together this one alone is left"
            );
        })
        .await;
}

async fn a_peer_that_is_dropped_during_the_load_leaves_nothing_behind(bench: Bench) {
    bench.request(async |cx| people::hire(&cx, 10).await).await;
    bench.statements();
    bench
        .request(async |cx| {
            let mut users: Vec<_> =
                User::query().order_by(User::name).all(&cx).await.unwrap().into_iter().collect();
            let first = users.pop().unwrap();
            let asked = first.manager.find(&cx);
            // Requested but not sent yet: the other users are dropped before the answer comes.
            drop(users);
            let manager = asked.await.unwrap().unwrap();
            assert!(manager.profile.find(&cx).await.unwrap().is_some());
        })
        .await;
    let ran = bench.statements();
    assert_eq!(rows_of(&ran, "people_users.manager_of_people_users"), 1);
    assert_eq!(rows_of(&ran, "people_profiles.profile_of_people_users"), 1);
}

/// A project's tasks by their titles.
async fn titles(cx: &Context, id: work::ProjectId) -> Vec<String> {
    let project = work::Project::get(cx, id).await.unwrap();
    project.tasks.get(cx).await.unwrap().iter().map(|task| task.title.clone()).collect()
}

async fn what_a_rolled_back_transaction_saw_is_not_shown_later(bench: Bench) {
    bench
        .request(async |cx| {
            let project = work::plan(&cx, 1).await.remove(0);
            let task = project.tasks.get(&cx).await.unwrap()[0].id;
            let fresh = work::Project::query().all(&cx).await.unwrap();
            let mine = fresh.iter().find(|fresh| fresh.id == project.id).unwrap();
            let undone = cx.transaction(async |tx| {
                Task::update(task).set(Task::title, "never".to_owned()).run(tx).await?;
                assert_eq!(mine.tasks.get(tx).await?[0].title, "never", "the transaction sees what it wrote");
                Err::<(), _>(DataError::Abandoned)
            });
            assert!(undone.await.is_err());
            let now: Vec<_> = mine.tasks.get(&cx).await.unwrap().iter().map(|task| &*task.title).collect();
            assert_eq!(now, ["task 0"]);
            assert_eq!(titles(&cx, project.id).await, ["task 0"]);
        })
        .await;
}

async fn what_a_committed_transaction_saw_is_kept(bench: Bench) {
    bench
        .request(async |cx| {
            work::plan(&cx, 1).await;
            let projects = work::Project::query().all(&cx).await.unwrap();
            let seen = cx.transaction(async |tx| Ok::<_, DataError>(projects[0].tasks.get(tx).await?.len()));
            assert_eq!(seen.await.unwrap(), 1);
            bench.statements();
            assert_eq!(projects[1].tasks.get(&cx).await.unwrap().len(), 1);
            assert!(bench.statements().is_empty());
        })
        .await;
}

async fn a_transaction_looks_for_itself_at_what_was_loaded_before(bench: Bench) {
    bench
        .request(async |cx| {
            work::plan(&cx, 1).await;
            let projects = work::Project::query().all(&cx).await.unwrap();
            let before = projects[0].tasks.get(&cx).await.unwrap();
            let id = before[0].id;
            bench.statements();
            let inside = cx.transaction(async |tx| {
                Task::update(id).set(Task::title, "new".to_owned()).run(tx).await?;
                projects[0].tasks.get(tx).await
            });
            assert_eq!(inside.await.unwrap()[0].title, "new");
            assert_eq!(before[0].title, "task 0", "what was handed out is still there");
            assert_eq!(
                names(&bench.statements()),
                ["work_tasks.tasks_of_work_projects", "work_tasks.update"]
            );
        })
        .await;
}

async fn two_transactions_one_after_the_other_each_look_for_themselves(bench: Bench) {
    bench
        .request(async |cx| {
            work::plan(&cx, 1).await;
            let projects = work::Project::query().all(&cx).await.unwrap();
            bench.statements();
            for title in ["first", "second"] {
                cx.transaction(async |tx| {
                    Task::query().update().set(Task::title, title.to_owned()).run(tx).await?;
                    assert_eq!(projects[0].tasks.get(tx).await?[0].title, title);
                    assert_eq!(projects[1].tasks.get(tx).await?[0].title, title);
                    Err::<(), _>(DataError::Abandoned)
                })
                .await
                .unwrap_err();
            }
        })
        .await;
    assert_eq!(bench.statements().len(), 4);
}
