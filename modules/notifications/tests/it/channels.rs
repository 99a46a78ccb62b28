//! By which channels a person is told: chosen for each kind, by and for oneself.

use serde_json::{Value, json};
use tenfold::jobs::QueuedJob;
use tenfold::prelude::*;
use tenfold::testing::{TestApp, TestResponse, TestSession};
use tenfold::{assert_statements, both_databases};

use crate::app;
use crate::mails::publish;
use crate::notifications::Person;
use crate::people::SHARED;

const PATH: &str = "/v1/notifications/preferences";

/// By which channels each kind reaches a person: its name, in the application, by mail.
pub async fn chosen(app: &TestApp, person: &Person) -> Vec<(String, bool, bool)> {
    let answer = app.get(PATH).bearer(&person.token).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let items = answer.json()["items"].as_array().cloned().expect("a list has items");
    let is = |item: &Value, channel: &str| item[channel].as_bool().expect("it is on or off");
    items
        .iter()
        .map(|item| {
            (item["kind"].as_str().unwrap_or_default().to_owned(), is(item, "in_app"), is(item, "mail"))
        })
        .collect()
}

/// Changes what a person has chosen.
pub async fn choose(app: &TestApp, person: &Person, change: Value) -> TestResponse {
    app.patch(PATH).bearer(&person.token).json(&change).send().await
}

fn kinds(failed: [bool; 2], ready: [bool; 2], shared: [bool; 2]) -> Vec<(String, bool, bool)> {
    let named = [("file_failed", failed), ("file_ready", ready), ("notes.shared", shared)];
    named.into_iter().map(|(name, [in_app, mail])| (name.to_owned(), in_app, mail)).collect()
}

both_databases!(app(); async fn a_person_chooses_channels_for_each_kind(app) {
    let owner = Person::of_acme(1);
    let defaults = kinds([true, true], [true, false], [true, true]);
    assert_eq!(chosen(app, &owner).await, defaults);
    let changed = choose(app, &owner, json!({"kind": "file_ready", "mail": true})).await;
    let expected = json!({"kind": "file_ready", "title": "A file is ready", "in_app": true, "mail": true});
    assert_eq!((changed.status(), changed.json()), (200, expected));
    // The other channel stays as it was chosen.
    assert_eq!(choose(app, &owner, json!({"kind": "file_ready", "in_app": false})).await.status(), 200);
    assert_eq!(choose(app, &owner, json!({"kind": "notes.shared", "mail": false})).await.status(), 200);
    assert_eq!(chosen(app, &owner).await, kinds([true, true], [false, true], [true, false]));
    for stranger in [Person::of_acme(2), Person::new(&TestSession::new("").of_organization(2))] {
        assert_eq!(chosen(app, &stranger).await, defaults);
        assert_eq!(choose(app, &stranger, json!({"kind": "file_failed", "mail": false})).await.status(), 200);
    }
    assert_eq!(chosen(app, &owner).await, kinds([true, true], [false, true], [true, false]));
});

both_databases!(app(); async fn an_unknown_kind_is_refused_with_those_that_there_are(app) {
    let owner = Person::of_acme(1);
    for kind in ["notes.gone", "file_ready ", "FILE_READY"] {
        let refused = choose(app, &owner, json!({"kind": kind, "mail": true})).await.problem(422);
        let detail = refused["detail"].as_str().expect("it says why").to_owned();
        assert!(detail.contains(kind), "{detail}");
        assert!(detail.contains("file_failed, file_ready, notes.shared"), "{detail}");
    }
    for change in [json!({"mail": true}), json!({"kind": "", "mail": true}), json!({"kind": "file_ready", "sms": true})] {
        let status = choose(app, &owner, change.clone()).await.status();
        assert!([400, 422].contains(&status), "{change}: {status}");
    }
    assert_eq!(chosen(app, &owner).await, kinds([true, true], [true, false], [true, true]));
});

both_databases!(app(); async fn a_choice_for_a_kind_that_is_gone_hurts_nothing(app) {
    let owner = Person::of_acme(1);
    let (organization, user) = (owner.organization, owner.user);
    let old = async |cx: SystemContext| {
        cx.within(organization)
            .transaction(async |tx| -> Result<u64, DataError> {
                sql!(
                    "notifications_choices.of_old",
                    "INSERT INTO notifications_choices (org_id, id, user_id, kind, mail) VALUES ($1, $2, $3, 'old.kind', true)"
                )
                .changes("notifications_choices")
                .bind(tx.new_id())
                .bind(user.0)
                .execute(tx)
                .await
            })
            .await
    };
    app.run(old).await.expect("the row is stored");
    assert_eq!(chosen(app, &owner).await, kinds([true, true], [true, false], [true, true]));
    publish(app, &owner, SHARED.notify(user.0, "Plans")).await;
    assert_eq!(owner.notifications(app).await["unread"], 1);
});

both_databases!(app(); async fn preferences_cost_one_statement_however_many_were_chosen(app) {
    let owner = Person::of_acme(1);
    let list = || app.get(PATH).bearer(&owner.token);
    assert_statements!(app, list(), 1);
    for kind in ["file_failed", "file_ready", "notes.shared"] {
        assert_eq!(choose(app, &owner, json!({"kind": kind, "mail": true})).await.status(), 200);
    }
    assert_statements!(app, list(), 1);
});

both_databases!(app(); async fn a_send_of_an_unknown_kind_says_what_is_declared(app) {
    let owner = Person::of_acme(1);
    let unknown = tenfold::NotificationKind::new("notes.gone", "It is declared nowhere");
    publish(app, &owner, unknown.notify(owner.user.0, "Plans")).await;
    let jobs = app.run(async |cx: SystemContext| QueuedJob::query().limit(100).all(&cx).await).await;
    let jobs = jobs.expect("jobs can be read");
    let failed = jobs.iter().find(|job| job.kind == "notifications.on_notify").expect("the delivery is retried");
    let errors = failed.errors.to_string();
    assert!(errors.contains("notes.gone") && errors.contains("file_failed, file_ready, notes.shared"), "{errors}");
    assert_eq!(owner.notifications(app).await["unread"], 0);
});
