//! An organization that its owner closes: nobody works in it, it can be reopened, and in the end it is erased.

use std::time::Duration;

use serde_json::{Value, json};
use tenfold::testing::{TestApp, TestResponse};
use tenfold::{both_databases, sql};

use crate::second_factor::set_up;
use crate::{
    PASSWORD, app, confirmed, invite, invited, mailed_token, mails_to, new_owner, problem, sudo, text,
    try_sign_in, try_sign_up,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const OWNER: &str = "owner@new.test";
const GRACE: &str = "grace@new.test";
const CLOSED: &str = "urn:tenfold:problem:organization-closed";

async fn close(app: &TestApp, session: &str) -> TestResponse {
    app.post("/v1/organization/close").bearer(session).send().await
}

async fn reopen(app: &TestApp, session: &str) -> TestResponse {
    app.post("/v1/organization/reopen").bearer(session).send().await
}

async fn make_key(app: &TestApp, session: &str) -> String {
    let new = json!({"name": "Export", "permissions": ["members.read"]});
    let answer = app.post("/v1/api-keys").bearer(session).json(&new).send().await;
    assert_eq!(answer.status(), 201, "{}", answer.text());
    text(&answer.json()["key"])
}

/// What the list of users answers to this token: its status, or the kind of a refusal.
async fn works(app: &TestApp, token: &str) -> Value {
    let answer = app.get("/v1/users").bearer(token).send().await;
    if answer.status() == 200 { json!(200) } else { answer.json()["type"].clone() }
}

/// Runs what is due by then, hour by hour as far as it matters.
async fn pass(app: &TestApp, time: Duration) {
    app.clock().advance(time);
    for _ in 0..4 {
        app.run_due_jobs().await;
        app.clock().advance(Duration::from_secs(60));
    }
}

/// How many accounts and organizations there are.
async fn left(app: &TestApp) -> (i64, i64) {
    let counted: Result<Vec<(i64, i64)>, _> = app
        .run(async |cx| {
            sql!(
                "test.left",
                "SELECT (SELECT count(*) FROM auth_accounts), (SELECT count(*) FROM auth_organizations)"
            )
            .all(&cx)
            .await
        })
        .await;
    counted.expect("rows can be counted")[0]
}

both_databases!(app(), [("cache.size", "1 MiB")];
async fn a_closed_organization_lets_nobody_work(app) {
    let owner = new_owner(app).await;
    let member = text(&invited(app, &owner, GRACE, "member").await["token"]);
    let key = make_key(app, &owner).await;
    assert_eq!(invite(app, &owner, "late@new.test", "member").await.status(), 201);
    let invitation = mailed_token(app, "late@new.test", "invitation").await;
    assert_eq!((works(app, &member).await, works(app, &key).await), (json!(200), json!(200)));
    let closed = close(app, &owner).await;
    assert_eq!(closed.status(), 200, "{}", closed.text());
    assert_eq!(closed.json()["erased_at"], "2026-01-15T00:00:00Z");
    for token in [&owner, &member, &key] {
        assert_eq!(works(app, token).await, CLOSED);
    }
    let accepted = json!({"token": invitation, "password": PASSWORD});
    problem(&app.post("/v1/invitations/accept").json(&accepted).send().await, 404);
    problem(&close(app, &owner).await, 403);
    problem(&app.post("/v1/auth/sudo").bearer(&key).json(&json!({"password": PASSWORD})).send().await, 403);
    let session = app.get("/v1/auth/session").bearer(&member).send().await.json();
    assert_eq!(session["organization"]["erased_at"], "2026-01-15T00:00:00Z");
    let signed_in = try_sign_in(app, GRACE, PASSWORD).await;
    assert_eq!(signed_in.status(), 200);
    assert_eq!(works(app, &text(&signed_in.json()["token"])).await, CLOSED);
});

both_databases!(app(), [("cache.size", "1 MiB")];
async fn an_owner_reopens_it_with_the_password_and_all_goes_on(app) {
    let owner = new_owner(app).await;
    let member = text(&invited(app, &owner, GRACE, "member").await["token"]);
    let key = make_key(app, &owner).await;
    problem(&reopen(app, &owner).await, 409);
    problem(&close(app, &member).await, 403);
    app.clock().advance(Duration::from_secs(600));
    assert_eq!(problem(&close(app, &owner).await, 403)["type"], "urn:tenfold:problem:password-required");
    sudo(app, &owner).await;
    assert_eq!(close(app, &owner).await.status(), 200);
    app.clock().advance(DAY * 13);
    let again = text(&try_sign_in(app, OWNER, PASSWORD).await.json()["token"]);
    let refused = problem(&reopen(app, &owner).await, 403);
    assert_eq!(refused["type"], "urn:tenfold:problem:password-required");
    problem(&reopen(app, &member).await, 403);
    problem(&reopen(app, &key).await, 403);
    assert_eq!(reopen(app, &again).await.status(), 204);
    for token in [&owner, &member, &key] {
        assert_eq!(works(app, token).await, 200);
    }
    pass(app, DAY * 20).await;
    assert_eq!((works(app, &key).await, left(app).await), (json!(200), (2, 1)), "an old end has come");
});

both_databases!(app(); async fn without_the_second_factor_nobody_reopens_it(app) {
    let owner = new_owner(app).await;
    let other = text(&invited(app, &owner, GRACE, "owner").await["token"]);
    set_up(app, &owner).await;
    let change = json!({"second_factor_required": true});
    assert_eq!(app.patch("/v1/organization").bearer(&owner).json(&change).send().await.status(), 200);
    assert_eq!(close(app, &owner).await.status(), 200);
    let refused = problem(&reopen(app, &other).await, 403);
    assert_eq!(refused["type"], "urn:tenfold:problem:second-factor-setup-required");
    assert_eq!(reopen(app, &owner).await.status(), 204);
});

both_databases!(app(); async fn its_owners_get_mails_now_and_before_the_end(app) {
    let owner = new_owner(app).await;
    let other = text(&invited(app, &owner, GRACE, "owner").await["token"]);
    invited(app, &owner, "member@new.test", "member").await;
    assert_eq!(close(app, &other).await.status(), 200);
    let about = async |address: &str| {
        let mails = mails_to(app, address).await;
        let about = mails.into_iter().filter(|mail| mail.subject.contains("Of owner@new.test"));
        about.map(|mail| (mail.subject, mail.text)).collect::<Vec<_>>()
    };
    let told = about(OWNER).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.contains("grace@new.test has closed Of owner@new.test"), "{told:?}");
    assert!(told[0].1.contains("2026-01-15"), "{told:?}");
    pass(app, DAY * 11).await;
    let subjects = about(OWNER).await.into_iter().map(|(subject, _)| subject).collect::<Vec<_>>();
    assert_eq!(subjects, ["Of owner@new.test was closed", "Of owner@new.test will be erased on 2026-01-15"]);
    pass(app, DAY).await;
    assert_eq!(about(OWNER).await.len(), 2, "the owners are reminded once");
    assert_eq!(about("member@new.test").await.len(), 1, "the invitation alone");
});

