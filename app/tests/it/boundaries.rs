//! `tenfold check`, as a test.

use std::path::Path;

#[test]
fn modules_keep_their_boundaries() {
    let workspace =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the application is in a workspace");
    let report = tenfold_cli::check_today(workspace).expect("the workspace can be read");
    assert!(report.violations.is_empty(), "{report}");
}
