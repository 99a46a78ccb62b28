//! Whom a provider does not sign in.

use std::time::Duration;

use serde_json::json;
use tenfold::data::DataError;
use tenfold::sql;
use tenfold::testing::TestApp;

use super::fake::{Lie, Person};
use super::linking::link;
use super::signer::Signer;
use super::{ADA, address_of, begin, come_back, go, session_of, sign_in_there, told, with_both};
use crate::{PASSWORD, confirmed, is_live, mailed_token, sign_up, text, try_sign_in};

with_both!(async fn a_lie_signs_nobody_in(app, provider) {
    let all = [
        Lie::Nonce, Lie::Audience, Lie::TwoAudiences, Lie::Issuer, Lie::Expired, Lie::NotYet, Lie::NoAlgorithm,
        Lie::SharedSecret, Lie::PublicKeyAsSecret, Lie::OtherKey, Lie::BrokenSignature, Lie::NotAToken, Lie::OtherPerson,
        Lie::NoJson, Lie::Huge, Lie::Status,
    ];
    for signer in [Signer::rsa("key-1"), Signer::curve("key-1")] {
        provider.set().signer = signer;
        for lie in all {
            provider.set().lie = lie;
            let outcome = told(&go(app, provider, "fake").await);
            // A body that is too long ends the connection.
            let expected = if lie == Lie::Huge { "problem=provider-unreachable" } else { "problem=provider-answer" };
            assert_eq!(outcome, expected, "{lie:?}");
        }
        provider.set().lie = Lie::Nothing;
        sign_in_there(app, provider).await;
        // The keys of the first signer are known by now; those of the second have the same id.
        app.clock().advance(Duration::from_secs(60 * 60));
        provider.set().now += 60 * 60;
    }
});

with_both!(async fn an_address_that_is_not_verified_signs_nobody_up(app, provider) {
    provider.set().person.is_verified = false;
    for name in ["fake", "github"] {
        assert_eq!(told(&go(app, provider, name).await), "problem=provider-address");
    }
    confirmed(app, ADA).await;
    assert_eq!(told(&go(app, provider, "fake").await), "problem=provider-address");
    provider.set().person = Person { subject: "1".into(), email: "no address".into(), is_verified: true };
    assert_eq!(told(&go(app, provider, "fake").await), "problem=provider-address");
});

with_both!(async fn an_unconfirmed_account_gets_nobody_and_goes_to_nobody(app, provider) {
    // A stranger signs up with the address, and waits for its owner to come.
    let stranger = text(&sign_up(app, ADA).await["token"]);
    assert_eq!(told(&go(app, provider, "fake").await), "problem=address-unconfirmed");
    let linked = app.get("/v1/auth/identities").bearer(&stranger).send().await.json();
    assert_eq!(linked, json!({"items": []}), "the stranger has the owner's identity");
    assert!(is_live(app, &stranger).await, "who comes by a provider ends nothing");
    // The owner reads the mails, takes the account over, and then the provider is enough.
    app.post("/v1/auth/forgot").json(&json!({"email": ADA})).send().await;
    let reset = json!({"token": mailed_token(app, ADA, "reset").await, "password": "another good password"});
    assert_eq!(app.post("/v1/auth/reset").json(&reset).send().await.status(), 204);
    assert!(!is_live(app, &stranger).await);
    assert_eq!(address_of(app, &sign_in_there(app, provider).await).await, ADA);
});

with_both!(async fn what_a_stranger_has_linked_ends_with_the_strangers_time(app, provider) {
    // The stranger links an identity of their own to the account with the owner's address.
    let stranger = text(&sign_up(app, ADA).await["token"]);
    provider.set().person = Person { subject: "mallory".into(), email: "mallory@new.test".into(), is_verified: true };
    link(app, provider, &stranger).await;
    assert_eq!(address_of(app, &sign_in_there(app, provider).await).await, ADA);
    app.post("/v1/auth/forgot").json(&json!({"email": ADA})).send().await;
    let reset = json!({"token": mailed_token(app, ADA, "reset").await, "password": "another good password"});
    assert_eq!(app.post("/v1/auth/reset").json(&reset).send().await.status(), 204);
    assert_eq!(address_of(app, &sign_in_there(app, provider).await).await, "mallory@new.test");
});

with_both!([("auth.providers.fake.link_by_address", "never")];
async fn a_provider_may_be_no_reason_to_link(app, provider) {
    // The answer is the same without an account, and makes none.
    assert_eq!(told(&go(app, provider, "fake").await), "problem=provider-unlinked");
    assert_eq!((rows(app).await, accounts(app).await), (0, 0), "somebody is signed up");
    let own = text(&confirmed(app, ADA).await["token"]);
    assert_eq!(told(&go(app, provider, "fake").await), "problem=provider-unlinked");
    link(app, provider, &own).await;
    assert_eq!(address_of(app, &sign_in_there(app, provider).await).await, ADA);
});

