//! The `tenfold` program on small workspaces.

mod api;
mod circles;
mod cycles;
mod dev;
mod exceptions;
mod fixture;
mod graph;
mod jobs;
mod layers;
mod layout;
mod locks;
mod needs;
mod projects;
mod rebuild;
mod registered;
mod rls;
mod search;
mod statements;
mod tables;
mod tenant;
mod texts;
mod types;
mod unique;
mod upgrades;

use fixture::Fixture;

#[test]
fn a_workspace_that_keeps_its_boundaries_passes_with_one_line() {
    let run = Fixture::good().check();
    run.passes("checked 3 modules, 6 texts of SQL, 5 tables: no boundary is crossed\n");
}

#[test]
fn a_check_begins_in_any_folder_of_the_workspace() {
    let fixture = Fixture::good();
    fixture.run(&["check", "--workspace", "modules/auth/api"]).passes("checked 3 modules");
}

#[test]
fn a_wrong_command_line_is_another_failure_than_a_crossed_boundary() {
    let fixture = Fixture::good();
    fixture.run(&["check", "--today", "soon"]).ends_with_code(2, "--today");
    fixture.run(&["check", "--compare", "docs/modules.md"]).ends_with_code(2, "--graph");
    fixture.run(&["check", "--workspace", "nowhere"]).ends_with_code(2, "nowhere");
}

#[test]
fn the_check_itself_can_be_called_from_a_test() {
    let fixture = Fixture::good();
    let report = tenfold_cli::check(fixture.root(), jiff::civil::date(2026, 7, 1)).expect("the check runs");
    assert_eq!((report.modules, report.violations.len()), (3, 0));
}
