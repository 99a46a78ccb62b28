//! A job that can be enqueued is one that somebody runs.

use crate::fixture::Fixture;

const JOB: &str = "pub struct Send;\nimpl Job for Send { const KIND: &'static str = \"billing.send\"; }";

#[test]
fn a_job_that_no_module_registers_is_refused() {
    let fixture = Fixture::good().with("modules/billing/src/send.rs", JOB);
    let parts = [
        "error[jobs]",
        "modules/billing/src/send.rs:2",
        "no module registers the job Send",
        "add `.job::<Send>()` at modules/billing/src/lib.rs:5",
    ];
    fixture.check().fails(1, &parts);
}

#[test]
fn a_job_that_its_module_registers_passes() {
    let fixture = Fixture::good().with("modules/billing/src/send.rs", JOB).edited(
        "modules/billing/src/lib.rs",
        ".needs",
        ".job::<send::Send>().needs",
    );
    fixture.check().passes("no boundary is crossed");
}

#[test]
fn another_modules_job_of_the_same_name_does_not_count() {
    let fixture = Fixture::good().with("modules/billing/src/send.rs", JOB).edited(
        "modules/files/src/lib.rs",
        ".needs",
        ".job::<Send>().needs",
    );
    fixture.check().fails(1, &["error[jobs]", "modules/billing/src/send.rs:2"]);
}

#[test]
fn a_job_of_a_test_needs_no_registration() {
    let fixture = Fixture::good().with("modules/billing/tests/it/main.rs", JOB);
    fixture.check().passes("no boundary is crossed");
}
