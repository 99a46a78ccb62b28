//! Organizations see their own rows and no others.

use tenfold_data::{DataError, Entity, EntityExt, OrgId, Uuid, sql};

use crate::bench::Bench;
use crate::ledger::here;
use crate::people::{self, Account, User};
use crate::work::{self, Label, Project, Task};

on_both_databases!(
    two_organizations_list_only_their_own_rows,
    the_id_of_another_organizations_row_is_not_found,
    another_organizations_row_can_be_neither_changed_nor_deleted,
    equal_keys_of_two_organizations_are_told_apart_in_one_request,
    a_relation_is_refused_to_another_organizations_context,
    what_belongs_to_nobody_shows_each_organization_only_its_own_rows,
    a_system_transaction_writes_for_each_organization_it_names,
    sql_by_its_author_gets_the_organization_as_its_first_parameter,
    a_global_entity_is_refused_on_the_table_of_a_tenant,
);

/// The table of [`Label`], as if its rows belonged to no organization.
#[derive(Debug, Entity)]
#[entity(table = "work_labels", global = "this is wrong, and the database knows it")]
struct AnybodysLabel {
    #[entity(key)]
    id: Uuid,
    org_id: OrgId,
    name: String,
}

/// Another organization of the same database.
fn neighbour(bench: &Bench) -> OrgId {
    OrgId(bench.database.clock().new_id())
}

async fn two_organizations_list_only_their_own_rows(bench: Bench) {
    let other = neighbour(&bench);
    bench
        .system(async |system| {
            let (here, there) = (system.within(bench.org), system.within(other));
            work::plan(&here, 3).await;
            work::plan(&there, 5).await;
            for (cx, tasks) in [(&here, 6), (&there, 10)] {
                let listed = Task::query().all(cx).await.unwrap();
                assert_eq!(listed.len(), tasks);
                assert!(listed.iter().all(|task| task.org_id == cx.tenant()));
                let mut related = 0;
                for project in &Project::query().all(cx).await.unwrap() {
                    related += project.tasks.get(cx).await.unwrap().len();
                }
                assert_eq!(related, tasks);
            }
        })
        .await;
}

async fn the_id_of_another_organizations_row_is_not_found(bench: Bench) {
    let other = neighbour(&bench);
    bench
        .system(async |system| {
            let (here, there) = (system.within(bench.org), system.within(other));
            let project = work::plan(&here, 1).await.remove(0);
            let denied = Project::get(&there, project.id).await.map(|_| ()).unwrap_err();
            assert!(matches!(denied, DataError::NotFound { .. }), "{denied}");
            assert!(Project::get(&here, project.id).await.is_ok());
            let again = Project::find(&there, project.id).await.unwrap();
            assert!(again.is_none(), "what one organization loaded is not remembered for another");
        })
        .await;
}

async fn another_organizations_row_can_be_neither_changed_nor_deleted(bench: Bench) {
    let other = neighbour(&bench);
    bench
        .system(async |system| {
            let (here, there) = (system.within(bench.org), system.within(other));
            work::plan(&here, 0).await;
            let label = Label::query().first(&here).await.unwrap().unwrap();
            let change = Label::update(label.id).set(Label::name, "stolen".to_owned());
            let changed = there.transaction(async |tx| change.run(tx).await).await.unwrap_err();
            assert!(matches!(changed, DataError::NotFound { .. }), "{changed}");
            let deleted = there.transaction(async |tx| Label::delete(tx, label.id).await).await.unwrap_err();
            assert!(matches!(deleted, DataError::NotFound { .. }), "{deleted}");
            assert_eq!(Label::get(&here, label.id).await.unwrap().name, label.name);
        })
        .await;
}

async fn equal_keys_of_two_organizations_are_told_apart_in_one_request(bench: Bench) {
    let other = neighbour(&bench);
    bench
        .system(async |system| {
            let id = work::LabelId(system.new_id());
            let orgs = [(bench.org, "ours"), (other, "theirs")];
            for (org_id, name) in orgs {
                let label = Label { id, org_id, name: name.to_owned() };
                system.within(org_id).transaction(async |tx| label.insert(tx).await).await.unwrap();
            }
            let (here, there) = (system.within(bench.org), system.within(other));
            let both = futures_util::future::join(Label::get(&here, id), Label::get(&there, id)).await;
            assert_eq!((&*both.0.unwrap().name, &*both.1.unwrap().name), ("ours", "theirs"));
        })
        .await;
}