with_both!([("auth.providers.fake.link_by_address", "known"), ("auth.providers.github.link_by_address", "known")];
async fn a_provider_with_an_issuer_is_not_believed_by_itself(app, provider) {
    for name in ["fake", "github"] {
        assert_eq!(told(&go(app, provider, name).await), "problem=provider-unlinked");
    }
    assert_eq!((rows(app).await, accounts(app).await), (0, 0), "somebody is signed up");
});

with_both!([("auth.unconfirmed_sign_in", "false")];
async fn a_person_who_is_linked_confirms_the_address_first(app, provider) {
    sign_in_there(app, provider).await;
    unconfirm(app, ADA).await;
    assert_eq!(told(&go(app, provider, "fake").await), "problem=address-unconfirmed");
});

/// Makes an account one whose address nobody has confirmed, such as of a time when it could sign in.
async fn unconfirm(app: &TestApp, email: &str) {
    let changed = app.run(async |cx| {
        cx.transaction(async |tx| {
            sql!(
                "test.unconfirm",
                "UPDATE auth_accounts SET reached_at = NULL, confirmed_at = NULL WHERE email = $1"
            )
            .changes("auth_accounts")
            .bind(email.to_owned())
            .execute(tx)
            .await
        })
        .await
    });
    assert_eq!(changed.await.expect("the account can be changed"), 1);
}

with_both!(async fn an_attempt_is_of_one_browser_once_and_not_for_long(app, provider) {
    let trip = begin(app, "fake").await;
    let query = provider.agree(&trip.page);
    let others = begin(app, "fake").await;
    let without = app.get(&format!("/v1/auth/providers/fake/callback?{query}")).send().await;
    assert_eq!(told(&without), "problem=provider-attempt");
    // In another browser, and with another state.
    assert_eq!(told(&come_back(app, &others, &query, None).await), "problem=provider-attempt");
    let forged = query.replace("state=", "state=x");
    assert_eq!(told(&come_back(app, &trip, &forged, None).await), "problem=provider-attempt");
    for odd in ["", "code=1", "state=%FF", "code=1&code=2&state=1"] {
        assert_eq!(told(&come_back(app, &trip, odd, None).await), "problem=provider-attempt", "{odd}");
    }
    session_of(&come_back(app, &trip, &query, None).await);
    assert_eq!(told(&come_back(app, &trip, &query, None).await), "problem=provider-attempt");
    let late = provider.agree(&others.page);
    app.clock().advance(Duration::from_secs(10 * 60));
    assert_eq!(told(&come_back(app, &others, &late, None).await), "problem=provider-attempt");
});

with_both!(async fn an_answer_for_another_provider_is_refused(app, provider) {
    let mut trip = begin(app, "github").await;
    let query = provider.agree(&trip.page);
    trip.name = "fake";
    assert_eq!(told(&come_back(app, &trip, &query, None).await), "problem=provider-attempt");
    let trip = begin(app, "fake").await;
    let query = format!("{}&iss=https%3A%2F%2Fissuer.test", provider.agree(&trip.page));
    assert_eq!(told(&come_back(app, &trip, &query, None).await), "problem=provider-refused");
    let trip = begin(app, "fake").await;
    let query = format!("{}&iss={}", provider.agree(&trip.page), provider.url);
    session_of(&come_back(app, &trip, &query, None).await);
});

with_both!(async fn a_code_of_another_attempt_is_not_exchanged(app, provider) {
    let (own, others) = (begin(app, "fake").await, begin(app, "fake").await);
    let (query, stolen) = (provider.agree(&own.page), provider.agree(&others.page));
    let code = stolen.split('&').next().expect("it has a code");
    let state = query.split('&').nth(1).expect("it has a state");
    // The provider compares the verifier.
    assert_eq!(told(&come_back(app, &own, &format!("{code}&{state}"), None).await), "problem=provider-answer");
});

with_both!(async fn a_person_who_does_not_agree_is_told_so(app, provider) {
    for (error, expected) in [("access_denied", "provider-denied"), ("server_error", "provider-refused")] {
        let trip = begin(app, "fake").await;
        let query = provider.agree(&trip.page);
        let state = query.split('&').nth(1).expect("it has a state");
        let refused = format!("error={error}&error_description=%3Cb%3E&{state}");
        assert_eq!(told(&come_back(app, &trip, &refused, None).await), format!("problem={expected}"));
        assert_eq!(told(&come_back(app, &trip, &query, None).await), "problem=provider-attempt");
    }
});

