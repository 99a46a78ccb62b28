//! A migration opens no way past row-level security.

use crate::fixture::Fixture;

/// The good workspace with a later migration of billing's for PostgreSQL.
fn later(text: &str) -> Fixture {
    Fixture::good()
        .with("modules/billing/migrations/0002_later.sqlite.sql", "SELECT 1;")
        .with("modules/billing/migrations/0002_later.postgres.sql", text)
}

#[test]
fn a_way_past_row_level_security_is_refused_with_another() {
    for (text, wrong, instead) in [
        (
            "CREATE MATERIALIZED VIEW billing_totals AS SELECT count(*) FROM billing_invoices;",
            "rows of every organization",
            "from a job",
        ),
        (
            "create materialized view if not exists billing_totals as select count(*) from billing_invoices;",
            "rows of every organization",
            "plain view",
        ),
        ("CREATE POLICY open ON billing_invoices USING (true);", "lets more rows through", "RESTRICTIVE"),
        ("ALTER TABLE billing_invoices DISABLE ROW LEVEL SECURITY;", "taken down", "leave it to `migrate`"),
        ("ALTER TABLE billing_invoices NO FORCE ROW LEVEL SECURITY;", "taken down", "leave it to `migrate`"),
        ("DROP POLICY tenfold_tenant ON billing_invoices;", "taken down", "leave it to `migrate`"),
    ] {
        let place = "modules/billing/migrations/0002_later.postgres.sql:1";
        later(text).check().fails(1, &["error[rls]", wrong, instead, place]);
    }
}

#[test]
fn what_goes_by_row_level_security_or_narrows_it_passes() {
    for text in [
        "CREATE VIEW billing_totals AS SELECT count(*) AS n FROM billing_invoices;",
        "CREATE POLICY paid ON billing_invoices AS RESTRICTIVE USING (true);",
        "ALTER TABLE billing_invoices ENABLE ROW LEVEL SECURITY;",
        "-- CREATE MATERIALIZED VIEW would be quicker\nSELECT 1;",
    ] {
        later(text).check().passes("no boundary is crossed");
    }
}
