//! A second factor: codes of an authenticator application.

use std::time::Duration;

use futures_util::future::join_all;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha1::Sha1;
use tenfold::both_databases;
use tenfold::testing::{Log, TestApp, TestResponse};

use crate::{
    PASSWORD, app, confirmed, is_live, mailed_token, new_owner, problem, text, try_sign_in, use_token,
};

const ADA: &str = "ada@new.test";

/// What an authenticator application shows now.
pub fn code(app: &TestApp, secret: &str) -> String {
    code_at(secret, app.clock().now().as_second())
}

/// What it shows at a time in seconds, for a secret in base32.
fn code_at(secret: &str, seconds: i64) -> String {
    let (mut bits, mut held, mut bytes) = (0_u64, 0, Vec::new());
    for letter in secret.bytes() {
        let value = if letter.is_ascii_digit() { letter - b'2' + 26 } else { letter - b'A' };
        bits = (bits << 5) | u64::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 255).expect("it is a byte"));
        }
    }
    let mut mac = Hmac::<Sha1>::new_from_slice(&bytes).expect("any length will do");
    mac.update(&(seconds / 30).to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes(hash[at..at + 4].try_into().expect("four bytes")) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn next_period(app: &TestApp) {
    app.clock().advance(Duration::from_secs(30));
}

async fn post(app: &TestApp, path: &str, session: &str, body: Value) -> TestResponse {
    app.post(path).bearer(session).json(&body).send().await
}

/// Gives the account of a session a second factor; gives its secret and the recovery codes.
pub async fn set_up(app: &TestApp, session: &str) -> (String, Vec<String>) {
    let begun = app.post("/v1/auth/totp").bearer(session).send().await;
    assert_eq!(begun.status(), 200, "{}", begun.text());
    let secret = text(&begun.json()["secret"]);
    let confirmed = post(app, "/v1/auth/totp/confirm", session, json!({"code": code(app, &secret)})).await;
    assert_eq!(confirmed.status(), 200, "{}", confirmed.text());
    let codes =
        confirmed.json()["recovery_codes"].as_array().expect("there are codes").iter().map(text).collect();
    next_period(app);
    (secret, codes)
}

/// The challenge of a sign-in that was refused for want of the second factor.
fn challenge(answer: &TestResponse) -> String {
    let refused = problem(answer, 401);
    assert_eq!(refused["type"], "urn:tenfold:problem:second-factor-required", "{refused}");
    assert_eq!(answer.header("set-cookie"), "");
    text(&refused["challenge"])
}

async fn answer(app: &TestApp, challenge: &str, code: &str) -> TestResponse {
    let body = json!({"challenge": challenge, "code": code});
    app.post("/v1/auth/second-factor").json(&body).send().await
}

#[test]
fn codes_are_those_of_rfc_6238() {
    // Its appendix B, the last six digits; the secret is 12345678901234567890.
    for (seconds, shown) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
        assert_eq!(code_at("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", seconds), shown);
    }
}

both_databases!(app(); async fn sign_in_asks_for_the_second_factor(app) {
    let session = text(&confirmed(app, ADA).await["token"]);
    let (secret, codes) = set_up(app, &session).await;
    assert_eq!(codes.len(), 10);
    problem(&try_sign_in(app, ADA, "a wrong password").await, 401);
    let open = challenge(&try_sign_in(app, ADA, PASSWORD).await);
    problem(&answer(app, &open, "000000").await, 401);
    problem(&answer(app, "unknown", &code(app, &secret)).await, 401);
    let signed_in = answer(app, &open, &code(app, &secret)).await;
    assert_eq!(signed_in.status(), 200, "{}", signed_in.text());
    assert!(signed_in.header("set-cookie").starts_with("tenfold="));
    assert!(is_live(app, &text(&signed_in.json()["token"])).await);
});

