//! A violated constraint is reported in the same way by both databases: which entity, which row, which columns.

use tenfold_data::{Constraint, ConstraintKind, DataError, Entity, EntityExt, OrgId, sql};

use crate::bench::Bench;
use crate::ledger::here;
use crate::people::{self, Account, User};
use crate::work::{Label, LabelId};

on_both_databases!(
    a_taken_unique_value_names_entity_key_and_columns,
    a_taken_unique_value_of_a_tenant_names_its_columns_with_the_organization,
    a_taken_key_is_a_conflict_on_the_key,
    of_many_rows_the_conflict_names_no_key,
    a_broken_check_is_named,
    a_missing_value_names_its_column,
    a_reference_to_nothing_names_its_columns,
    a_row_that_others_refer_to_cannot_be_deleted,
    an_authors_sql_breaks_the_same_constraints,
);

/// The constraint of an error that must be one, without its name, which only PostgreSQL always knows.
fn broken<T>(result: Result<T, DataError>) -> Constraint {
    let error = result.map(|_| ()).unwrap_err();
    let constraint = error.constraint().unwrap_or_else(|| panic!("{error}"));
    Constraint { name: None, ..constraint.clone() }
}

fn of(kind: ConstraintKind, table: &str, columns: &[&str]) -> Constraint {
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    Constraint { kind, table: table.to_owned(), columns, name: None, entity: None, key: None }
}

async fn a_taken_unique_value_names_entity_key_and_columns(bench: Bench) {
    bench
        .request(async |cx| {
            let account = people::account(&cx, "taken");
            cx.transaction(async |tx| account.insert(tx).await).await.unwrap();
            let second = people::account(&cx, "taken");
            let key = format!("{:?}", second.id);
            let (asking, stored) = (here(), cx.transaction(async |tx| second.insert(tx).await));
            let conflict = stored.await.unwrap_err();
            assert!(conflict.is_conflict() && conflict.retry_after().is_none());
            assert!(conflict.violates(Account::unique_email));
            assert!(!conflict.violates(Account::unique_key) && !conflict.violates(User::unique_account_id));
            let text = conflict.to_string();
            for part in
                ["people_accounts.insert", asking.0, "Account", &key, "another row has the same email"]
            {
                assert!(text.contains(part), "{text}");
            }
            let moved = people::account(&cx, "free");
            let id = moved.id;
            cx.transaction(async |tx| moved.insert(tx).await).await.unwrap();
            let change = Account::update(id).set(Account::email, "taken@example.org".to_owned());
            let conflict = broken(cx.transaction(async |tx| change.run(tx).await).await);
            let expected = of(ConstraintKind::Unique, "people_accounts", &["email"]);
            assert_eq!(
                conflict,
                Constraint { entity: Some("Account"), key: Some(format!("{id:?}")), ..expected }
            );
        })
        .await;
}

async fn a_taken_unique_value_of_a_tenant_names_its_columns_with_the_organization(bench: Bench) {
    bench
        .request(async |cx| {
            let user = people::hire(&cx, 1).await.remove(0);
            let again = User { id: people::UserId(cx.new_id()), ..user.clone() };
            let conflict = cx.transaction(async |tx| again.insert(tx).await).await.map(|_| ()).unwrap_err();
            assert!(conflict.violates(User::unique_account_id), "{conflict}");
            assert_eq!(conflict.constraint().unwrap().columns, ["org_id", "account_id"]);
        })
        .await;
}

async fn a_taken_key_is_a_conflict_on_the_key(bench: Bench) {
    bench
        .request(async |cx| {
            let label = || Label {
                id: LabelId(tenfold_data::Uuid::nil()),
                org_id: cx.tenant(),
                name: "one".to_owned(),
            };
            cx.transaction(async |tx| label().insert(tx).await).await.unwrap();
            let conflict = cx.transaction(async |tx| label().insert(tx).await).await.map(|_| ()).unwrap_err();
            assert!(conflict.violates(Label::unique_key), "{conflict}");
        })
        .await;
}

