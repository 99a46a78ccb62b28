//! Providers that people link to their accounts, and unlink.

use std::time::Duration;

use serde_json::{Value, json};
use tenfold::sql;
use tenfold::testing::TestApp;

use super::fake::{FakeProvider, Person};
use super::{ADA, Trip, address_of, come_back, cookie_of, go, session_of, sign_in_there, told, with_both};
use crate::{confirmed, mails_to, problem, text};

/// Links the provider to the account of a session, in which the password was typed.
pub async fn link(app: &TestApp, provider: &FakeProvider, session: &str) {
    let trip = begin_linking(app, session).await;
    let query = provider.agree(&trip.page);
    assert_eq!(told(&come_back(app, &trip, &query, Some(session)).await), "done=linked");
}

async fn begin_linking(app: &TestApp, session: &str) -> Trip {
    let begun =
        app.post("/v1/auth/providers/link").bearer(session).json(&json!({"provider": "fake"})).send().await;
    assert_eq!(begun.status(), 200, "{}", begun.text());
    Trip { name: "fake", cookie: cookie_of(&begun), page: text(&begun.json()["url"]) }
}

async fn identities(app: &TestApp, session: &str) -> Vec<Value> {
    let linked = app.get("/v1/auth/identities").bearer(session).send().await.json();
    linked["items"].as_array().expect("a list has items").clone()
}

fn mallory() -> Person {
    Person { subject: "mallory".into(), email: "mallory@new.test".into(), is_verified: true }
}

with_both!(async fn a_person_links_a_provider_with_another_address(app, provider) {
    let own = text(&confirmed(app, ADA).await["token"]);
    provider.set().person = Person { subject: "7".into(), email: "ada@home.test".into(), is_verified: true };
    link(app, provider, &own).await;
    // Twice is once.
    link(app, provider, &own).await;
    let linked = identities(app, &own).await;
    assert_eq!(linked.len(), 1);
    assert_eq!((&linked[0]["title"], &linked[0]["email"]), (&json!("Fake & Co"), &json!("ada@home.test")));
    assert_eq!(address_of(app, &sign_in_there(app, provider).await).await, ADA);
    let mails = mails_to(app, ADA).await;
    assert_eq!(mails.iter().filter(|mail| mail.subject.starts_with("A provider was linked")).count(), 1);
});

with_both!(async fn linking_needs_the_password(app, provider) {
    let own = text(&confirmed(app, ADA).await["token"]);
    app.clock().advance(Duration::from_secs(10 * 60));
    let body = json!({"provider": "fake"});
    let refused = app.post("/v1/auth/providers/link").bearer(&own).json(&body).send().await;
    assert!(text(&problem(&refused, 403)["type"]).ends_with("password-required"));
    problem(&app.post("/v1/auth/providers/link").json(&body).send().await, 401);
    crate::sudo(app, &own).await;
    let unknown = app.post("/v1/auth/providers/link").bearer(&own).json(&json!({"provider": "none"})).send().await;
    problem(&unknown, 404);
    assert_eq!(identities(app, &own).await.len(), 0);
    assert_eq!(provider.times("/token"), 0);
});

with_both!(async fn linking_ends_in_the_session_that_began_it(app, provider) {
    let own = text(&confirmed(app, ADA).await["token"]);
    let other = text(&confirmed(app, "bob@new.test").await["token"]);
    provider.set().person = mallory();
    for session in [None, Some(&*other), Some("tf_AAAA")] {
        let trip = begin_linking(app, &own).await;
        let query = provider.agree(&trip.page);
        assert_eq!(told(&come_back(app, &trip, &query, session).await), "problem=provider-session");
    }
    // Nor in one that has ended meanwhile.
    let trip = begin_linking(app, &own).await;
    let query = provider.agree(&trip.page);
    assert_eq!(app.post("/v1/auth/sign-out").bearer(&own).send().await.status(), 204);
    assert_eq!(told(&come_back(app, &trip, &query, Some(&own)).await), "problem=provider-session");
    assert_eq!(address_of(app, &sign_in_there(app, provider).await).await, "mallory@new.test");
});

with_both!(async fn an_identity_is_linked_to_one_account(app, provider) {
    let session = sign_in_there(app, provider).await;
    assert_eq!(address_of(app, &session).await, ADA);
    let other = text(&confirmed(app, "bob@new.test").await["token"]);
    let trip = begin_linking(app, &other).await;
    let query = provider.agree(&trip.page);
    assert_eq!(told(&come_back(app, &trip, &query, Some(&other)).await), "problem=provider-taken");
    assert_eq!(identities(app, &other).await.len(), 0);
    assert_eq!(address_of(app, &sign_in_there(app, provider).await).await, ADA);
});

with_both!(async fn the_last_way_in_stays(app, provider) {
    let session = sign_in_there(app, provider).await;
    let remove = async |session: &str, id: &Value| {
        app.delete(&format!("/v1/auth/identities/{}", text(id))).bearer(session).send().await
    };
    let only = identities(app, &session).await[0]["id"].clone();
    problem(&remove(&session, &only).await, 409);
    // The same person by another provider: then one of the two may go.
    let second = session_of(&go(app, provider, "github").await);
    let both = identities(app, &second).await;
    assert_eq!(both.len(), 2);
    assert_eq!(remove(&session, &only).await.status(), 204);
    problem(&remove(&session, &only).await, 404);
    problem(&remove(&session, &both[1]["id"]).await, 409);
    let mails = mails_to(app, ADA).await;
    assert!(mails.iter().any(|mail| mail.subject == "A provider no longer signs you in"), "{mails:?}");
});

with_both!(async fn a_provider_that_is_gone_is_no_way_in(app, provider) {
    sign_in_there(app, provider).await;
    let session = session_of(&go(app, provider, "github").await);
    let changed = app.run(async |cx| {
        cx.transaction(async |tx| {
            sql!("test.gone", "UPDATE auth_identities SET provider = 'gone' WHERE provider = 'github'")
                .changes("auth_identities")
                .execute(tx)
                .await
        })
        .await
    });
    assert_eq!(changed.await.expect("the identity can be changed"), 1);
    let both = identities(app, &session).await;
    let of = |name: &str| {
        let found = both.iter().find(|identity| identity["provider"] == name).expect("it is linked");
        format!("/v1/auth/identities/{}", text(&found["id"]))
    };
    problem(&app.delete(&of("fake")).bearer(&session).send().await, 409);
    assert_eq!(app.delete(&of("gone")).bearer(&session).send().await.status(), 204);
});

with_both!(async fn with_a_password_the_last_provider_may_go(app, provider) {
    let own = text(&confirmed(app, ADA).await["token"]);
    link(app, provider, &own).await;
    let id = text(&identities(app, &own).await[0]["id"]);
    let other = text(&confirmed(app, "bob@new.test").await["token"]);
    problem(&app.delete(&format!("/v1/auth/identities/{id}")).bearer(&other).send().await, 404);
    // As linking, it needs the password.
    app.clock().advance(Duration::from_secs(10 * 60));
    let refused = app.delete(&format!("/v1/auth/identities/{id}")).bearer(&own).send().await;
    assert!(text(&problem(&refused, 403)["type"]).ends_with("password-required"));
    assert_eq!(identities(app, &own).await.len(), 1);
    crate::sudo(app, &own).await;
    assert_eq!(app.delete(&format!("/v1/auth/identities/{id}")).bearer(&own).send().await.status(), 204);
    assert_eq!(identities(app, &own).await.len(), 0);
});
