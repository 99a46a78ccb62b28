//! The channel of mails: once, together, and not what was read before.

use std::time::Duration;

use serde_json::json;
use tenfold::jobs::{FinishedJob, QueuedJob};
use tenfold::prelude::*;
use tenfold::testing::TestApp;
use tenfold::{Notify, both_databases};
use tenfold_files_api::FILE_READY;
use tenfold_mail::{OutboxMail, admin};

use crate::app;
use crate::channels::choose;
use crate::notifications::{Person, obstacle};
use crate::people::{GERMAN, SHARED, UNREACHABLE};

/// `notifications.mail_delay`, and a little.
const DELAY: Duration = Duration::from_secs(15 * 60 + 1);

/// A module tells a person something.
pub async fn publish(app: &TestApp, person: &Person, told: Notify) {
    let organization = person.organization;
    let publish = async |cx: SystemContext| {
        cx.within(organization).transaction(async |tx| tx.publish(told).await).await
    };
    app.run(publish).await.expect("the event is published");
    app.run_due_jobs().await;
}

/// A note is shared with a person.
pub async fn share(app: &TestApp, person: &Person, note: &str) {
    publish(app, person, SHARED.notify(person.user.0, "A note is shared").body(note)).await;
}

/// The mails that were sent by then, the newest first.
pub async fn mails_later(app: &TestApp) -> Vec<OutboxMail> {
    app.clock().advance(DELAY);
    app.run_due_jobs().await;
    mails(app).await
}

async fn mails(app: &TestApp) -> Vec<OutboxMail> {
    app.run(async |cx| admin::list_mails(&cx, 1000).await).await.expect("the outbox can be read")
}

both_databases!(app(); async fn what_is_not_read_in_time_is_mailed_once(app) {
    let owner = Person::of_acme(1);
    share(app, &owner, "Plans").await;
    assert!(mails(app).await.is_empty(), "it could still be read");
    let sent = mails_later(app).await;
    let [mail] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((&*mail.recipient, &*mail.subject), ("user1@acme.test", "A note is shared"));
    for part in ["Plans", "Open the page", "Acme", "Stop mails of this kind"] {
        assert!(mail.text.contains(part), "{part} is not in {}", mail.text);
    }
    app.expect_no_jobs().await;
    assert_eq!(mails_later(app).await.len(), 1);
    assert_eq!(owner.notifications(app).await["unread"], 1);
});

both_databases!(app(); async fn what_was_read_before_is_not_mailed(app) {
    let owner = Person::of_acme(1);
    share(app, &owner, "Plans").await;
    share(app, &owner, "Budget").await;
    let told = owner.notifications(app).await;
    let path = format!("{}/read", told["items"][0]["id"].as_str().expect("an id"));
    assert_eq!(owner.post(app, &path).await, 204);
    let sent = mails_later(app).await;
    let [mail] = &sent[..] else { panic!("{sent:?}") };
    assert!(mail.text.contains("Plans") && !mail.text.contains("Budget"), "{}", mail.text);
    share(app, &owner, "Minutes").await;
    assert_eq!(owner.post(app, "read-all").await, 204);
    assert_eq!(mails_later(app).await.len(), 1);
    app.expect_no_jobs().await;
});

both_databases!(app(); async fn a_burst_is_one_mail(app) {
    let (owner, other) = (Person::of_acme(1), Person::of_acme(4));
    for number in 0..50 {
        share(app, &owner, &format!("Note {number}.")).await;
    }
    share(app, &other, "Plans").await;
    let sent = mails_later(app).await;
    let mut told: Vec<_> = sent.iter().map(|mail| (&*mail.recipient, &*mail.subject)).collect();
    told.sort_unstable();
    let expected =
        [("user1@acme.test", "50 notifications in Acme"), ("user4@acme.test", "A note is shared")];
    assert_eq!(told, expected);
    let burst = sent.iter().find(|mail| mail.recipient == "user1@acme.test").expect("it is there");
    assert!(burst.text.contains("A note is shared: Note 0.") && burst.text.contains("Note 19."), "{}", burst.text);
    assert!(!burst.text.contains("Note 20.") && burst.text.contains("and 30 more"), "{}", burst.text);
    app.expect_no_jobs().await;
    share(app, &owner, "Later").await;
    assert_eq!(mails_later(app).await.len(), 3);
});

