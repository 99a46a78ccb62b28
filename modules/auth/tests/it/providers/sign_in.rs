//! Signing in and signing up with a provider.

use std::time::Duration;

use serde_json::json;
use tenfold::both_databases;
use tenfold::data::DataError;
use tenfold::sql;
use tenfold::testing::{Log, TestApp};

use super::fake::{Lie, Person, SECRET};
use super::refusals::rows;
use super::signer::Signer;
use super::{ADA, address_of, begin, come_back, cookie_of, go, session_of, sign_in_there, told, with_both};
use crate::second_factor::{code, set_up};
use crate::{PASSWORD, app, confirmed, is_confirmed, is_live, mails_to, problem, text, try_sign_in};

both_databases!(app(); async fn without_a_provider_the_list_is_empty(app) {
    assert_eq!(app.get("/v1/auth/providers").send().await.json(), json!({"items": []}));
    problem(&app.get("/v1/auth/providers/google/start").send().await, 404);
    problem(&app.get("/v1/auth/providers/google/callback?code=1&state=2").send().await, 404);
});

with_both!(async fn the_list_says_what_the_buttons_are(app, _provider) {
    let list = app.get("/v1/auth/providers").send().await;
    assert_eq!(list.json(), json!({"items": [
        {"name": "fake", "title": "Fake & Co", "start": "/v1/auth/providers/fake/start"},
        {"name": "github", "title": "GitHub", "start": "/v1/auth/providers/github/start"},
        {"name": "google", "title": "Google", "start": "/v1/auth/providers/google/start"},
    ]}));
    assert!(!list.text().contains(SECRET));
});

with_both!(async fn a_new_person_founds_an_organization(app, provider) {
    let session = sign_in_there(app, provider).await;
    let own = app.get("/v1/auth/session").bearer(&session).send().await.json();
    assert_eq!((&own["user"]["email"], &own["user"]["role"]), (&json!(ADA), &json!("owner")));
    assert_eq!(own["organization"]["name"], "ada");
    let account = app.get("/v1/auth/account").bearer(&session).send().await.json();
    assert_eq!(account, json!({
        "email": ADA, "address_confirmed": true, "second_factor": false, "password": false,
    }));
    // No password opens it, not even an empty one.
    for password in ["", PASSWORD] {
        problem(&try_sign_in(app, ADA, password).await, 401);
    }
});

with_both!(async fn the_subject_counts_whatever_the_address_is(app, provider) {
    let first = sign_in_there(app, provider).await;
    provider.set().person.email = "ada@elsewhere.test".into();
    provider.set().person.is_verified = false;
    assert_eq!(address_of(app, &sign_in_there(app, provider).await).await, ADA);
    // The address has passed to somebody else, who is another person there.
    provider.set().person = Person { subject: "subject-2".into(), email: "bob@new.test".into(), is_verified: true };
    let other = sign_in_there(app, provider).await;
    assert_eq!(address_of(app, &other).await, "bob@new.test");
    assert!(is_live(app, &first).await);
});

with_both!(async fn a_confirmed_account_with_the_address_is_linked(app, provider) {
    let own = text(&confirmed(app, ADA).await["token"]);
    provider.set().person.email = "ADA@New.test".into();
    let session = sign_in_there(app, provider).await;
    assert_eq!(address_of(app, &session).await, ADA);
    let mails = mails_to(app, ADA).await;
    assert!(mails.iter().any(|mail| mail.subject.starts_with("A provider was linked")), "{mails:?}");
    assert!(is_live(app, &own).await);
    assert_eq!(try_sign_in(app, ADA, PASSWORD).await.status(), 200);
});

with_both!(async fn a_session_is_listed_with_its_device(app, provider) {
    let trip = begin(app, "fake").await;
    let query = provider.agree(&trip.page);
    let callback = app.get(&format!("/v1/auth/providers/fake/callback?{query}"));
    let answer = callback.header("cookie", &trip.cookie).header("user-agent", "Ada's browser").send().await;
    let devices = app.get("/v1/auth/sessions").bearer(&session_of(&answer)).send().await.json();
    assert_eq!(devices["items"][0]["device"], "Ada's browser");
    // What needs the password asks for it.
    let session = session_of(&answer);
    let key = json!({"name": "ci", "permissions": ["members.read"]});
    let refused = app.post("/v1/api-keys").bearer(&session).json(&key).send().await;
    assert!(text(&problem(&refused, 403)["type"]).ends_with("password-required"));
});

