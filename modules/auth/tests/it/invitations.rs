//! Inviting people, with and without an account.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::data::EntityExt as _;
use tenfold::jobs::FinishedJob;
use tenfold::testing::{Log, TestApp, TestResponse};

use crate::{
    PASSWORD, app, confirmed, invite, invited, is_live, mailed_token, mails_to, new_owner, problem, sign_up,
    text, try_sign_in, use_token_in,
};

const GRACE: &str = "grace@other.test";

async fn accept(app: &TestApp, token: &str, password: Option<&str>) -> TestResponse {
    let mut body = json!({"token": token});
    if let Some(password) = password {
        body["password"] = json!(password);
    }
    app.post("/v1/invitations/accept").json(&body).send().await
}

async fn list(app: &TestApp, session: &str) -> Vec<Value> {
    let answer = app.get("/v1/invitations").bearer(session).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()["items"].as_array().expect("a list has items").clone()
}

both_databases!(app(); async fn a_person_without_an_account_gets_one(app) {
    let owner = new_owner(app).await;
    assert_eq!(invite(app, &owner, "Grace@Other.test", "admin").await.status(), 201);
    let mails = mails_to(app, GRACE).await;
    assert_eq!(mails[0].subject, "Join Of owner@new.test");
    assert!(mails[0].text.contains("owner (owner@new.test) invites you"), "{}", mails[0].text);
    let token = mailed_token(app, GRACE, "invitation").await;
    problem(&accept(app, &token, None).await, 422);
    problem(&accept(app, &token, Some("short")).await, 422);
    let answer = accept(app, &token, Some(PASSWORD)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let session = answer.json();
    assert_eq!((&session["user"]["email"], &session["user"]["role"]), (&json!(GRACE), &json!("admin")));
    assert_eq!(session["organization"]["name"], "Of owner@new.test");
    assert_eq!(try_sign_in(app, GRACE, PASSWORD).await.status(), 200);
    problem(&accept(app, &token, Some(PASSWORD)).await, 404);
    assert!(list(app, &owner).await.is_empty());
});

both_databases!(app(); async fn a_person_with_an_account_joins_with_it(app) {
    let owner = new_owner(app).await;
    let own = confirmed(app, GRACE).await;
    assert_eq!(invite(app, &owner, GRACE, "member").await.status(), 201);
    let token = mailed_token(app, GRACE, "invitation").await;
    let answer = use_token_in(app, &text(&own["token"]), "/v1/invitations/accept", &token).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let session = answer.json();
    assert_eq!(session["user"]["role"], "member");
    assert_eq!(session["organizations"].as_array().map(Vec::len), Some(2));
    assert_ne!(session["organization"], own["organization"]);
    problem(&invite(app, &owner, GRACE, "member").await, 409);
});

both_databases!(app(); async fn an_invitation_lasts_seven_days_or_until_it_is_taken_back(app) {
    let owner = new_owner(app).await;
    let made = invite(app, &owner, GRACE, "member").await;
    let token = mailed_token(app, GRACE, "invitation").await;
    problem(&invite(app, &owner, GRACE, "member").await, 409);
    assert_eq!(app.delete(made.header("location")).bearer(&owner).send().await.status(), 204);
    problem(&accept(app, &token, Some(PASSWORD)).await, 404);
    assert_eq!(invite(app, &owner, GRACE, "member").await.status(), 201);
    let token = mailed_token(app, GRACE, "invitation").await;
    app.clock().advance(Duration::from_secs(7 * 24 * 3600));
    problem(&accept(app, &token, Some(PASSWORD)).await, 404);
    app.run_due_jobs().await;
    assert!(list(app, &owner).await.is_empty(), "the clean-up has left it");
});

both_databases!(app(); async fn only_who_may_invite_does_so_and_only_owners_make_owners(app) {
    let owner = new_owner(app).await;
    let admin = text(&invited(app, &owner, "admin@new.test", "admin").await["token"]);
    let member = text(&invited(app, &owner, "member@new.test", "member").await["token"]);
    problem(&invite(app, &member, GRACE, "member").await, 403);
    problem(&app.get("/v1/invitations").bearer(&member).send().await, 403);
    assert_eq!(problem(&invite(app, &admin, GRACE, "owner").await, 403)["type"], "urn:tenfold:problem:role-out-of-reach");
    assert_eq!(invite(app, &admin, GRACE, "admin").await.status(), 201);
    assert_eq!(invite(app, &owner, "second@new.test", "owner").await.status(), 201);
    let stranger = text(&sign_up(app, "eve@elsewhere.test").await["token"]);
    assert!(list(app, &stranger).await.is_empty(), "invitations of another organization are seen");
});

both_databases!(app(); async fn no_job_and_no_log_says_the_token_of_an_invitation(app) {
    let log = Log::start("trace");
    let owner = new_owner(app).await;
    invite(app, &owner, GRACE, "member").await;
    let token = mailed_token(app, GRACE, "invitation").await;
    assert_eq!(accept(app, &token, Some(PASSWORD)).await.status(), 200);
    let log: String = log.end().iter().map(ToString::to_string).collect();
    assert!(log.contains("auth_invitations"), "this is not the log: {log}");
    let jobs = app.run(async |cx| FinishedJob::query().newest_first().limit(100).all(&cx).await).await;
    let args: String = jobs.expect("the history can be read").iter().map(|job| job.args.to_string()).collect();
    for text in [log, args] {
        assert!(!text.contains(&token), "the token is in {text}");
    }
});

both_databases!(app(); async fn an_invitation_is_worth_what_its_inviter_may_do(app) {
    let owner = new_owner(app).await;
    let admin = invited(app, &owner, "admin@new.test", "admin").await;
    let session = text(&admin["token"]);
    assert_eq!(invite(app, &session, GRACE, "admin").await.status(), 201);
    let token = mailed_token(app, GRACE, "invitation").await;
    let user = format!("/v1/users/{}", text(&admin["user"]["id"]));
    let give = async |role: &str| {
        app.patch(&format!("{user}/role")).bearer(&owner).json(&json!({"role": role})).send().await.status()
    };
    assert_eq!(give("member").await, 200);
    problem(&accept(app, &token, Some(PASSWORD)).await, 404);
    assert_eq!(give("admin").await, 200);
    assert_eq!(accept(app, &token, Some(PASSWORD)).await.status(), 200);
    assert_eq!(invite(app, &session, "accomplice@new.test", "member").await.status(), 201);
    let token = mailed_token(app, "accomplice@new.test", "invitation").await;
    assert_eq!(app.delete(&user).bearer(&owner).send().await.status(), 204);
    problem(&accept(app, &token, Some(PASSWORD)).await, 404);
});

both_databases!(app(); async fn of_two_who_accept_at_once_one_joins(app) {
    let owner = new_owner(app).await;
    invite(app, &owner, GRACE, "member").await;
    let token = mailed_token(app, GRACE, "invitation").await;
    let answers = [(); 2].map(|()| async { accept(app, &token, Some(PASSWORD)).await.status() });
    let mut answers = join_all(answers).await;
    answers.sort_unstable();
    assert_eq!(answers, [200, 404]);
    let users = app.get("/v1/users").bearer(&owner).send().await.json();
    assert_eq!(users["items"].as_array().map(Vec::len), Some(2));
});

both_databases!(app(); async fn a_stranger_with_the_address_does_not_come_in(app) {
    let owner = new_owner(app).await;
    let stranger = text(&sign_up(app, GRACE).await["token"]);
    invite(app, &owner, GRACE, "member").await;
    let token = mailed_token(app, GRACE, "invitation").await;
    assert_eq!(accept(app, &token, None).await.status(), 204);
    assert_eq!(app.get("/v1/auth/session").bearer(&stranger).send().await.status(), 401);
    problem(&try_sign_in(app, GRACE, PASSWORD).await, 401);
});

both_databases!(app(); async fn an_invitation_that_was_passed_on_opens_no_session(app) {
    let owner = new_owner(app).await;
    let own = text(&confirmed(app, GRACE).await["token"]);
    let other = text(&confirmed(app, "colleague@other.test").await["token"]);
    for session in [None, Some(&other)] {
        assert_eq!(invite(app, &owner, GRACE, "member").await.status(), 201);
        let token = mailed_token(app, GRACE, "invitation").await;
        let answer = match session {
            None => accept(app, &token, None).await,
            Some(other) => use_token_in(app, other, "/v1/invitations/accept", &token).await,
        };
        assert_eq!((answer.status(), answer.text(), answer.header("set-cookie")), (204, String::new(), ""));
        let users = app.get("/v1/users").bearer(&owner).send().await.json();
        let users = users["items"].as_array().expect("a list has items");
        let joined = users.iter().find(|user| user["email"] == GRACE).expect("the person has joined");
        let user = format!("/v1/users/{}", text(&joined["id"]));
        assert_eq!(app.delete(&user).bearer(&owner).send().await.status(), 204);
    }
    assert!(is_live(app, &own).await, "the person is signed out");
});

both_databases!(app(); async fn names_in_a_mail_are_no_links(app) {
    let owner = new_owner(app).await;
    let name = json!({"name": "Your bank: https://evil.test/ WWW.evil.test"});
    assert_eq!(app.patch("/v1/organization").bearer(&owner).json(&name).send().await.status(), 200);
    let profile = json!({"profile": {"display_name": "www.evil.test"}});
    assert_eq!(app.patch("/v1/auth/profile").bearer(&owner).json(&profile).send().await.status(), 200);
    assert_eq!(invite(app, &owner, GRACE, "member").await.status(), 201);
    let mails = mails_to(app, GRACE).await;
    assert_eq!(mails[0].subject, "Join Your bank: … …");
    assert!(mails[0].text.starts_with("… (owner@new.test) invites you"), "{}", mails[0].text);
    assert!(!mails[0].html.contains("evil"), "{}", mails[0].html);
});

both_databases!(app(), [("auth.address_mails", "3")];
async fn one_address_invites_so_many_people(app) {
    let owner = new_owner(app).await;
    for number in 0..4 {
        assert_eq!(invite(app, &owner, &format!("{number}@new.test"), "member").await.status(), 201);
    }
    problem(&invite(app, &owner, GRACE, "member").await, 429);
});

both_databases!(app(), [("auth.first_day_invitations", "2")];
async fn a_new_organization_invites_few_people_on_its_first_day(app) {
    let owner = new_owner(app).await;
    for number in 0..2 {
        assert_eq!(invite(app, &owner, &format!("{number}@new.test"), "member").await.status(), 201);
    }
    let first = format!("/v1/invitations/{}", text(&list(app, &owner).await[0]["id"]));
    assert_eq!(app.delete(&first).bearer(&owner).send().await.status(), 204);
    let refused = invite(app, &owner, GRACE, "member").await;
    problem(&refused, 429);
    assert_eq!(refused.header("retry-after"), "86400");
    app.clock().advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(invite(app, &owner, GRACE, "member").await.status(), 201);
});
