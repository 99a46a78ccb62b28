//! Forgotten passwords.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tenfold::both_databases;
use tenfold::data::EntityExt as _;
use tenfold::jobs::FinishedJob;
use tenfold::testing::{Log, TestApp, TestResponse};

use crate::{PASSWORD, app, is_live, mailed_token, mails_to, problem, sign_up, text, try_sign_in};

const ADA: &str = "ada@new.test";
const NEW: &str = "another good password";

async fn forgot(app: &TestApp, email: &str) -> TestResponse {
    app.post("/v1/auth/forgot").json(&json!({"email": email})).send().await
}

async fn reset(app: &TestApp, token: &str, password: &str) -> TestResponse {
    app.post("/v1/auth/reset").json(&json!({"token": token, "password": password})).send().await
}

both_databases!(app(); async fn a_reset_ends_all_sessions_and_the_old_password(app) {
    let first = text(&sign_up(app, ADA).await["token"]);
    let second = text(&try_sign_in(app, ADA, PASSWORD).await.json()["token"]);
    let other = text(&sign_up(app, "bob@other.test").await["token"]);
    assert_eq!(forgot(app, "Ada@New.test").await.status(), 202);
    let token = mailed_token(app, ADA, "reset").await;
    assert_eq!(reset(app, &token, NEW).await.status(), 204);
    assert!(!is_live(app, &first).await && !is_live(app, &second).await, "a session goes on");
    assert!(is_live(app, &other).await, "a session of somebody else has ended");
    problem(&try_sign_in(app, ADA, PASSWORD).await, 401);
    assert_eq!(try_sign_in(app, ADA, NEW).await.status(), 200);
    problem(&reset(app, &token, PASSWORD).await, 404);
    let mails = mails_to(app, ADA).await;
    assert_eq!(mails.last().map(|mail| &*mail.subject), Some("Your password was changed"));
});

both_databases!(app(); async fn an_unknown_address_gets_the_same_answer_at_the_same_cost(app) {
    sign_up(app, ADA).await;
    for path in ["/v1/auth/forgot", "/v1/auth/link"] {
        let mut answers = Vec::new();
        for email in [ADA, "nobody@new.test"] {
            app.forget();
            let answer = app.post(path).json(&json!({"email": email})).send().await;
            let names: Vec<_> = app.statements().iter().map(|statement| statement.name.clone()).collect();
            answers.push((answer.status(), answer.text(), names));
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0].0, 202);
    }
    assert!(mails_to(app, "nobody@new.test").await.is_empty());
    assert_eq!(mails_to(app, ADA).await.len(), 3);
    app.expect_no_jobs().await;
});

both_databases!(app(); async fn a_mail_is_not_sent_twice_within_a_minute(app) {
    sign_up(app, ADA).await;
    for _ in 0..3 {
        assert_eq!(forgot(app, ADA).await.status(), 202);
        app.run_due_jobs().await;
    }
    assert_eq!(mails_to(app, ADA).await.len(), 2, "that of the sign-up, and one");
    app.clock().advance(Duration::from_secs(61));
    forgot(app, ADA).await;
    assert_eq!(mails_to(app, ADA).await.len(), 3);
});

both_databases!(app(), [("auth.address_mails", "3")];
async fn one_address_asks_for_so_many_mails(app) {
    for number in 0..4 {
        assert_eq!(forgot(app, &format!("{number}@new.test")).await.status(), 202);
    }
    let refused = forgot(app, ADA).await;
    assert_eq!(problem(&refused, 429)["type"], "urn:tenfold:problem:too-many-attempts");
    let elsewhere = app.post("/v1/auth/forgot").from_address("192.0.2.1").json(&json!({"email": ADA}));
    assert_eq!(elsewhere.send().await.status(), 202);
});

both_databases!(app(); async fn a_weak_password_leaves_the_link_as_it_is(app) {
    sign_up(app, ADA).await;
    forgot(app, ADA).await;
    let token = mailed_token(app, ADA, "reset").await;
    for weak in ["short", "password", ADA] {
        problem(&reset(app, &token, weak).await, 422);
    }
    assert_eq!(reset(app, &token, NEW).await.status(), 204);
});

both_databases!(app(); async fn a_reset_ends_a_wait_that_guesses_have_caused(app) {
    sign_up(app, ADA).await;
    while try_sign_in(app, ADA, "a wrong guess").await.status() == 401 {}
    forgot(app, ADA).await;
    let token = mailed_token(app, ADA, "reset").await;
    assert_eq!(reset(app, &token, NEW).await.status(), 204);
    assert_eq!(try_sign_in(app, ADA, NEW).await.status(), 200);
});

