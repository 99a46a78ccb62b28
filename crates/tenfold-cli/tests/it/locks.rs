//! A migration does not hold up a table that is in use.

use crate::fixture::Fixture;

/// The good workspace with a later migration of billing's.
fn later(text: &str) -> Fixture {
    Fixture::good().with("modules/billing/migrations/0002_later.sql", text)
}

/// A text, what is wrong with it, and what to do instead.
const LOCKING: &[(&str, &str, &str)] = &[
    ("CREATE INDEX billing_x ON billing_invoices (id);", "holds up every write", "-- tenfold: concurrently"),
    ("CREATE UNIQUE INDEX billing_x ON billing_invoices (id);", "holds up every write", "file of its own"),
    (
        "CREATE INDEX CONCURRENTLY billing_x ON billing_invoices (id);",
        "which PostgreSQL refuses",
        "plain CREATE INDEX",
    ),
    (
        "ALTER TABLE billing_invoices ALTER COLUMN id SET NOT NULL;",
        "looks at every row",
        "VALIDATE CONSTRAINT",
    ),
    ("ALTER TABLE billing_invoices ALTER id TYPE text;", "writes the whole", "fill it in batches"),
    ("ALTER TABLE billing_invoices ALTER COLUMN id SET DATA TYPE text;", "writes the whole", "new type"),
    (
        "ALTER TABLE billing_invoices ADD COLUMN x uuid DEFAULT gen_random_uuid();",
        "differs from row to row",
        "in batches",
    ),
    ("ALTER TABLE billing_invoices ADD x text NOT NULL;", "has no default", "DEFAULT"),
    (
        "ALTER TABLE billing_invoices ADD COLUMN x uuid REFERENCES billing_invoices (id);",
        "looks at every row",
        "NOT VALID",
    ),
    (
        "ALTER TABLE billing_invoices ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES billing_invoices (id);",
        "looks at every row",
        "NOT VALID",
    ),
    ("ALTER TABLE billing_invoices ADD CONSTRAINT c CHECK (id > 0);", "looks at every row", "NOT VALID"),
    (
        "ALTER TABLE billing_invoices ADD COLUMN y text, ADD CHECK (id > 0);",
        "looks at every row",
        "NOT VALID",
    ),
    ("ALTER TABLE billing_invoices ADD CONSTRAINT c UNIQUE (id);", "builds its index", "unique index"),
    ("ALTER TABLE billing_invoices ADD COLUMN x text UNIQUE;", "builds its index", "unique index"),
    ("ALTER TABLE billing_invoices DROP COLUMN id;", "still uses it", "later one"),
    ("ALTER TABLE billing_invoices RENAME COLUMN id TO x;", "still uses it", "later one"),
    ("ALTER TABLE billing_invoices RENAME TO billing_bills;", "still uses it", "later one"),
    ("DROP TABLE billing_invoices;", "may still use it", "drop it in a later one"),
    ("TRUNCATE billing_invoices;", "keeps everybody", "outside a migration"),
    (
        "ALTER TABLE billing_invoices ADD CONSTRAINT c CHECK (id > 0) NOT VALID;\n\
             ALTER TABLE billing_invoices VALIDATE CONSTRAINT c;",
        "under its lock",
        "file of its own",
    ),
];

#[test]
fn what_locks_a_table_in_use_is_refused_with_what_to_do_instead() {
    for (text, wrong, remedy) in LOCKING {
        let parts = ["error[locks]", "modules/billing/migrations/0002_later.sql:", wrong, remedy, "because"];
        later(text).check().fails(1, &parts);
    }
}

#[test]
fn what_is_quick_or_concerns_a_new_table_passes() {
    for text in [
        "CREATE TABLE billing_lines (id uuid PRIMARY KEY, at text NOT NULL);
         CREATE INDEX billing_lines_at ON billing_lines (at);
         ALTER TABLE billing_lines ADD CONSTRAINT c CHECK (at <> '');",
        "-- tenfold: concurrently\nCREATE INDEX billing_x ON billing_invoices (id);",
        "ALTER TABLE billing_invoices ADD COLUMN x text;",
        "ALTER TABLE billing_invoices ADD COLUMN x bigint NOT NULL DEFAULT 0;",
        "ALTER TABLE billing_invoices ADD COLUMN x timestamptz NOT NULL DEFAULT now();",
        "ALTER TABLE billing_invoices ADD CONSTRAINT c CHECK (id > 0) NOT VALID;",
        "ALTER TABLE billing_invoices VALIDATE CONSTRAINT c;
         ALTER TABLE billing_invoices ALTER COLUMN id SET NOT NULL;",
        "ALTER TABLE billing_invoices DROP CONSTRAINT c;",
        "INSERT INTO billing_invoices (id) VALUES (1);",
    ] {
        later(text).check().passes("texts of SQL");
    }
}

#[test]
fn a_reason_above_the_statement_lets_it_pass_and_an_empty_one_does_not() {
    let drop = "DROP TABLE billing_invoices;";
    later(&format!("-- tenfold: locks, because nobody has used it since 1.4\n{drop}"))
        .check()
        .passes("texts of SQL");
    later(&format!("-- tenfold: locks, because\n{drop}")).check().fails(1, &["error[locks]"]);
    later(&format!(
        "-- tenfold: locks, because it is small\nALTER TABLE billing_invoices ADD x text;\n{drop}"
    ))
    .check()
    .fails(1, &["0002_later.sql:3"]);
}

#[test]
fn what_only_sqlite_runs_is_not_judged_and_an_exception_may_stand_in_the_list() {
    let fixture = Fixture::good()
        .with("modules/billing/migrations/0002_x.sqlite.sql", "DROP TABLE billing_invoices;")
        .with(
            "modules/billing/migrations/0002_x.postgres.sql",
            "INSERT INTO billing_invoices DEFAULT VALUES;",
        );
    fixture.check().passes("texts of SQL");
    let listed = "[[allow]]\nrule = \"locks\"\nwhere = \"modules/billing/migrations/0002_later.sql\"\n\
                  reason = \"it has run everywhere\"\nuntil = \"2099-01-01\"\n";
    later("DROP TABLE billing_invoices;").with("tenfold-check.toml", listed).check().passes("texts of SQL");
}
