//! The page of the modules.

use std::time::Duration;

use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::console;
use crate::why::operator;
use crate::{new_owner, upload_a_picture};

const PASSWORD: &str = "a long enough password";

async fn page(app: &TestApp, query: &str) -> String {
    let cookie = operator(app).await;
    console::page(app, &cookie, &format!("/console/modules{query}")).await.text()
}

/// The row of a table that has all of these words.
fn row<'p>(page: &'p str, words: &[&str]) -> &'p str {
    let found = page.split("<tr>").find(|row| words.iter().all(|word| row.contains(word)));
    found.unwrap_or_else(|| panic!("no row has {words:?}: {page}"))
}

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn calls_and_events_are_counted_between_modules(app) {
    let token = new_owner(app).await;
    upload_a_picture(app, &token).await;
    let shown = page(app, "").await;
    let call = row(&shown, &["<td>files</td>", "billing.storage", "modules/files/src/"]);
    assert!(call.contains("<td class=\"number\">1</td><td class=\"number\">none</td>"), "{call}");
    let event = row(&shown, &["<td>files</td><td>notifications</td>", "files.file_ready", "notifications.on_file_ready"]);
    assert!(event.contains("<td class=\"number\">1</td><td class=\"number\">none</td>"), "{event}");
    for title in ["files calls billing: 1 time", "notifications listens to files: 1 time", "projects calls auth: 0 times"] {
        assert!(shown.contains(&format!("<title>{title}</title>")), "{title}: {shown}");
    }
    row(&shown, &["<td>billing</td>", "<code>Billing</code>"]);
    app.clock().advance(Duration::from_secs(15 * 60));
    let later = page(app, "?minutes=5").await;
    assert!(later.contains("No calls in this period.") && later.contains("files calls billing: 0 times"), "{later}");
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn a_period_that_is_no_number_is_the_usual_one(app) {
    assert!(page(app, "?minutes=many").await.contains("In the last 15 minutes"));
});