with_both!(async fn a_person_without_a_password_gets_one_by_mail(app, provider) {
    sign_in_there(app, provider).await;
    app.post("/v1/auth/forgot").json(&json!({"email": ADA})).send().await;
    let token = crate::mailed_token(app, ADA, "reset").await;
    let reset = json!({"token": token, "password": PASSWORD});
    assert_eq!(app.post("/v1/auth/reset").json(&reset).send().await.status(), 204);
    assert_eq!(try_sign_in(app, ADA, PASSWORD).await.status(), 200);
    // A confirmed account keeps its provider.
    assert_eq!(address_of(app, &sign_in_there(app, provider).await).await, ADA);
});

with_both!(async fn the_second_factor_is_asked_for(app, provider) {
    let own = text(&confirmed(app, ADA).await["token"]);
    let (secret, _) = set_up(app, &own).await;
    provider.set().now = app.clock().now().as_second();
    let outcome = told(&go(app, provider, "fake").await);
    let challenge = outcome.strip_prefix("challenge=").unwrap_or_else(|| panic!("{outcome}"));
    // Until it is answered, nobody has shown that the account is theirs.
    assert_eq!(rows(app).await, 0, "an identity is linked before the second factor");
    let answer = json!({"challenge": challenge, "code": code(app, &secret)});
    let answer = app.post("/v1/auth/second-factor").json(&answer).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json()["user"]["email"], ADA);
    assert_eq!(rows(app).await, 0, "it is linked on purpose only");
    let mails = mails_to(app, ADA).await;
    assert!(!mails.iter().any(|mail| mail.subject.starts_with("A provider was linked")), "{mails:?}");
});

with_both!(async fn keys_of_both_kinds_sign_in(app, provider) {
    for signer in [Signer::curve("key-2"), Signer::nameless(), Signer::rsa("key-3")] {
        provider.set().signer = signer;
        sign_in_there(app, provider).await;
    }
});

with_both!(async fn a_new_key_is_fetched_once_and_known_then(app, provider) {
    for _ in 0..3 {
        sign_in_there(app, provider).await;
    }
    assert_eq!((provider.times("/keys"), provider.times("/.well-known/openid-configuration")), (1, 1));
    provider.set().signer = Signer::curve("key-2");
    for _ in 0..2 {
        sign_in_there(app, provider).await;
    }
    assert_eq!(provider.times("/keys"), 2);
    // What was withdrawn is forgotten at last.
    app.clock().advance(Duration::from_secs(60 * 60));
    provider.set().now += 60 * 60;
    sign_in_there(app, provider).await;
    assert_eq!((provider.times("/keys"), provider.times("/.well-known/openid-configuration")), (3, 2));
});

with_both!(async fn a_terse_id_token_is_completed(app, provider) {
    provider.set().is_terse = true;
    assert_eq!(address_of(app, &sign_in_there(app, provider).await).await, ADA);
    assert_eq!(provider.times("/person"), 1);
});

with_both!(async fn an_id_token_that_is_unsure_is_completed(app, provider) {
    provider.set().is_unsure = true;
    assert_eq!(address_of(app, &sign_in_there(app, provider).await).await, ADA);
    assert_eq!(provider.times("/person"), 1);
});

with_both!(async fn google_is_believed_about_addresses_of_its_own(app, provider) {
    // Verified once, at a mail server that is not Google's.
    assert_eq!(told(&go(app, provider, "google").await), "problem=provider-address");
    provider.set().domain = Some("new.test");
    assert_eq!(address_of(app, &session_of(&go(app, provider, "google").await)).await, ADA);
    provider.set().domain = None;
    provider.set().person = Person { subject: "bob".into(), email: "Bob@GMail.com".into(), is_verified: true };
    assert_eq!(address_of(app, &session_of(&go(app, provider, "google").await)).await, "bob@gmail.com");
});