both_databases!(app(); async fn no_job_and_no_log_says_a_token(app) {
    let log = Log::start("trace");
    sign_up(app, ADA).await;
    forgot(app, ADA).await;
    let token = mailed_token(app, ADA, "reset").await;
    assert_eq!(reset(app, &token, NEW).await.status(), 204);
    app.run_due_jobs().await;
    let log: String = log.end().iter().map(ToString::to_string).collect();
    assert!(log.contains("auth_links.consume"), "this is not the log: {log}");
    let jobs = app.run(async |cx| FinishedJob::query().newest_first().limit(100).all(&cx).await).await;
    let jobs = jobs.expect("the history can be read");
    let args: String = jobs.iter().map(|job| job.args.to_string()).collect();
    assert!(args.contains(ADA), "these are not the jobs: {args}");
    for text in [log, args] {
        assert!(!text.contains(&token), "the token is in {text}");
    }
});

both_databases!(app(); async fn of_two_who_use_a_token_at_once_one_does(app) {
    sign_up(app, ADA).await;
    forgot(app, ADA).await;
    let token = mailed_token(app, ADA, "reset").await;
    let answers = [NEW, "yet another password"].map(|new| {
        let token = &token;
        async move { reset(app, token, new).await.status() }
    });
    let mut answers = join_all(answers).await;
    answers.sort_unstable();
    assert_eq!(answers, [204, 404]);
});

both_databases!(app(), [("mail.address_per_hour", "1")];
async fn requests_for_mails_do_not_pile_up(app) {
    sign_up(app, ADA).await;
    assert_eq!(mails_to(app, ADA).await.len(), 1);
    for _ in 0..3 {
        assert_eq!(forgot(app, ADA).await.status(), 202);
        app.run_due_jobs().await;
        app.clock().advance(Duration::from_secs(100));
    }
    assert_eq!(mails_to(app, ADA).await.len(), 2, "that of the sign-up keeps none back");
    // The second one has its turn an hour after the first.
    app.clock().advance(Duration::from_secs(3300));
    assert_eq!(mails_to(app, ADA).await.len(), 3);
    for _ in 0..2 {
        app.clock().advance(Duration::from_secs(3600));
        app.run_due_jobs().await;
    }
    assert_eq!(mails_to(app, ADA).await.len(), 3, "the last one is stale");
    app.expect_no_jobs().await;
});

both_databases!(app(); async fn a_reset_forgets_a_change_of_address_that_waits(app) {
    let stranger = text(&sign_up(app, ADA).await["token"]);
    forgot(app, ADA).await;
    let token = mailed_token(app, ADA, "reset").await;
    let change = json!({"email": "eve@elsewhere.test"});
    assert_eq!(app.post("/v1/auth/email").bearer(&stranger).json(&change).send().await.status(), 202);
    assert_eq!(reset(app, &token, NEW).await.status(), 204);
    assert!(mails_to(app, "eve@elsewhere.test").await.is_empty(), "a job has made a link for it");
    app.expect_no_jobs().await;
});

both_databases!(app(), [("auth.address_mails", "3")];
async fn of_many_requests_at_once_no_more_are_admitted(app) {
    let emails: Vec<String> = (0..12).map(|number| format!("{number}@new.test")).collect();
    let answers = join_all(emails.iter().map(|email| async { forgot(app, email).await.status() })).await;
    assert_eq!(answers.iter().filter(|status| **status == 202).count(), 4, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 8, "{answers:?}");
});

both_databases!(app(); async fn strangers_do_not_use_up_the_mails_of_an_address(app) {
    let session = text(&sign_up(app, ADA).await["token"]);
    for _ in 0..8 {
        assert_eq!(forgot(app, ADA).await.status(), 202);
        app.run_due_jobs().await;
        app.clock().advance(Duration::from_secs(61));
    }
    assert_eq!(mails_to(app, ADA).await.len(), 6, "that of the sign-up, and five");
    let new = json!({"password": NEW});
    assert_eq!(app.post("/v1/auth/password").bearer(&session).json(&new).send().await.status(), 204);
    let mails = mails_to(app, ADA).await;
    assert_eq!(mails.last().map(|mail| &*mail.subject), Some("Your password was changed"));
});