async fn of_many_rows_the_conflict_names_no_key(bench: Bench) {
    bench
        .request(async |cx| {
            let accounts = ["a", "b", "a"].map(|name| people::account(&cx, name)).into();
            let conflict = broken(cx.transaction(async |tx| Account::insert_many(tx, accounts).await).await);
            let expected = of(ConstraintKind::Unique, "people_accounts", &["email"]);
            assert_eq!(conflict, Constraint { entity: Some("Account"), ..expected });
        })
        .await;
}

async fn a_broken_check_is_named(bench: Bench) {
    bench
        .request(async |cx| {
            let account = people::account(&cx, "check");
            let nameless = people::user(&cx, &account, "");
            let stored = cx.transaction(async |tx| {
                account.insert(tx).await?;
                nameless.insert(tx).await
            });
            let refused = stored.await.map(|_| ()).unwrap_err();
            let constraint = refused.constraint().unwrap();
            assert_eq!((constraint.kind, &*constraint.table), (ConstraintKind::Check, "people_users"));
            assert_eq!(constraint.name.as_deref(), Some("people_users_named"));
            assert!(refused.to_string().contains("a check fails (people_users_named)"), "{refused}");
        })
        .await;
}

/// The table of labels, as an author would declare it without knowing that each has a name.
#[derive(Entity)]
#[entity(table = "work_labels", tenant = org_id)]
struct NamelessLabel {
    #[entity(key)]
    id: LabelId,
    org_id: OrgId,
    name: Option<String>,
}

async fn a_missing_value_names_its_column(bench: Bench) {
    bench
        .request(async |cx| {
            let nameless = NamelessLabel { id: LabelId(cx.new_id()), org_id: cx.tenant(), name: None };
            let key = Some(format!("{:?}", nameless.id));
            let refused = broken(cx.transaction(async |tx| nameless.insert(tx).await).await);
            let expected = of(ConstraintKind::NotNull, "work_labels", &["name"]);
            assert_eq!(refused, Constraint { entity: Some("NamelessLabel"), key, ..expected });
        })
        .await;
}

async fn a_reference_to_nothing_names_its_columns(bench: Bench) {
    bench
        .request(async |cx| {
            let never_stored = people::account(&cx, "nobody");
            let user = people::user(&cx, &never_stored, "orphan");
            let key = Some(format!("{:?}", user.id));
            let refused = broken(cx.transaction(async |tx| user.insert(tx).await).await);
            let expected = of(ConstraintKind::ForeignKey, "people_users", &["account_id"]);
            assert_eq!(refused, Constraint { entity: Some("User"), key, ..expected });
        })
        .await;
}

async fn a_row_that_others_refer_to_cannot_be_deleted(bench: Bench) {
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 1).await;
            let refused = broken(cx.transaction(async |tx| User::delete(tx, users[0].id).await).await);
            let expected = of(ConstraintKind::ForeignKey, "people_users", &[]);
            let key = Some(format!("{:?}", users[0].id));
            assert_eq!(refused, Constraint { entity: Some("User"), key, ..expected });
        })
        .await;
}

async fn an_authors_sql_breaks_the_same_constraints(bench: Bench) {
    bench
        .system(async |system| {
            let insert =
                || sql!("accounts.insert", "INSERT INTO people_accounts (id, email) VALUES ($1, $2)");
            let same = || insert().bind(system.new_id()).bind("same".to_owned());
            system.transaction(async |tx| same().execute(tx).await).await.unwrap();
            let conflict = system.transaction(async |tx| same().execute(tx).await).await.unwrap_err();
            assert!(conflict.violates(Account::unique_email), "{conflict}");
            assert_eq!(
                broken::<()>(Err(conflict)),
                of(ConstraintKind::Unique, "people_accounts", &["email"])
            );
        })
        .await;
}