both_databases!(app(); async fn it_is_erased_with_those_who_belong_nowhere_else(app) {
    let owner = new_owner(app).await;
    let other = text(&confirmed(app, GRACE).await["token"]);
    assert_eq!(invite(app, &owner, GRACE, "member").await.status(), 201);
    let token = mailed_token(app, GRACE, "invitation").await;
    let joined = app.post("/v1/invitations/accept").bearer(&other).json(&json!({"token": token})).send().await;
    assert_eq!(joined.status(), 200, "{}", joined.text());
    assert_eq!(invite(app, &owner, "late@new.test", "member").await.status(), 201);
    make_key(app, &owner).await;
    assert_eq!(close(app, &owner).await.status(), 200);
    pass(app, DAY * 13).await;
    assert_eq!(left(app).await, (2, 2), "it is erased too early");
    pass(app, DAY).await;
    assert_eq!(left(app).await, (1, 1));
    app.expect_no_jobs().await;
    assert_eq!(works(app, &owner).await, "urn:tenfold:problem:unauthenticated");
    assert_eq!(works(app, &other).await, 200, "the other organization is another's");
    problem(&try_sign_in(app, OWNER, PASSWORD).await, 401);
    let session = app.get("/v1/auth/session").bearer(&other).send().await.json();
    assert_eq!(session["organizations"].as_array().map(Vec::len), Some(1));
    assert_eq!(try_sign_up(app, OWNER).await.status(), 201, "the address is free");
});
