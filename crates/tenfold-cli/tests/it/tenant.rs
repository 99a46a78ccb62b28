//! An entity and the key of its table agree on whose the rows are.

use crate::fixture::Fixture;

const LEDGER: &str = "modules/billing/src/ledger.rs";
const MIGRATION: &str = "modules/billing/migrations/0002_ledger.sql";

const OWNED: &str = "CREATE TABLE billing_ledger (org_id uuid NOT NULL, id uuid, PRIMARY KEY (org_id, id));";
const LOOSE: &str = "CREATE TABLE billing_ledger (id uuid PRIMARY KEY, org_id uuid);";

/// The good workspace with an entity of billing's, declared like this, and its table.
fn ledger(owner: &str, table: &str) -> Fixture {
    let entity =
        format!("#[derive(Entity)]\n#[entity(table = \"billing_ledger\", {owner})]\nstruct Entry;\n");
    Fixture::good().with(LEDGER, &entity).with(MIGRATION, table)
}

#[test]
fn a_global_entity_on_a_tenants_table_is_refused() {
    for table in [
        OWNED,
        "create table if not exists billing_ledger (org_id uuid, \"id\" uuid, CONSTRAINT k PRIMARY KEY (org_id, id));",
        "CREATE TABLE billing_ledger (org_id uuid PRIMARY KEY);",
        "CREATE TABLE billing_new (org_id uuid, id uuid, CHECK (id <> org_id), PRIMARY KEY (org_id, id));
         ALTER TABLE billing_new RENAME TO billing_ledger;",
    ] {
        let place = "modules/billing/src/ledger.rs:2";
        let parts = ["error[tenant]", "`billing_ledger` is global", "tenant = org_id", place];
        ledger("global = \"a mistake\"", table).check().fails(1, &parts);
    }
}

#[test]
fn a_tenants_entity_whose_key_begins_otherwise_is_refused() {
    for table in [
        LOOSE,
        "CREATE TABLE billing_ledger (org_id uuid, id uuid, PRIMARY KEY (id, org_id));",
        "CREATE TABLE billing_ledger (org_id uuid, id uuid);",
        "CREATE TABLE billing_ledger (id uuid PRIMARY KEY); ALTER TABLE billing_ledger ADD COLUMN org_id uuid;",
    ] {
        let parts = ["error[tenant]", "its key begins with something else", "PRIMARY KEY (org_id, …)"];
        ledger("tenant = org_id", table).check().fails(1, &parts);
    }
}

#[test]
fn a_tenant_column_of_another_name_is_refused() {
    let table = "CREATE TABLE billing_ledger (owner uuid, id uuid, PRIMARY KEY (owner, id));";
    ledger("tenant = owner", table).check().fails(1, &["error[tenant]", "call the column org_id"]);
}

#[test]
fn a_table_with_org_id_and_no_entity_is_refused() {
    for table in [
        OWNED,
        LOOSE,
        "CREATE TABLE billing_ledger (id uuid PRIMARY KEY);\nALTER TABLE billing_ledger ADD org_id uuid;",
        "-- tenfold: no entity, because\nCREATE TABLE billing_ledger (id uuid PRIMARY KEY, org_id uuid);",
    ] {
        let place = "modules/billing/migrations/0002_ledger.sql:";
        let fixture = Fixture::good().with(MIGRATION, table);
        fixture.check().fails(1, &["error[tenant]", "no entity says whose", "-- tenfold: no entity", place]);
    }
}

#[test]
fn what_says_whose_its_rows_are_passes() {
    ledger("tenant = org_id", OWNED).check().passes("no boundary is crossed");
    ledger("global = \"looked up before sign-in\"", LOOSE).check().passes("no boundary is crossed");
    let later = "CREATE TABLE billing_ledger (org_id uuid, id uuid);
                 -- tenfold: locks, because the table is new
                 ALTER TABLE billing_ledger ADD CONSTRAINT k PRIMARY KEY (org_id, id);";
    ledger("tenant = org_id", later).check().passes("no boundary is crossed");
    let said = format!("-- tenfold: no entity, because a job sums it up by hand\n{OWNED}");
    Fixture::good().with(MIGRATION, &said).check().passes("no boundary is crossed");
    let gone = format!("{OWNED}\nDROP TABLE billing_ledger;");
    Fixture::good().with(MIGRATION, &gone).check().passes("no boundary is crossed");
}

#[test]
fn a_tables_owner_may_differ_between_the_databases() {
    let fixture = ledger("tenant = org_id", "SELECT 1;")
        .with("modules/billing/migrations/0003_x.sqlite.sql", OWNED)
        .with("modules/billing/migrations/0003_x.postgres.sql", LOOSE);
    fixture.check().fails(1, &["error[tenant]", "its key begins with something else"]);
}

#[test]
fn an_exception_can_be_listed_for_a_table_that_is_there() {
    let listed = "[[allow]]\nrule = \"tenant\"\nwhere = \"modules/billing/migrations/0002_ledger.sql\"\n\
                  names = \"billing_ledger\"\nreason = \"it ran long ago\"\nuntil = \"2027-01-31\"\n";
    let fixture = Fixture::good().with(MIGRATION, LOOSE).with("tenfold-check.toml", listed);
    fixture.check().passes("but for 1 exception");
}