both_databases!(app(); async fn a_code_and_a_challenge_work_once(app) {
    let session = text(&confirmed(app, ADA).await["token"]);
    let (secret, _) = set_up(app, &session).await;
    let first = challenge(&try_sign_in(app, ADA, PASSWORD).await);
    let second = challenge(&try_sign_in(app, ADA, PASSWORD).await);
    let shown = code(app, &secret);
    assert_eq!(answer(app, &first, &shown).await.status(), 200);
    problem(&answer(app, &second, &shown).await, 401);
    next_period(app);
    problem(&answer(app, &first, &code(app, &secret)).await, 401);
    assert_eq!(answer(app, &second, &code(app, &secret)).await.status(), 200);
});

both_databases!(app(); async fn a_challenge_lasts_ten_minutes(app) {
    let session = text(&confirmed(app, ADA).await["token"]);
    let (secret, _) = set_up(app, &session).await;
    let open = challenge(&try_sign_in(app, ADA, PASSWORD).await);
    app.clock().advance(Duration::from_secs(600));
    problem(&answer(app, &open, &code(app, &secret)).await, 401);
});

both_databases!(app(); async fn a_recovery_code_works_once_however_it_is_typed(app) {
    let session = text(&confirmed(app, ADA).await["token"]);
    let (_, codes) = set_up(app, &session).await;
    let open = challenge(&try_sign_in(app, ADA, PASSWORD).await);
    assert_eq!(answer(app, &open, &codes[0].to_uppercase().replace('-', " ")).await.status(), 200);
    let open = challenge(&try_sign_in(app, ADA, PASSWORD).await);
    problem(&answer(app, &open, &codes[0]).await, 401);
    assert_eq!(answer(app, &open, &codes[1]).await.status(), 200);
});

both_databases!(app(); async fn wrong_codes_have_to_wait(app) {
    let session = text(&confirmed(app, ADA).await["token"]);
    let (secret, _) = set_up(app, &session).await;
    let open = challenge(&try_sign_in(app, ADA, PASSWORD).await);
    let mut tried = 0;
    while answer(app, &open, "000000").await.status() == 401 {
        tried += 1;
        assert!(tried < 20, "nobody counts");
    }
    assert_eq!(tried, 6);
    assert_eq!(answer(app, &open, &code(app, &secret)).await.status(), 429);
    challenge(&try_sign_in(app, ADA, PASSWORD).await);
});

both_databases!(app(); async fn of_many_codes_at_once_no_more_are_tried(app) {
    let session = text(&confirmed(app, ADA).await["token"]);
    let (secret, _) = set_up(app, &session).await;
    let open = challenge(&try_sign_in(app, ADA, PASSWORD).await);
    let wrong = if code(app, &secret) == "000000" { "000001" } else { "000000" };
    let tries = (0..20).map(|_| async { answer(app, &open, wrong).await.status() });
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 6, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 14, "{answers:?}");
});

both_databases!(app(); async fn a_new_password_ends_a_sign_in_that_waits(app) {
    let session = text(&confirmed(app, ADA).await["token"]);
    let (secret, _) = set_up(app, &session).await;
    let open = challenge(&try_sign_in(app, ADA, PASSWORD).await);
    let new = json!({"password": "another good password"});
    assert_eq!(post(app, "/v1/auth/password", &session, new).await.status(), 204);
    problem(&answer(app, &open, &code(app, &secret)).await, 401);
});

both_databases!(app(); async fn no_other_way_in_goes_round_it(app) {
    let session = text(&confirmed(app, ADA).await["token"]);
    let (secret, _) = set_up(app, &session).await;
    app.post("/v1/auth/link").json(&json!({"email": ADA})).send().await;
    let token = mailed_token(app, ADA, "link").await;
    let open = challenge(&use_token(app, "/v1/auth/link/accept", &token).await);
    let by_link = answer(app, &open, &code(app, &secret)).await.json();
    let new = json!({"password": "another good password"});
    problem(&post(app, "/v1/auth/password", &text(&by_link["token"]), new).await, 403);
    let owner = new_owner(app).await;
    assert_eq!(crate::invite(app, &owner, ADA, "member").await.status(), 201);
    let token = mailed_token(app, ADA, "invitation").await;
    assert_eq!(use_token(app, "/v1/invitations/accept", &token).await.status(), 204);
});

