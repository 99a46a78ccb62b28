//! What an author's own SQL may not do is refused in the same way by both databases.

use tenfold_data::{DataError, EntityExt, Uuid, sql};

use crate::bench::Bench;
use crate::ledger::{here, site_of};
use crate::people;
use crate::work;

on_both_databases!(
    a_statement_with_too_many_or_too_few_values_is_the_authors_mistake,
    a_statement_that_does_not_exist_is_the_authors_mistake,
    a_column_of_another_type_is_named,
    sql_outside_a_transaction_cannot_write,
    sql_has_the_name_and_the_call_site_of_its_author,
);

async fn a_statement_with_too_many_or_too_few_values_is_the_authors_mistake(bench: Bench) {
    bench
        .system(async |system| {
            let few = sql!("emails.few", "SELECT email FROM people_accounts WHERE email = $1 OR email = $2");
            let few = few.bind("a".to_owned()).all::<(String,), _>(&system).await.unwrap_err();
            assert!(matches!(few, DataError::Statement { .. }), "{few}");
            assert!(few.to_string().contains("emails.few"), "{few}");
            let many = sql!("emails.many", "SELECT email FROM people_accounts WHERE email = $1");
            let many = many.bind("a".to_owned()).bind("b".to_owned()).all::<(String,), _>(&system).await;
            let many = many.unwrap_err();
            assert!(matches!(many, DataError::Statement { .. }), "{many}");
            assert!(many.retry_after().is_none());
        })
        .await;
}

async fn a_statement_that_does_not_exist_is_the_authors_mistake(bench: Bench) {
    bench
        .system(async |system| {
            let wrong = sql!("nothing.here", "SELECT a FROM no_such_table");
            let (asking, wrong) = (here(), wrong.all::<(i64,), _>(&system));
            let DataError::Statement { statement, site, source } = wrong.await.unwrap_err() else {
                panic!("no such error")
            };
            assert_eq!((&*statement, site.file(), site.line()), ("nothing.here", asking.0, asking.1));
            assert!(source.to_string().contains("no_such_table"), "{source}");
        })
        .await;
}

async fn a_column_of_another_type_is_named(bench: Bench) {
    bench
        .request(async |cx| {
            people::hire(&cx, 1).await;
            let names = sql!("users.names", "SELECT id, name FROM people_users WHERE org_id = $1");
            let wrong = names.all::<(Uuid, i64), _>(&cx).await.unwrap_err();
            assert!(matches!(wrong, DataError::Read { .. }), "{wrong}");
            assert!(wrong.to_string().contains("column 1 should hold a bigint"), "{wrong}");
        })
        .await;
}

async fn sql_outside_a_transaction_cannot_write(bench: Bench) {
    bench
        .request(async |cx| {
            work::plan(&cx, 0).await;
            for bounded in [false, true] {
                let rename = sql!("labels.rename", "UPDATE work_labels SET name = 'x' WHERE org_id = $1");
                let rename = if bounded { rename.bounded() } else { rename };
                let refused = rename.all::<(i64,), _>(&cx).await.unwrap_err();
                assert!(matches!(refused, DataError::Statement { .. }), "{refused}");
            }
            let rename =
                sql!("labels.rename", "UPDATE work_labels SET name = 'x' WHERE org_id = $1 AND name <> $2");
            let rename = rename.bind("y".to_owned());
            let changed = cx.transaction(async |tx| rename.execute(tx).await).await.unwrap();
            assert_eq!(changed, 2);
            assert!(work::Label::query().all(&cx).await.unwrap().iter().all(|label| label.name == "x"));
        })
        .await;
}

async fn sql_has_the_name_and_the_call_site_of_its_author(bench: Bench) {
    bench
        .request(async |cx| {
            people::hire(&cx, 3).await;
            bench.statements();
            let named = sql!(
                "users.named",
                "SELECT name, id FROM people_users WHERE org_id = $1 AND name > $2 ORDER BY name"
            );
            let named = named.bind("user 0000".to_owned());
            let (asking, rows) = (here(), named.all::<(String, Uuid), _>(&cx).await.unwrap());
            let rows: Vec<_> = rows.into_iter().map(|(name, _)| name).collect();
            assert_eq!(rows, ["user 0001", "user 0002"]);
            let ran = bench.statements();
            assert_eq!(site_of(&ran, "users.named"), asking);
            assert_eq!((ran[0].rows, ran[0].dialect), (2, bench.database.dialect()));
        })
        .await;
}

#[tokio::test]
async fn a_cast_on_a_parameter_is_refused_on_sqlite_with_a_clear_error() {
    let bench = Bench::sqlite().await;
    bench
        .request(async |cx| {
            let cast = sql!("users.cast", "SELECT name FROM people_users WHERE org_id = $1::uuid");
            let refused = cast.all::<(String,), _>(&cx).await.unwrap_err();
            assert!(
                refused.to_string().contains("write parameters as $ and digits, without casts"),
                "{refused}"
            );
        })
        .await;
}

#[tokio::test]
async fn a_value_of_another_type_than_postgres_expects_is_the_authors_mistake() {
    let bench = Bench::postgres().await;
    bench
        .system(async |system| {
            let by_id = sql!("accounts.by_id", "SELECT email FROM people_accounts WHERE id = $1");
            let wrong = by_id.bind("no uuid".to_owned()).all::<(String,), _>(&system).await.unwrap_err();
            assert!(matches!(wrong, DataError::Statement { .. }), "{wrong}");
            assert!(wrong.retry_after().is_none());
        })
        .await;
}
