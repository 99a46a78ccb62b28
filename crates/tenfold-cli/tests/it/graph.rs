//! The picture of the modules.

use crate::fixture::Fixture;

const PICTURE: &str = "flowchart TD
    module_auth[\"<b>auth</b><br/>provides Auth<br/>auth_sessions<br/>auth_users\"]
    module_billing[\"<b>billing</b><br/>provides Billing<br/>billing_invoices\"]
    module_files[\"<b>files</b><br/>files_blobs<br/>files_uploads\"]
    module_billing -->|Auth| module_auth
    module_files -->|Auth| module_auth
    module_files -->|Billing| module_billing
";

#[test]
fn the_picture_shows_modules_needs_interfaces_and_tables_by_name() {
    assert_eq!(Fixture::good().run(&["check", "--graph"]).stdout(), PICTURE);
}

#[test]
fn a_written_picture_is_the_committed_one_until_a_module_changes() {
    let fixture = Fixture::good();
    let compare = ["check", "--graph", "--compare", "docs/modules.md"];
    let rewrite = "do: tenfold check --graph --write docs/modules.md";
    fixture.run(&compare).fails(1, &["docs/modules.md holds no", rewrite]);
    fixture.run(&["check", "--graph", "--write", "docs/modules.md"]).passes("wrote the picture");
    fixture.run(&compare).passes("docs/modules.md shows the modules as they are");
    let changed = fixture.edited("modules/files/src/lib.rs", "files_blobs", "files_pieces");
    changed.run(&compare).fails(1, &["docs/modules.md shows other modules", rewrite]);
}

#[test]
fn writing_the_picture_leaves_the_text_around_it() {
    let document = "# Modules\n\nBefore.\n\n```mermaid\nold\n```\n\nAfter.\n";
    let fixture = Fixture::good().with("docs/modules.md", document);
    fixture.run(&["check", "--graph", "--write", "docs/modules.md"]).passes("wrote");
    assert_eq!(fixture.text("docs/modules.md"), document.replace("old\n", PICTURE));
}

#[test]
fn a_module_that_only_listens_is_drawn_with_a_dotted_arrow() {
    let event = "pub struct Paid { }\n\nimpl Event for Paid { const NAME: &'static str = \"billing.paid\"; }";
    let fixture = Fixture::good().appended("modules/billing/api/src/lib.rs", event).edited(
        "modules/files/src/lib.rs",
        ".needs::<dyn Billing>()",
        ".on::<Paid, _, _>(\"files.on_paid\", on_paid)",
    );
    let listens = PICTURE.replace("module_files -->|Billing|", "module_files -.->|Paid|");
    assert_eq!(fixture.run(&["check", "--graph"]).stdout(), listens);
}