with_both!(async fn github_signs_in_by_the_primary_address(app, provider) {
    let session = session_of(&go(app, provider, "github").await);
    assert_eq!(address_of(app, &session).await, ADA);
    let linked = app.get("/v1/auth/identities").bearer(&session).send().await.json();
    assert_eq!(linked["items"][0]["title"], "GitHub");
    provider.set().person.is_verified = false;
    assert_eq!(address_of(app, &session_of(&go(app, provider, "github").await)).await, ADA);
});

with_both!([("http.public_url", "https://app.test")]; async fn the_cookie_is_bound_to_the_host(app, _provider) {
    let answer = app.get("/v1/auth/providers/fake/start").send().await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-tenfold-provider="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=600; Secure"), "{cookie}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert!(!answer.header("location").contains(cookie_of(&answer).split('=').nth(1).expect("it has a value")));
});

with_both!(async fn no_secret_of_a_sign_in_is_logged(app, provider) {
    let log = Log::start("trace");
    let trip = begin(app, "fake").await;
    let query = provider.agree(&trip.page);
    let session = session_of(&come_back(app, &trip, &query, None).await);
    provider.set().lie = Lie::Status;
    told(&go(app, provider, "fake").await);
    provider.set().lie = Lie::Nothing;
    told(&come_back(app, &begin(app, "fake").await, "error=server_error&state=x", None).await);
    let log: String = log.end().iter().map(ToString::to_string).collect();
    assert!(log.contains("auth_identities") && log.contains("answers 500"), "this is not the log: {log}");
    let state = query.split("state=").nth(1).expect("a state comes back");
    let cookie = trip.cookie.split('=').nth(1).expect("the cookie has a value");
    for secret in [SECRET, "our%3Aclient", "code-0", "access-token", "eyJ", state, cookie, &session[3..]] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
});

with_both!(async fn the_database_keeps_hashes_of_attempts(app, provider) {
    let trip = begin(app, "fake").await;
    assert_eq!(attempts(app).await, 1);
    come_back(app, &trip, &provider.agree(&trip.page), None).await;
    assert_eq!(attempts(app).await, 0);
    begin(app, "fake").await;
    app.clock().advance(Duration::from_secs(2 * 60 * 60));
    app.run_due_jobs().await;
    assert_eq!(attempts(app).await, 0, "attempts that nobody came back from are cleaned up");
});

/// How many attempts there are.
async fn attempts(app: &TestApp) -> i64 {
    let counted = app.run(async |cx| {
        let rows: Vec<(i64,)> =
            sql!("test.attempts", "SELECT count(*) FROM auth_provider_attempts").all(&cx).await?;
        Ok::<_, DataError>(rows[0].0)
    });
    counted.await.expect("rows can be counted")
}

with_both!(async fn the_account_that_a_provider_makes_is_confirmed(app, provider) {
    let session = sign_in_there(app, provider).await;
    assert!(is_confirmed(app, &session).await);
    assert!(mails_to(app, ADA).await.is_empty(), "nothing is left to confirm");
    let renamed = app.patch("/v1/organization").bearer(&session).json(&json!({"name": "Engines"})).send().await;
    assert_eq!(renamed.status(), 200, "{}", renamed.text());
});

with_both!([("auth.address_provider_starts", "2")]; async fn an_address_begins_only_so_many(app, _provider) {
    for _ in 0..3 {
        begin(app, "fake").await;
    }
    assert_eq!(told(&app.get("/v1/auth/providers/fake/start").send().await), "problem=too-many-attempts");
    begin_from(app, "10.0.0.1").await;
});

async fn begin_from(app: &TestApp, address: &str) {
    let answer = app.get("/v1/auth/providers/fake/start").from_address(address).send().await;
    assert!(answer.header("location").contains("/authorize?"), "{}", answer.header("location"));
}

with_both!(async fn two_who_come_back_at_once_open_one_session(app, provider) {
    let trip = begin(app, "fake").await;
    let query = provider.agree(&trip.page);
    let both = [(); 2].map(|()| come_back(app, &trip, &query, None));
    let answers = futures_util::future::join_all(both).await;
    let signed_in = answers.iter().filter(|answer| answer.header("location") == "http://app.test/").count();
    assert_eq!(signed_in, 1);
});