async fn a_relation_is_refused_to_another_organizations_context(bench: Bench) {
    let other = neighbour(&bench);
    bench
        .system(async |system| {
            let (cx, there) = (system.within(bench.org), system.within(other));
            work::plan(&cx, 2).await;
            let projects = Project::query().all(&cx).await.unwrap();
            for when in ["before it is loaded", "after it is loaded"] {
                let (asking, refused) = (here(), projects[0].tasks.get(&there).await.map(<[Task]>::len));
                match refused {
                    Err(DataError::OtherTenant { site }) => assert_eq!((site.file(), site.line()), asking),
                    other => panic!("{when}: {other:?}"),
                }
                assert_eq!(projects[0].tasks.get(&cx).await.unwrap().len(), 2);
            }
        })
        .await;
}

async fn what_belongs_to_nobody_shows_each_organization_only_its_own_rows(bench: Bench) {
    let other = neighbour(&bench);
    bench
        .system(async |system| {
            let (here, there) = (system.within(bench.org), system.within(other));
            let user = people::hire(&here, 1).await.remove(0);
            let twin = User { org_id: other, ..user.clone() };
            there.transaction(async |tx| twin.insert(tx).await).await.unwrap();
            let account = Account::get(&system, user.account_id).await.unwrap();
            let ours = account.users.get(&here).await.unwrap();
            assert!(ours.len() == 1 && ours[0].org_id == bench.org);
            match account.users.get(&there).await {
                Ok(theirs) => assert!(theirs.iter().all(|user| user.org_id == other), "{theirs:?}"),
                Err(refused) => assert!(matches!(refused, DataError::OtherTenant { .. }), "{refused}"),
            }
        })
        .await;
}

async fn a_system_transaction_writes_for_each_organization_it_names(bench: Bench) {
    let other = neighbour(&bench);
    bench
        .system(async |system| {
            let label =
                |org_id| Label { id: work::LabelId(system.new_id()), org_id, name: "made".to_owned() };
            let made = system.transaction(async |tx| {
                label(bench.org).insert(&tx.within(bench.org)).await?;
                label(other).insert(&tx.within(other)).await?;
                let crossed = label(other).insert(&tx.within(bench.org)).await.map(|_| ());
                assert!(matches!(crossed, Err(DataError::OtherTenant { .. })), "{crossed:?}");
                Ok::<_, DataError>(())
            });
            made.await.unwrap();
            for org in [bench.org, other] {
                assert_eq!(Label::query().all(&system.within(org)).await.unwrap().len(), 1);
            }
        })
        .await;
}

async fn sql_by_its_author_gets_the_organization_as_its_first_parameter(bench: Bench) {
    let other = neighbour(&bench);
    bench
        .system(async |system| {
            work::plan(&system.within(other), 4).await;
            let cx = system.within(bench.org);
            work::plan(&cx, 2).await;
            let count =
                sql!("tasks.titled", "SELECT count(*) FROM work_tasks WHERE org_id = $1 AND title = $2");
            let rows = count.bind("task 1".to_owned()).all::<(i64,), _>(&cx).await;
            assert_eq!(rows.unwrap(), [(2,)]);
            let everybody = sql!("tasks.all", "SELECT count(*) FROM work_tasks");
            let refused = everybody.all::<(i64,), _>(&cx).await.unwrap_err();
            assert!(refused.to_string().contains("tasks.all does not use $1"), "{refused}");
        })
        .await;
}

async fn a_global_entity_is_refused_on_the_table_of_a_tenant(bench: Bench) {
    bench
        .system(async |system| {
            let line = line!();
            let refused = [
                AnybodysLabel::query().all(&system).await.map(drop),
                AnybodysLabel::find(&system, system.new_id()).await.map(drop),
                AnybodysLabel::query().count(&system.within(bench.org)).await.map(drop),
                system.transaction(async |tx| AnybodysLabel::query().delete(tx).await).await.map(drop),
                system.transaction(async |tx| AnybodysLabel::delete(tx, tx.new_id()).await).await,
            ];
            for (line, refused) in (line + 2..).zip(refused) {
                let error = refused.expect_err("the key of the table begins with org_id").to_string();
                assert!(error.contains("declare the entity with `tenant = org_id`"), "{error}");
                assert!(error.contains(&format!("tenancy.rs:{line}:")), "{error}");
            }
        })
        .await;
    assert!(bench.statements().iter().all(|ran| !ran.name.starts_with("work_labels")), "nothing was sent");
}
