//! What a session's token is: nobody can make one up, and a forged one costs no statement.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::{app, new_owner, problem, sign_up, text};

/// Sends a token that must not be one; the database must not even be asked.
async fn refused(app: &TestApp, token: &str, why: &str) {
    app.forget();
    let answer = app.get("/v1/users").bearer(token).send().await;
    assert_eq!(answer.status(), 401, "{why}: {token}");
    problem(&answer, 401);
    assert_eq!(app.statements().len(), 0, "{why}: {token}");
}

fn bytes(token: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD
        .decode(token.strip_prefix("tf_").expect("a token has a prefix"))
        .expect("a token is base64url")
}

fn token(bytes: &[u8]) -> String {
    format!("tf_{}", URL_SAFE_NO_PAD.encode(bytes))
}

both_databases!(app(); async fn a_token_with_any_bit_flipped_is_none(app) {
    let right = new_owner(app).await;
    let bytes = bytes(&right);
    assert_eq!(bytes.len(), 64);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        refused(app, &token(&flipped), &format!("bit {bit} is flipped")).await;
    }
    assert_eq!(app.get("/v1/users").bearer(&right).send().await.status(), 200);
});

both_databases!(app(); async fn a_token_that_is_cut_or_longer_or_written_otherwise_is_none(app) {
    let right = new_owner(app).await;
    for length in 0..right.len() {
        refused(app, &right[..length], "cut").await;
    }
    // The last character holds two bits that count; the other spellings of them must not pass for the token.
    let (rest, last) = right.split_at(right.len() - 1);
    let alphabet = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']);
    for letter in alphabet.filter(|letter| letter.to_string() != last) {
        refused(app, &format!("{rest}{letter}"), "another last letter").await;
    }
    let long = format!("{right}{}", "A".repeat(10_000));
    let longer = ["A", "=", "=="].map(|end| format!("{right}{end}"));
    for other in longer.into_iter().chain([long, right.to_uppercase()]) {
        refused(app, &other, "another form").await;
    }
    refused(app, right.trim_start_matches("tf_"), "without its prefix").await;
    refused(app, &format!("tf_{right}"), "with two prefixes").await;
});

both_databases!(app(); async fn parts_of_two_tokens_make_no_third(app) {
    let one = bytes(&text(&sign_up(app, "ada@new.test").await["token"]));
    let other = bytes(&text(&sign_up(app, "bob@other.test").await["token"]));
    // Organization, session, secret, signature: every mixture of them.
    for mixture in 1..0b1111_u8 {
        let source = |part: usize| if mixture & 1 << part == 0 { &one } else { &other };
        let parts: Vec<_> = (0..4).map(|part| &source(part)[part * 16..][..16]).collect();
        refused(app, &token(&parts.concat()), "a mixture").await;
    }
});

both_databases!(app(); async fn a_token_that_another_application_signed_is_none(app) {
    new_owner(app).await;
    let other = TestApp::start(crate::app(), app.database().dialect(), &[]).await;
    let foreign = new_owner(&other).await;
    assert_eq!(other.get("/v1/users").bearer(&foreign).send().await.status(), 200);
    refused(app, &foreign, "of another application").await;
    other.database().close().await;
});

both_databases!(app(); async fn only_a_bearer_is_read_and_it_goes_before_the_cookie(app) {
    let right = new_owner(app).await;
    let cookie = format!("tenfold={right}");
    let ask = async |authorization: &str| {
        let request = || app.get("/v1/users").header("authorization", authorization);
        (request().send().await.status(), request().header("cookie", &cookie).send().await.status())
    };
    for right in [format!("Bearer {right}"), format!("bearer {right}"), format!("BEARER   {right}")] {
        assert_eq!(ask(&right).await, (200, 200), "{right}");
    }
    let around = [("", ""), ("Basic ", ""), ("Bearer,", ""), ("Bearer tf_", ""), ("Bearer ", " x")];
    let wrong = around.map(|(before, after)| format!("{before}{right}{after}"));
    for wrong in wrong.iter().map(String::as_str).chain(["", "Bearer", "Bearer "]) {
        assert_eq!(ask(wrong).await, (401, 401), "{wrong}");
    }
});

both_databases!(app(); async fn a_session_is_not_carried_by_query_or_body(app) {
    let right = new_owner(app).await;
    problem(&app.get(&format!("/v1/users?token={right}&access_token={right}")).send().await, 401);
    problem(&app.post("/v1/auth/switch").json(&json!({"organization": "x", "token": right})).send().await, 401);
});
