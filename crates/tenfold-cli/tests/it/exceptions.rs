//! Exceptions have a reason, a use and an end.

use crate::fixture::Fixture;

const FILE: &str = "tenfold-check.toml";

/// The good workspace with two foreign tables in one file, and the exceptions `listed`.
fn crossed(listed: &str) -> Fixture {
    Fixture::good()
        .with(
            "modules/billing/src/report.rs",
            "fn f() {\n    sql!(\"x\", \"SELECT 1 FROM auth_users\");\n    sql!(\"y\", \"SELECT 1 FROM auth_sessions\");\n}",
        )
        .with(FILE, listed)
}

fn allow(rule: &str, reason: &str, until: &str) -> String {
    format!(
        "[[allow]]\nrule = \"{rule}\"\nwhere = \"modules/billing/src/report.rs\"\nreason = \"{reason}\"\nuntil = \"{until}\"\n"
    )
}

#[test]
fn an_exception_tolerates_a_rule_in_a_file_until_its_last_day() {
    let run = crossed(&allow("tables", "moves with the new plans", "2026-07-01")).check();
    run.passes("no boundary is crossed but for 1 exception\n");
}

#[test]
fn an_exception_may_be_limited_to_one_table() {
    let listed = allow("tables", "moves with the new plans", "2027-01-31") + "names = \"auth_users\"\n";
    crossed(&listed).check().fails(1, &["modules/billing/src/report.rs:3", "auth_sessions"]);
}

#[test]
fn an_expired_exception_is_an_error_and_tolerates_nothing() {
    let run = crossed(&allow("tables", "moves with the new plans", "2026-06-30")).check();
    run.fails(3, &["error[exceptions]", "tenfold-check.toml:2", "ended on 2026-06-30", "error[tables]"]);
}

#[test]
fn an_exception_without_a_use_is_an_error() {
    let fixture = Fixture::good().with(FILE, &allow("tables", "was needed once", "2027-01-31"));
    fixture.check().fails(1, &["error[exceptions]", "tenfold-check.toml:2", "tolerates nothing"]);
}

#[test]
fn an_exception_gives_a_reason_a_rule_and_a_date() {
    let with = |listed: &str| Fixture::good().with(FILE, listed).check();
    with(&allow("tables", " ", "2027-01-31")).fails(1, &["tenfold-check.toml:2", "gives no reason"]);
    with(&allow("sources", "none", "2027-01-31"))
        .fails(1, &["tenfold-check.toml:2", "no rule `sources`", "tables"]);
    with(&allow("tables", "soon", "some day")).fails(1, &["tenfold-check.toml:2", "is not a date"]);
    with("[[allow]]\nrule = \"tables\"\nwho = \"me\"\n").fails(1, &["tenfold-check.toml:3", "who"]);
}
