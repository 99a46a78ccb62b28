//! A closed organization is erased, and no module forgets anything of it.

use std::time::Duration;

use serde_json::Value;
use tenfold::both_databases;
use tenfold::data::OrgId;
use tenfold::testing::TestApp;

use crate::operations::{self, everything};
// carve:if files
use crate::upload_a_picture;
// carve:end
use crate::{organization, token};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The tables in which this test stores no row, each with the reason. It may only shrink.
const EMPTY: &[(&str, &str)] = &[
    // carve:if billing
    ("billing_subscriptions", "nothing in the application stores one yet"),
    // carve:end
    // carve:if files
    ("files_reservations", "there are some while an upload is under way alone"),
    // carve:end
];

/// The tables in which only files lead to a row.
const OF_FILES: &[&str] = &[
    // carve:if notifications
    "notifications_choices",
    "notifications_mails",
    "notifications_notifications",
    // carve:end
];

/// The tables in which there are rows of an organization.
pub async fn tables_with_rows(app: &TestApp, organization: OrgId) -> Vec<String> {
    let found = app.run(async |cx| cx.tables_with_rows_of(organization).await).await;
    found.expect("the tables can be read")
}

/// The tokens of the owners of the demo's two organizations. The first one has something of everything.
pub async fn two_organizations(app: &TestApp) -> (String, String) {
    app.seed_demo().await;
    let (doomed, other) = (token(app, "owner@globex.test").await, token(app, "owner@acme.test").await);
    operations::create_one_of_each(app, &doomed).await;
    // carve:if files and notifications
    by_mail(app, &doomed).await;
    // carve:end
    // carve:if files
    upload_a_picture(app, &doomed).await;
    // carve:end
    (doomed, other)
}

// carve:if files and notifications
/// Has all kinds of notifications mailed, so that a mail waits.
async fn by_mail(app: &TestApp, session: &str) {
    let path = "/v1/notifications/preferences";
    let list = app.get(path).bearer(session).send().await.json();
    for item in list["items"].as_array().expect("a list has items") {
        let change = serde_json::json!({"kind": item["kind"], "mail": true});
        assert_eq!(app.patch(path).bearer(session).json(&change).send().await.status(), 200);
    }
}

// carve:end
/// Closes the organization of a session, and lets the time pass in which it could be reopened.
pub async fn close_for_good(app: &TestApp, session: &str) {
    let closed = app.post("/v1/organization/close").bearer(session).send().await;
    assert_eq!(closed.status(), 200, "{}", closed.text());
    app.clock().advance(DAY * 14);
}

/// Runs what is due until nothing more happens by itself.
pub async fn settle(app: &TestApp) {
    for _ in 0..12 {
        app.run_due_jobs().await;
        app.clock().advance(Duration::from_secs(360));
    }
}

/// What somebody sees, without when a device was last used.
async fn seen(app: &TestApp, token: &str) -> Vec<Value> {
    let mut all = everything(app, token).await;
    for item in all.iter_mut().filter_map(|page| page["items"].as_array_mut()).flatten() {
        item.as_object_mut().map(|item| item.remove("last_seen_at"));
    }
    all
}

both_databases!(app::app(); async fn nothing_of_an_erased_organization_is_left(app) {
    let (doomed, other) = two_organizations(app).await;
    let id = organization(&doomed);
    let tables = tables_with_rows(app, id).await;
    let all = app.database().tables_of_organizations();
    let has_files = all.iter().any(|table| table.starts_with("files_"));
    for table in all {
        let is_empty = EMPTY.iter().any(|(name, _)| *name == table)
            || (!has_files && OF_FILES.contains(&table.as_str()));
        assert_ne!(tables.contains(&table), is_empty, "{table}: this test must store a row, to see that it is erased");
    }
    let before = seen(app, &other).await;
    close_for_good(app, &doomed).await;
    settle(app).await;
    assert_eq!(tables_with_rows(app, id).await, [""; 0]);
    // carve:if files
    assert!(!app.folder().join("files.blobs").join(id.to_string()).exists(), "its files are left");
    // carve:end
    app.expect_no_jobs().await;
    assert!(seen(app, &other).await == before, "something of another organization has changed");
});