both_databases!(app(); async fn a_kind_turned_off_meanwhile_is_not_mailed(app) {
    let owner = Person::of_acme(1);
    share(app, &owner, "Plans").await;
    assert_eq!(choose(app, &owner, json!({"kind": "notes.shared", "mail": false})).await.status(), 200);
    assert!(mails_later(app).await.is_empty());
    share(app, &owner, "Budget").await;
    assert!(mails_later(app).await.is_empty());
    assert_eq!(owner.notifications(app).await["unread"], 2);
    app.expect_no_jobs().await;
});

both_databases!(app(); async fn a_kind_may_come_by_mail_alone_or_not_at_all(app) {
    let owner = Person::of_acme(1);
    let change = json!({"kind": "file_ready", "in_app": false, "mail": true});
    assert_eq!(choose(app, &owner, change).await.status(), 200);
    publish(app, &owner, FILE_READY.notify(owner.user.0, "Your file is ready")).await;
    let told = owner.notifications(app).await;
    assert_eq!((&told["unread"], told["items"].as_array().map(Vec::len)), (&json!(0), Some(0)));
    assert_eq!(mails_later(app).await.len(), 1);
    assert_eq!(choose(app, &owner, json!({"kind": "file_ready", "mail": false})).await.status(), 200);
    publish(app, &owner, FILE_READY.notify(owner.user.0, "Your file is ready")).await;
    assert_eq!(mails_later(app).await.len(), 1);
    assert_eq!(owner.notifications(app).await["unread"], 0);
});

both_databases!(app(); async fn a_mail_goes_to_confirmed_addresses_in_their_language(app) {
    for number in [GERMAN, UNREACHABLE] {
        let person = Person::of_acme(number);
        share(app, &person, "Plans").await;
        share(app, &person, "Budget").await;
    }
    let sent = mails_later(app).await;
    let [mail] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((&*mail.recipient, &*mail.subject), ("user2@acme.test", "2 Benachrichtigungen in Acme"));
    app.expect_no_jobs().await;
});

both_databases!(app(), [("mail.address_per_hour", "1")];
async fn a_mail_over_the_limit_waits_for_its_turn(app) {
    let owner = Person::of_acme(1);
    share(app, &owner, "Plans").await;
    assert_eq!(mails_later(app).await.len(), 1);
    share(app, &owner, "Budget").await;
    assert_eq!(mails_later(app).await.len(), 1);
    app.clock().advance(Duration::from_secs(60 * 60));
    app.run_due_jobs().await;
    assert_eq!(mails(app).await.len(), 2);
});

both_databases!(app(); async fn a_job_that_runs_again_takes_nothing_of_what_came_meanwhile(app) {
    let owner = Person::of_acme(1);
    share(app, &owner, "Plans").await;
    let queued = app.run(async |cx| QueuedJob::query().limit(100).all(&cx).await).await.expect("jobs can be read");
    let job = queued.iter().find(|job| job.kind == "notifications.mail").expect("the mail waits").id;
    // The end of the first run cannot be noted: as if its worker were killed when the mail was sent.
    let row = obstacle(job, "notifications.mail", app);
    let block = async |cx: SystemContext| cx.transaction(async |tx| row.insert(tx).await).await;
    app.run(block).await.expect("the obstacle is stored");
    assert_eq!(mails_later(app).await.len(), 1);
    share(app, &owner, "Budget").await;
    let clear = async |cx: SystemContext| cx.transaction(async |tx| FinishedJob::delete(tx, job).await).await;
    app.run(clear).await.expect("the obstacle is removed");
    let sent = mails_later(app).await;
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent[0].text.contains("Budget") && !sent[0].text.contains("Plans"), "{}", sent[0].text);
    app.expect_no_jobs().await;
});
