//! A look at plans and at the schema: nothing is run, nobody waits, and a text that has no plan hurts no other.

use std::time::Duration;

use tenfold_data::{Dialect, PlanRequest, SchemaKind};

use crate::bench::Bench;

on_both_databases!(
    plans_are_taken_without_running_anything,
    a_text_without_a_plan_hurts_no_other,
    tables_and_indexes_are_listed_with_their_definitions,
);

/// Longer than a stalled machine needs.
const LIMIT: Duration = Duration::from_secs(60);

fn wanted(text: &str) -> PlanRequest {
    PlanRequest { text: text.to_owned(), by_key: false }
}

/// The names of all accounts, which a look that ran something would have changed.
async fn accounts(bench: &Bench) -> Vec<(String,)> {
    let read = async |cx: tenfold_data::SystemContext| {
        tenfold_data::sql!("looks.accounts", "SELECT email FROM people_accounts ORDER BY email")
            .bounded()
            .all::<(String,), _>(&cx)
            .await
    };
    bench.system(read).await.expect("they can be read")
}

async fn plans_are_taken_without_running_anything(bench: Bench) {
    bench.statements();
    let texts = [
        "SELECT id FROM people_accounts WHERE email = $1",
        "UPDATE people_accounts SET email = $2 WHERE id = $1",
        "DELETE FROM people_accounts WHERE email = $1",
        "INSERT INTO people_accounts (id, email) SELECT id, 'x' || email FROM people_accounts WHERE email > $1",
        "WITH few AS (SELECT id FROM people_accounts WHERE email < $1 AND email > $2) SELECT count(*) FROM few",
    ];
    let look = bench.database.look(&texts.map(wanted), LIMIT).await.expect("the database can be looked at");
    assert_eq!(look.plans.len(), texts.len());
    for (plan, text) in look.plans.iter().zip(texts) {
        let plan = plan.as_ref().unwrap_or_else(|| panic!("{text} has no plan"));
        assert!(plan.contains("people_accounts"), "{text}: {plan}");
    }
    assert_eq!(accounts(&bench).await, []);
    let sent: Vec<_> = bench.statements().iter().map(|sent| sent.name.to_string()).collect();
    assert_eq!(sent, ["looks.accounts"], "observers are not told of a look");
}

async fn a_text_without_a_plan_hurts_no_other(bench: Bench) {
    let whole = "SELECT id FROM people_accounts WHERE email = $1";
    let texts = [
        whole,
        "SELECT id FROM nowhere WHERE id = $1",
        "SELECT FROM WHERE",
        "DROP TABLE people_accounts",
        "SELECT 1; DELETE FROM people_accounts; COMMIT",
        "EXPLAIN ANALYZE SELECT 1",
        whole,
    ];
    let look = bench.database.look(&texts.map(wanted), LIMIT).await.expect("the database can be looked at");
    for index in [1, 2, 3, 5] {
        assert_eq!(look.plans[index], None, "{}", texts[index]);
    }
    assert!(look.plans[0].is_some() && look.plans[0] == look.plans[6], "{:?}", look.plans);
    assert_eq!(accounts(&bench).await, [], "the table is there");
    // The next look begins on a connection without leftovers.
    let again = bench.database.look(&[wanted(whole)], LIMIT).await.expect("the database can be looked at");
    assert_eq!(again.plans[0], look.plans[0]);
}

async fn tables_and_indexes_are_listed_with_their_definitions(bench: Bench) {
    let schema = bench.database.look(&[], LIMIT).await.expect("the database can be looked at").schema;
    let tables: Vec<&str> =
        schema.iter().filter(|item| item.kind == SchemaKind::Table).map(|item| &*item.name).collect();
    assert!(tables.contains(&"people_accounts") && tables.is_sorted(), "{tables:?}");
    let columns = schema.iter().find(|item| item.name == "people_accounts").map(|item| &*item.definition);
    assert!(columns.is_some_and(|definition| definition.contains("email")), "{columns:?}");
    let mut indexes =
        schema.iter().filter(|item| item.kind == SchemaKind::Index && item.table == "people_permissions");
    assert!(indexes.all(|index| !index.definition.is_empty()), "{schema:#?}");
}

#[tokio::test]
async fn a_load_by_key_is_planned_as_it_runs() {
    let bench = Bench::postgres().await;
    let text = "SELECT id, email FROM people_accounts WHERE id = $1".to_owned();
    let both = [true, false].map(|by_key| PlanRequest { text: text.clone(), by_key });
    let plans = bench.database.look(&both, LIMIT).await.expect("the database can be looked at").plans;
    // Of an empty table PostgreSQL would read all, if it were let.
    assert!(
        plans[0].as_ref().is_some_and(|plan| plan.contains("Index Scan") || plan.contains("Index Only Scan")),
        "{plans:?}"
    );
    assert_eq!(bench.database.dialect(), Dialect::Postgres);
}

/// The lock of an `ALTER TABLE` that is not committed stops the look at that table alone.
#[tokio::test]
async fn a_table_being_altered_hides_no_other_plan() {
    let bench = Bench::postgres().await;
    let altering = bench.onlooker().await;
    altering.batch_execute("BEGIN; ALTER TABLE people_permissions ADD COLUMN later text").await.unwrap();
    let texts =
        ["SELECT id FROM people_permissions WHERE id = $1", "SELECT id FROM people_accounts WHERE id = $1"];
    let look = bench.database.look(&texts.map(wanted), LIMIT).await.expect("the database can be looked at");
    assert_eq!(look.plans[0], None);
    assert!(look.plans[1].as_ref().is_some_and(|plan| plan.contains("people_accounts")), "{:?}", look.plans);
    // The definitions of its indexes are locked too. What comes after them is there.
    assert!(look.schema.is_empty() && look.checkpoints.is_some(), "{look:#?}");
    altering.batch_execute("COMMIT").await.unwrap();
    let look = bench.database.look(&texts.map(wanted), LIMIT).await.expect("the database can be looked at");
    assert!(look.plans[0].is_some() && !look.schema.is_empty(), "{look:#?}");
}