both_databases!(app(); async fn it_is_set_up_and_removed_with_the_password(app) {
    let session = text(&confirmed(app, ADA).await["token"]);
    let (_, codes) = set_up(app, &session).await;
    problem(&app.post("/v1/auth/totp").bearer(&session).send().await, 409);
    app.clock().advance(Duration::from_secs(600));
    problem(&app.delete("/v1/auth/totp").bearer(&session).send().await, 403);
    assert_eq!(post(app, "/v1/auth/sudo", &session, json!({"password": PASSWORD})).await.status(), 204);
    assert_eq!(app.delete("/v1/auth/totp").bearer(&session).send().await.status(), 204);
    assert_eq!(try_sign_in(app, ADA, PASSWORD).await.status(), 200);
    problem(&app.delete("/v1/auth/totp").bearer(&session).send().await, 404);
    let (_, others) = set_up(app, &session).await;
    assert_ne!(codes, others);
});

both_databases!(app(); async fn a_secret_that_was_not_confirmed_asks_for_nothing(app) {
    let session = text(&confirmed(app, ADA).await["token"]);
    let first = text(&app.post("/v1/auth/totp").bearer(&session).send().await.json()["secret"]);
    assert_eq!(try_sign_in(app, ADA, PASSWORD).await.status(), 200);
    let second = text(&app.post("/v1/auth/totp").bearer(&session).send().await.json()["secret"]);
    let confirm = async |secret: &str| {
        post(app, "/v1/auth/totp/confirm", &session, json!({"code": code(app, secret)})).await.status()
    };
    assert_eq!((confirm(&first).await, confirm(&second).await), (422, 200));
});

both_databases!(app(); async fn no_log_says_a_secret_or_a_code(app) {
    let log = Log::start("trace");
    let session = text(&confirmed(app, ADA).await["token"]);
    let (secret, codes) = set_up(app, &session).await;
    let open = challenge(&try_sign_in(app, ADA, PASSWORD).await);
    assert_eq!(answer(app, &open, &codes[0]).await.status(), 200);
    let log: String = log.end().iter().map(ToString::to_string).collect();
    assert!(log.contains("auth_challenges.close"), "this is not the log: {log}");
    for hidden in [&secret, &codes[0], &open] {
        assert!(!log.contains(hidden.as_str()), "{hidden} is in the log");
    }
});

both_databases!(app(); async fn sessions_by_the_password_alone_end_with_it(app) {
    let own = text(&confirmed(app, ADA).await["token"]);
    let thief = text(&try_sign_in(app, ADA, PASSWORD).await.json()["token"]);
    set_up(app, &own).await;
    assert!(is_live(app, &own).await);
    assert!(!is_live(app, &thief).await, "a session that has seen no code goes on");
});

both_databases!(app(); async fn a_password_is_no_younger_than_it_was_typed(app) {
    let session = text(&confirmed(app, ADA).await["token"]);
    let (secret, _) = set_up(app, &session).await;
    let open = challenge(&try_sign_in(app, ADA, PASSWORD).await);
    app.clock().advance(Duration::from_secs(570));
    let signed_in = text(&answer(app, &open, &code(app, &secret)).await.json()["token"]);
    let new = json!({"password": "another good password"});
    app.clock().advance(Duration::from_secs(30));
    problem(&post(app, "/v1/auth/password", &signed_in, new).await, 403);
});

both_databases!(app(); async fn recovery_codes_are_made_anew_with_the_password(app) {
    let session = text(&confirmed(app, ADA).await["token"]);
    let path = "/v1/auth/totp/recovery-codes";
    problem(&app.post(path).bearer(&session).send().await, 404);
    let (_, old) = set_up(app, &session).await;
    let fresh = app.post(path).bearer(&session).send().await.json();
    let open = challenge(&try_sign_in(app, ADA, PASSWORD).await);
    problem(&answer(app, &open, &old[0]).await, 401);
    assert_eq!(answer(app, &open, &text(&fresh["recovery_codes"][0])).await.status(), 200);
    app.clock().advance(Duration::from_secs(600));
    problem(&app.post(path).bearer(&session).send().await, 403);
});
