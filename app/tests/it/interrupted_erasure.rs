//! The erasure of an organization that is killed, and one that waits for a module.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tenfold::data::{DataError, MigrationFile, OrgId};
use tenfold::jobs::{JobState, admin};
use tenfold::operators::OperatorRole;
use tenfold::testing::TestApp;
use tenfold::{App, Module, both_databases, sql};

use crate::erasure::{close_for_good, settle, tables_with_rows, two_organizations};
use crate::operators::{add, press, signed_in};
use crate::{organization, token};

/// Polls a future so many times, then drops it, as the end of a process does. Says whether it ended.
async fn ends_within(polls: usize, work: impl Future) -> bool {
    let (mut work, mut polled) = (pin!(work), 0);
    poll_fn(|cx| {
        if polled == polls {
            return Poll::Ready(false);
        }
        polled += 1;
        work.as_mut().poll(cx).map(|_| true)
    })
    .await
}

both_databases!(app::app(); async fn an_erasure_goes_on_wherever_it_was_killed(app) {
    let (doomed, _) = two_organizations(app).await;
    let id = organization(&doomed);
    close_for_good(app, &doomed).await;
    let mut kills = 0;
    while !ends_within(1 + kills + kills * kills / 8, app.jobs().run_due()).await {
        kills += 1;
        assert!(kills < 400, "it never ends");
        // The lease stands still.
        app.clock().advance(Duration::from_secs(1800));
    }
    assert!(kills > 5, "it was killed {kills} times only");
    settle(app).await;
    assert_eq!(tables_with_rows(app, id).await, [""; 0]);
    let other = token(app, "owner@acme.test").await;
    assert_eq!(app.get("/v1/users?limit=1").bearer(&other).send().await.status(), 200);
});

/// The application with a module that does not say how it erases what it has.
fn forgetful() -> App {
    const FILES: &[MigrationFile] = &[MigrationFile {
        name: "0001_notes.sql",
        text: "CREATE TABLE forgetful_notes (org_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (org_id, id));",
    }];
    app::app().module(Module::new("forgetful").migrations(FILES))
}

both_databases!(forgetful(); async fn a_module_that_forgets_is_named_and_waited_for(app) {
    let (doomed, _) = two_organizations(app).await;
    let id = organization(&doomed);
    note(app, id).await;
    close_for_good(app, &doomed).await;
    settle(app).await;
    let waiting = app.run(async |cx| admin::queued(&cx, JobState::Retryable, 10).await).await;
    let waiting = waiting.expect("jobs can be read");
    let told: Vec<_> = waiting.iter().map(|job| (&*job.kind, &*job.message)).collect();
    assert_eq!(told, [("auth.erase_organization", "waiting for the modules to erase their rows: forgetful_notes")]);
    let left = tables_with_rows(app, id).await;
    assert!(left.iter().all(|table| table.starts_with("auth_") || table == "forgetful_notes"), "{left:?}");
    forget(app, id).await;
    settle(app).await;
    assert_eq!(tables_with_rows(app, id).await, [""; 0]);
});

both_databases!(forgetful(); async fn a_suspension_stops_an_erasure_that_has_begun(app) {
    let (doomed, _) = two_organizations(app).await;
    let id = organization(&doomed);
    note(app, id).await;
    close_for_good(app, &doomed).await;
    settle(app).await;
    let password = add(app, OperatorRole::Act).await;
    let act = async |name: &str| {
        let cookie = signed_in(app, &password).await;
        press(app, &cookie, &format!("/console/organizations/{id}/{name}")).await;
    };
    act("suspend").await;
    forget(app, id).await;
    settle(app).await;
    let left = tables_with_rows(app, id).await;
    assert!(left.iter().any(|table| table == "auth_users"), "it is erased: {left:?}");
    act("release").await;
    // The next look at what is due comes within an hour.
    settle(app).await;
    settle(app).await;
    assert_eq!(tables_with_rows(app, id).await, [""; 0]);
});

async fn note(app: &TestApp, id: OrgId) {
    let stored: Result<u64, DataError> = app
        .run(async |cx| {
            let insert = sql!("test.note", "INSERT INTO forgetful_notes (org_id, id) VALUES ($1, $1)");
            cx.within(id).transaction(async |tx| insert.execute(tx).await).await
        })
        .await;
    stored.expect("a note can be stored");
}

async fn forget(app: &TestApp, id: OrgId) {
    let erased: Result<u64, DataError> = app
        .run(async |cx| {
            let delete = sql!("test.forget", "DELETE FROM forgetful_notes WHERE org_id = $1");
            cx.within(id).transaction(async |tx| delete.execute(tx).await).await
        })
        .await;
    erased.expect("it can be deleted by hand");
}
