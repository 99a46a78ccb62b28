//! The people who run the application, in its console.

use std::time::Duration;

use serde_json::json;
use tenfold::both_databases;
use tenfold::credentials::totp;
use tenfold::operators::{self, CodeUse, OperatorRole};
use tenfold::testing::{TestApp, TestResponse};

use crate::console::{form, is_sent_away};
use crate::{PASSWORD, new_owner, organization, problem, sign_up, text};

const ADA: &str = "ada";

/// Makes an operator and gives the password.
pub async fn add(app: &TestApp, role: OperatorRole) -> String {
    let issued = app.run(async |cx| operators::add(&cx, ADA, role).await).await;
    issued.expect("an operator can be made").password
}

/// What the operator's authenticator application shows.
async fn code(app: &TestApp) -> String {
    let found = app.run(async |cx| operators::find(&cx, ADA).await).await.expect("operators can be read");
    let secret = found.expect("the operator is there").totp_secret;
    totp::code_of(&secret, totp::period_of(app.clock().now()))
}

async fn sign_in(app: &TestApp, password: &str, code: &str) -> TestResponse {
    form(app, "/console/sign-in", &format!("name={ADA}&password={password}&code={code}")).send().await
}

/// Signs the operator in and gives the cookie.
pub async fn signed_in(app: &TestApp, password: &str) -> String {
    // A code works once.
    app.clock().advance(Duration::from_secs(60));
    let answer = sign_in(app, password, &code(app).await).await;
    assert_eq!((answer.status(), answer.header("location")), (303, "/console"), "{}", answer.text());
    answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

/// A new password of the operator, whose cookie has ended.
async fn renewed(app: &TestApp) -> String {
    app.run(async |cx| operators::renew(&cx, ADA).await).await.expect("it can be renewed").password
}

async fn get(app: &TestApp, cookie: &str, path: &str) -> TestResponse {
    app.get(path).header("cookie", cookie).send().await
}

/// The path of the page of the person whose address begins with these words.
pub async fn person_page(app: &TestApp, cookie: &str, words: &str) -> String {
    let found = get(app, cookie, &format!("/console/people?q={words}")).await.text();
    let (_, link) = found.split_once("/console/people/").expect("the person is found");
    format!("/console/people/{}", &link[..36])
}

/// Presses a button of the console.
pub async fn press(app: &TestApp, cookie: &str, path: &str) {
    let answer = form(app, path, "").header("cookie", cookie).send().await;
    assert_eq!(answer.status(), 303, "{path}: {}", answer.text());
}

both_databases!(app::app(); async fn an_operator_signs_in_with_name_password_and_code(app) {
    let password = add(app, OperatorRole::Look).await;
    let right = code(app).await;
    for (password, code) in [(&*password, ""), (&password, "000000"), ("a wrong password", &right)] {
        assert_eq!(sign_in(app, password, code).await.status(), 403);
    }
    assert_eq!(form(app, "/console/sign-in", &format!("password={password}")).send().await.status(), 200, "no cookie");
    assert_eq!(sign_in(app, &password, &right).await.status(), 303);
    assert_eq!(sign_in(app, &password, &right).await.status(), 403, "a code works twice");
    let cookie = signed_in(app, &password).await;
    for path in ["/console", "/console/people", "/console/log"] {
        assert_eq!(get(app, &cookie, path).await.status(), 200, "{path}");
    }
    let renewed = app.run(async |cx| operators::renew(&cx, ADA).await).await.expect("it can be renewed");
    assert!(is_sent_away(&get(app, &cookie, "/console").await), "the old key signs");
    let cookie = signed_in(app, &renewed.password).await;
    app.run(async |cx| operators::remove(&cx, ADA).await).await.expect("it can be removed");
    assert!(is_sent_away(&get(app, &cookie, "/console").await), "who was removed is in");
});

both_databases!(app::app(); async fn wrong_codes_of_one_who_knows_the_password_are_slowed(app) {
    let password = add(app, OperatorRole::Look).await;
    for _ in 0..5 {
        assert_eq!(sign_in(app, &password, "000000").await.status(), 403);
    }
    let right = code(app).await;
    assert_eq!(sign_in(app, &password, &right).await.status(), 429);
    assert_eq!(sign_in(app, "a wrong password", &right).await.status(), 403, "a stranger learns nothing");
    app.clock().advance(Duration::from_secs(2));
    assert_eq!(sign_in(app, &password, &right).await.status(), 303);
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn wrong_sign_ins_of_an_address_are_slowed(app) {
    let password = add(app, OperatorRole::Look).await;
    let at = async |address: &str, typed: &str| {
        form(app, "/console/sign-in", typed).from_address(address).send().await
    };
    let right = format!("name={ADA}&password={password}&code=");
    // A name that exists, one that does not, and none: all of them count.
    for (address, typed) in [
        ("10.0.0.1", format!("name={ADA}&password=wrong&code=000000")),
        ("10.0.0.2", "name=nobody&password=wrong&code=000000".to_owned()),
        ("10.0.0.3", "password=a+wrong+password".to_owned()),
    ] {
        for _ in 0..11 {
            assert_eq!(at(address, &typed).await.status(), 403, "{address}");
        }
        let refused = at(address, &typed).await;
        assert_eq!((refused.status(), refused.header("retry-after")), (429, "1"), "{address}");
        let refused = at(address, &format!("{right}{}", code(app).await)).await;
        assert_eq!(refused.status(), 429, "the answer tells whether it is right");
        assert_eq!(at("10.0.0.4", "password=a+wrong+password").await.status(), 403, "others wait, too");
    }
    app.clock().advance(Duration::from_secs(1));
    assert_eq!(at("10.0.0.1", &format!("{right}{}", code(app).await)).await.status(), 303);
    // Each further one doubles the wait, and time forgives.
    app.clock().advance(Duration::from_secs(1));
    assert_eq!(at("10.0.0.3", "password=a+wrong+password").await.status(), 403);
    assert_eq!(at("10.0.0.3", "password=a+wrong+password").await.header("retry-after"), "2");
    app.clock().advance(Duration::from_secs(12 * 60));
    assert_eq!(at("10.0.0.3", "password=a+wrong+password").await.status(), 403);
    assert_eq!(at("10.0.0.3", "password=a+wrong+password").await.status(), 403);
});

both_databases!(app::app(); async fn wrong_codes_count_for_sign_ins_at_once(app) {
    add(app, OperatorRole::Look).await;
    let right = code(app).await;
    // Each of them has read the operator before the first code was wrong.
    let read = app.run(async |cx| operators::find(&cx, ADA).await).await.expect("operators can be read");
    let read = read.expect("the operator is there");
    let use_code = async |code: &str| {
        let used = app.run(async |cx| operators::use_code(&cx, &read, code).await).await;
        used.expect("a code can be tried")
    };
    for _ in 0..5 {
        assert_eq!(use_code("000000").await, CodeUse::Wrong);
    }
    assert!(matches!(use_code(&right).await, CodeUse::Blocked(_)), "a code passes the limit");
    app.clock().advance(Duration::from_secs(2));
    assert_eq!(use_code(&right).await, CodeUse::Used);
    app.run(async |cx| operators::renew(&cx, ADA).await).await.expect("it can be renewed");
    app.clock().advance(Duration::from_secs(60));
    assert_eq!(use_code(&code(app).await).await, CodeUse::Wrong, "the old password goes with the new code");
});

both_databases!(app::app(); async fn who_may_look_does_not_act(app) {
    let password = add(app, OperatorRole::Look).await;
    let cookie = signed_in(app, &password).await;
    sign_up(app, "ada@new.test").await;
    app.run_due_jobs().await;
    let mail = app.run(async |cx| tenfold_mail::admin::list_mails(&cx, 1).await).await.expect("there is a mail")[0].id;
    assert_eq!(get(app, &cookie, "/console/mails").await.status(), 200);
    problem(&get(app, &cookie, &format!("/console/mails/{mail}")).await, 403);
    for path in ["/console/cache/clear", "/console/queues/default/pause", "/console/schedules/run"] {
        let refused = form(app, path, "name=files.sweep").header("cookie", &cookie).send().await;
        assert_eq!(refused.problem(403)["type"], "urn:tenfold:problem:operator-may-look", "{path}");
    }
    assert!(get(app, &cookie, "/console/log").await.text().contains("Nothing yet."));
});

both_databases!(app::app(); async fn what_operators_do_is_in_the_log(app) {
    let password = add(app, OperatorRole::Act).await;
    let cookie = signed_in(app, &password).await;
    press(app, &cookie, "/console/cache/clear").await;
    press(app, &cookie, "/console/queues/default/pause").await;
    sign_up(app, "grace@new.test").await;
    app.run_due_jobs().await;
    let mail = app.run(async |cx| tenfold_mail::admin::list_mails(&cx, 1).await).await.expect("there is a mail")[0].id;
    assert_eq!(get(app, &cookie, &format!("/console/mails/{mail}")).await.status(), 200);
    let log = get(app, &cookie, "/console/log").await.text();
    for told in ["<td>ada</td>", "clears the cache", "pauses a queue", "<td>default</td>", "reads a mail"] {
        assert!(log.contains(told), "{told} is not in {log}");
    }
});

both_databases!(app::app(); async fn a_person_is_found_and_suspended(app) {
    let owner = new_owner(app).await;
    let key = json!({"name": "Export", "permissions": ["members.read"]});
    let key = app.post("/v1/api-keys").bearer(&owner).json(&key).send().await.json();
    let users = async |token: &str| app.get("/v1/users").bearer(token).send().await.status();
    let enter = async || {
        let credentials = json!({"email": "owner@new.test", "password": PASSWORD});
        app.post("/v1/auth/sign-in").json(&credentials).send().await
    };
    let cookie = signed_in(app, &add(app, OperatorRole::Act).await).await;
    let person = person_page(app, &cookie, "owner@n").await;
    let shown = get(app, &cookie, &person).await.text();
    assert!(shown.contains("owner@new.test") && shown.contains("Of owner@new.test"), "{shown}");
    press(app, &cookie, &format!("{person}/end-sessions")).await;
    let key = text(&key["key"]);
    assert_eq!((users(&owner).await, users(&key).await), (401, 200));
    press(app, &cookie, &format!("{person}/suspend")).await;
    assert_eq!(enter().await.problem(403)["type"], "urn:tenfold:problem:account-suspended");
    assert_eq!(users(&key).await, 401);
    press(app, &cookie, &format!("{person}/release")).await;
    assert_eq!((enter().await.status(), users(&key).await), (200, 200));
    press(app, &cookie, &format!("{person}/mail-reset")).await;
    app.run_due_jobs().await;
    let mails = app.run(async |cx| tenfold_mail::admin::list_mails(&cx, 9).await).await.expect("there are mails");
    assert!(mails.iter().any(|mail| mail.subject == "Reset your password"), "{mails:?}");
    let log = get(app, &cookie, "/console/log").await.text();
    assert!(log.contains("suspends a person") && log.contains("owner@new.test ("), "{log}");
    let nobody = "/console/people/019b76da-a800-7023-95dd-03d5a8091139";
    assert_eq!(get(app, &cookie, nobody).await.problem(404)["detail"], "no such person");
    assert!(is_sent_away(&app.get(&person).send().await));
    assert_eq!(form(app, &format!("{person}/dance"), "").header("cookie", &cookie).send().await.status(), 404);
});

both_databases!(app::app(), [("auth.contact", "help@acme.test")];
async fn who_is_suspended_is_told_whom_to_ask(app) {
    new_owner(app).await;
    let cookie = signed_in(app, &add(app, OperatorRole::Act).await).await;
    let person = person_page(app, &cookie, "owner@n").await;
    press(app, &cookie, &format!("{person}/suspend")).await;
    let credentials = json!({"email": "owner@new.test", "password": PASSWORD});
    let refused = app.post("/v1/auth/sign-in").json(&credentials).send().await.problem(403);
    assert_eq!(refused["detail"], "ask help@acme.test");
    let start = app.get("/page/start.json").send().await.json();
    assert_eq!(start["contact"], "help@acme.test");
});

both_databases!(app::app(); async fn a_suspended_organization_lets_nobody_work(app) {
    let owner = new_owner(app).await;
    let cookie = signed_in(app, &add(app, OperatorRole::Act).await).await;
    let path = format!("/console/organizations/{}", organization(&owner));
    assert!(get(app, &cookie, "/console/people?q=Of%20owner").await.text().contains(&path));
    assert!(get(app, &cookie, &path).await.text().contains("owner@new.test"));
    press(app, &cookie, &format!("{path}/suspend")).await;
    let users = async || app.get("/v1/users").bearer(&owner).send().await;
    assert_eq!(users().await.problem(403)["type"], "urn:tenfold:problem:organization-suspended");
    problem(&app.post("/v1/organization/reopen").bearer(&owner).send().await, 403);
    let seen = app.get("/v1/auth/session").bearer(&owner).send().await;
    assert_eq!((seen.status(), &seen.json()["limit"]), (200, &json!("suspended")));
    press(app, &cookie, &format!("{path}/release")).await;
    assert_eq!(users().await.status(), 200);
});

/// Invites somebody whose mail is not sent yet.
async fn invite(app: &TestApp, session: &str, email: &str) {
    let new = json!({"email": email, "role": "member"});
    assert_eq!(app.post("/v1/invitations").bearer(session).json(&new).send().await.status(), 201);
}

/// Sends what is due, and gives the token of the invitation of an address, if it was mailed.
async fn invitation(app: &TestApp, email: &str) -> Option<String> {
    app.run_due_jobs().await;
    let mails = app.run(async |cx| tenfold_mail::admin::list_mails(&cx, 100).await).await;
    let mails = mails.expect("the outbox can be read");
    let mut links = mails.iter().filter(|mail| mail.recipient == email);
    let (_, token) = links.find_map(|mail| mail.text.split_once("#invitation?token="))?;
    token.split_whitespace().next().map(str::to_owned)
}

both_databases!(app::app(); async fn invitations_of_the_suspended_do_not_work(app) {
    let owner = new_owner(app).await;
    let accept = async |token: &str| {
        let accepted = json!({"token": token, "password": PASSWORD});
        app.post("/v1/invitations/accept").json(&accepted).send().await.status()
    };
    let cookie = signed_in(app, &add(app, OperatorRole::Act).await).await;
    let person = person_page(app, &cookie, "owner@n").await;
    invite(app, &owner, "grace@new.test").await;
    let token = invitation(app, "grace@new.test").await.expect("the invitation is mailed");
    for (path, late) in [(format!("/console/organizations/{}", organization(&owner)), "late@new.test"), (person, "later@new.test")] {
        invite(app, &owner, late).await;
        press(app, &cookie, &format!("{path}/suspend")).await;
        assert_eq!(accept(&token).await, 404, "{path}");
        assert_eq!(invitation(app, late).await, None, "{path}");
        press(app, &cookie, &format!("{path}/release")).await;
    }
    assert_eq!(accept(&token).await, 200);
});

/// The path of the button that mails the only invitation of an organization again.
async fn mail_again(app: &TestApp, cookie: &str, organization: &str) -> String {
    let page = get(app, cookie, organization).await.text();
    let (_, path) = page.split_once(&format!("{organization}/invitations/")).expect("an invitation is open");
    format!("{organization}/invitations/{}/mail", &path[..36])
}

both_databases!(app::app(); async fn an_open_invitation_is_mailed_again(app) {
    let owner = new_owner(app).await;
    let accept = async |token: &str| {
        let accepted = json!({"token": token, "password": PASSWORD});
        app.post("/v1/invitations/accept").json(&accepted).send().await.status()
    };
    invite(app, &owner, "grace@new.test").await;
    let first = invitation(app, "grace@new.test").await.expect("the invitation is mailed");
    app.clock().advance(Duration::from_secs(6 * 24 * 60 * 60));
    let cookie = signed_in(app, &add(app, OperatorRole::Act).await).await;
    let path = format!("/console/organizations/{}", organization(&owner));
    let again = mail_again(app, &cookie, &path).await;
    // Twice in a minute it is mailed once.
    press(app, &cookie, &again).await;
    press(app, &cookie, &again).await;
    let second = invitation(app, "grace@new.test").await.expect("the invitation is mailed");
    let mails = app.run(async |cx| tenfold_mail::admin::list_mails(&cx, 100).await).await.expect("there are mails");
    assert_eq!(mails.iter().filter(|mail| mail.recipient == "grace@new.test").count(), 2);
    // It works as long as a new one.
    app.clock().advance(Duration::from_secs(6 * 24 * 60 * 60));
    assert_eq!(accept(&first).await, 404, "the old link works");
    assert_eq!(accept(&second).await, 200);
    let cookie = signed_in(app, &renewed(app).await).await;
    let gone = form(app, &again, "").header("cookie", &cookie).send().await;
    assert_eq!(gone.status(), 404, "{}", gone.text());
    let log = get(app, &cookie, "/console/log").await.text();
    assert!(log.contains("mails an invitation again") && log.contains("grace@new.test to Of owner"), "{log}");
});

both_databases!(app::app(); async fn an_invitation_of_the_suspended_is_not_mailed_again(app) {
    let owner = new_owner(app).await;
    invite(app, &owner, "grace@new.test").await;
    app.run_due_jobs().await;
    let cookie = signed_in(app, &add(app, OperatorRole::Act).await).await;
    let path = format!("/console/organizations/{}", organization(&owner));
    let again = mail_again(app, &cookie, &path).await;
    for path in [path, person_page(app, &cookie, "owner@n").await] {
        press(app, &cookie, &format!("{path}/suspend")).await;
        let refused = form(app, &again, "").header("cookie", &cookie).send().await.problem(409);
        assert!(text(&refused["detail"]).contains("suspended"), "{refused}");
        press(app, &cookie, &format!("{path}/release")).await;
    }
    let person = person_page(app, &cookie, "owner@n").await;
    press(app, &cookie, &format!("{person}/suspend")).await;
    for mail in ["mail-confirmation", "mail-reset"] {
        problem(&form(app, &format!("{person}/{mail}"), "").header("cookie", &cookie).send().await, 409);
    }
});

both_databases!(app::app(); async fn who_may_look_mails_nothing(app) {
    let owner = new_owner(app).await;
    invite(app, &owner, "grace@new.test").await;
    app.run_due_jobs().await;
    let cookie = signed_in(app, &add(app, OperatorRole::Look).await).await;
    let listed = app.get("/v1/invitations").bearer(&owner).send().await.json();
    let invitation = text(&listed["items"][0]["id"]);
    let again = format!("/console/organizations/{}/invitations/{invitation}/mail", organization(&owner));
    let person = person_page(app, &cookie, "owner@n").await;
    for path in [again, format!("{person}/mail-confirmation")] {
        let refused = form(app, &path, "").header("cookie", &cookie).send().await;
        assert_eq!(refused.problem(403)["type"], "urn:tenfold:problem:operator-may-look", "{path}");
    }
    app.expect_no_jobs().await;
    assert!(get(app, &cookie, "/console/log").await.text().contains("Nothing yet."));
});

both_databases!(app::app(); async fn a_released_organization_has_its_time_to_reopen(app) {
    let owner = new_owner(app).await;
    let session = async || {
        let credentials = json!({"email": "owner@new.test", "password": PASSWORD});
        text(&app.post("/v1/auth/sign-in").json(&credentials).send().await.json()["token"])
    };
    let days = |days: u64| app.clock().advance(Duration::from_secs(days * 24 * 60 * 60));
    let password = add(app, OperatorRole::Act).await;
    let path = format!("/console/organizations/{}", organization(&owner));
    let act = async |name: &str| {
        let cookie = signed_in(app, &password).await;
        press(app, &cookie, &format!("{path}/{name}")).await;
        app.run_due_jobs().await;
    };
    assert_eq!(app.post("/v1/organization/close").bearer(&owner).send().await.status(), 200);
    days(10);
    act("suspend").await;
    days(10);
    // It is suspended since the first time.
    act("suspend").await;
    days(10);
    act("release").await;
    days(3);
    app.run_due_jobs().await;
    assert_eq!(app.post("/v1/organization/reopen").bearer(&session().await).send().await.status(), 204);
});

both_databases!(app::app(); async fn an_erased_organization_leaves_who_is_suspended(app) {
    let owner = new_owner(app).await;
    let cookie = signed_in(app, &add(app, OperatorRole::Act).await).await;
    let person = person_page(app, &cookie, "owner@n").await;
    assert_eq!(app.post("/v1/organization/close").bearer(&owner).send().await.status(), 200);
    press(app, &cookie, &format!("{person}/suspend")).await;
    let path = format!("/console/organizations/{}", organization(&owner));
    app.clock().advance(Duration::from_secs(14 * 24 * 60 * 60));
    for _ in 0..6 {
        app.run_due_jobs().await;
        app.clock().advance(Duration::from_secs(60));
    }
    let password = app.run(async |cx| operators::renew(&cx, ADA).await).await.expect("it can be renewed").password;
    let cookie = signed_in(app, &password).await;
    assert_eq!(get(app, &cookie, &path).await.status(), 404, "the organization is erased");
    assert_eq!(get(app, &cookie, &person).await.status(), 200, "the suspension is gone");
});