with_both!([("auth.provider_deadline", "1s")]; async fn a_silent_provider_is_not_waited_for(app, provider) {
    provider.set().silent = vec!["/.well-known/openid-configuration"];
    assert_eq!(told(&app.get("/v1/auth/providers/fake/start").send().await), "problem=provider-unreachable");
    assert_eq!(told(&app.get("/v1/auth/providers/fake/start").send().await), "problem=provider-unreachable");
    assert!(provider.times("/.well-known/openid-configuration") <= 1, "each start opens a connection");
    // GitHub is asked when the browser is back.
    provider.set().silent = vec!["/login/oauth/access_token"];
    assert_eq!(told(&go(app, provider, "github").await), "problem=provider-unreachable");
});

with_both!(async fn a_provider_that_fails_is_not_asked_at_each_start(app, provider) {
    const DISCOVERY: &str = "/.well-known/openid-configuration";
    provider.set().broken = vec![DISCOVERY];
    let starts = [(); 4].map(|()| app.get("/v1/auth/providers/fake/start").send());
    for answer in futures_util::future::join_all(starts).await {
        assert_eq!(told(&answer), "problem=provider-answer");
    }
    assert_eq!(provider.times(DISCOVERY), 1);
    provider.set().broken = Vec::new();
    assert_eq!(told(&app.get("/v1/auth/providers/fake/start").send().await), "problem=provider-answer");
    app.clock().advance(Duration::from_secs(5));
    sign_in_there(app, provider).await;
    assert_eq!(provider.times(DISCOVERY), 2);
});

with_both!([("auth.providers.gone.client_id", "a"), ("auth.providers.gone.client_secret", "b"),
    ("auth.providers.gone.issuer", "http://127.0.0.1:1")];
async fn a_provider_that_is_not_there_is_said_to_be_so(app, _provider) {
    assert_eq!(told(&app.get("/v1/auth/providers/gone/start").send().await), "problem=provider-unreachable");
});

with_both!(async fn a_suspended_person_is_not_signed_in(app, provider) {
    sign_in_there(app, provider).await;
    suspend(app, ADA).await;
    assert_eq!(told(&go(app, provider, "fake").await), "problem=account-suspended");
    let identities = rows(app).await;
    confirmed(app, "bob@new.test").await;
    suspend(app, "bob@new.test").await;
    provider.set().person = Person { subject: "bob".into(), email: "bob@new.test".into(), is_verified: true };
    assert_eq!(told(&go(app, provider, "fake").await), "problem=account-suspended");
    assert_eq!(rows(app).await, identities, "nothing is linked for somebody who is not signed in");
});

async fn suspend(app: &TestApp, email: &str) {
    let suspended = app.run(async |cx| {
        cx.transaction(async |tx| {
            sql!("test.suspend", "UPDATE auth_accounts SET suspended_at = $2 WHERE email = $1")
                .changes("auth_accounts")
                .bind(email.to_owned())
                .bind(tx.now())
                .execute(tx)
                .await
        })
        .await
    });
    assert_eq!(suspended.await.expect("the account can be suspended"), 1);
}

/// How many accounts there are.
async fn accounts(app: &TestApp) -> i64 {
    let counted = app.run(async |cx| {
        let rows: Vec<(i64,)> = sql!("test.accounts", "SELECT count(*) FROM auth_accounts").all(&cx).await?;
        Ok::<_, DataError>(rows[0].0)
    });
    counted.await.expect("rows can be counted")
}

/// How many identities are linked.
pub async fn rows(app: &TestApp) -> i64 {
    let counted = app.run(async |cx| {
        let rows: Vec<(i64,)> =
            sql!("test.identities", "SELECT count(*) FROM auth_identities").all(&cx).await?;
        Ok::<_, DataError>(rows[0].0)
    });
    counted.await.expect("rows can be counted")
}

with_both!(async fn an_erased_account_leaves_no_identity(app, provider) {
    let session = sign_in_there(app, provider).await;
    assert_eq!(rows(app).await, 1);
    app.post("/v1/auth/forgot").json(&json!({"email": ADA})).send().await;
    let reset = json!({"token": mailed_token(app, ADA, "reset").await, "password": PASSWORD});
    assert_eq!(app.post("/v1/auth/reset").json(&reset).send().await.status(), 204);
    assert!(!is_live(app, &session).await);
    let owner = text(&try_sign_in(app, ADA, PASSWORD).await.json()["token"]);
    let close = app.post("/v1/organization/close").bearer(&owner).send().await;
    assert!(close.status() < 300, "{}", close.text());
    // The session of a provider is limited as any other.
    let limited = session_of(&go(app, provider, "fake").await);
    crate::problem(&app.get("/v1/users").bearer(&limited).send().await, 403);
    for _ in 0..3 {
        app.clock().advance(Duration::from_secs(15 * 24 * 60 * 60));
        app.run_due_jobs().await;
    }
    assert_eq!(rows(app).await, 0);
});
