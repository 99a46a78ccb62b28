//! What is searched has its index.

use crate::fixture::Fixture;

const MIGRATION: &str = "modules/billing/migrations/0002_ledger.sql";

const TABLE: &str = "CREATE TABLE billing_ledger (org_id uuid NOT NULL, id uuid, PRIMARY KEY (org_id, id));";

/// The good workspace with a searched entity of billing's, and its migration with this line.
fn ledger(line: &str) -> Fixture {
    let entity = "#[derive(Entity)]\n#[entity(table = \"billing_ledger\", tenant = org_id, search(title, body))]\nstruct Entry;\n";
    Fixture::good()
        .with("modules/billing/src/ledger.rs", entity)
        .with(MIGRATION, &format!("{TABLE}\n{line}\n"))
}

#[test]
fn a_searched_entity_without_its_index_is_refused() {
    for line in
        ["", "-- tenfold: search billing_ledger (title)", "-- tenfold: search billing_other (title, body)"]
    {
        let parts = [
            "error[search]",
            "`billing_ledger` is searched",
            "modules/billing/src/ledger.rs:2",
            "`-- tenfold: search billing_ledger (title, body)`",
        ];
        ledger(line).check().fails(1, &parts);
    }
}

#[test]
fn a_searched_entity_with_its_index_passes() {
    ledger("-- tenfold: search billing_ledger (title, body)").check().passes("no boundary is crossed");
}

#[test]
fn an_index_of_another_modules_table_is_refused() {
    let fixture = Fixture::good()
        .with("modules/billing/migrations/0002_search.sql", "\n-- tenfold: search auth_users (name)\n");
    let parts = [
        "error[search]",
        "`auth_users`, which belongs to auth",
        "modules/billing/migrations/0002_search.sql:2",
    ];
    fixture.check().fails(1, &parts);
}
