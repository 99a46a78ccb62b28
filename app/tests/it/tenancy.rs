//! No way from one organization into another: every operation of the document, as nobody, as somebody of
//! another organization, and as somebody whose role is too low.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tenfold::both_databases;

use crate::operations::{self, DocumentOperation, Ids, everything};
// carve:if projects
use crate::sign_up;
// carve:end
// carve:if files
use crate::upload_a_picture;
// carve:end
use crate::{join, new_owner, new_owner_with_one_of_each, problem, sign_in, text, token};

/// An id that nothing has.
const UNKNOWN: &str = "01900000-0000-7000-8000-000000000000";

/// The operations that nobody needs to sign in for. It may only shrink, or grow with a reason.
const PUBLIC: &[(&str, &str)] = &[
    ("GET /healthz", "the machine that restarts the process has no session"),
    ("GET /readyz", "nor has the load balancer"),
    ("GET /metrics", "nor has Prometheus; it names no organization and no person"),
    ("POST /v1/auth/sign-in", "this is how one gets a session"),
    ("POST /v1/auth/sign-up", "and this"),
    ("POST /v1/auth/verify", "the token from the mail says whose address it is"),
    ("POST /v1/auth/forgot", "this is how a person without a password gets one"),
    ("POST /v1/auth/reset", "the token from the mail says whose password it is"),
    ("POST /v1/auth/link", "this is another way to a session"),
    ("POST /v1/invitations/accept", "a person without an account accepts one, too"),
    ("POST /v1/auth/second-factor", "the challenge of the sign-in says who is signing in"),
    ("GET /v1/auth/providers", "the page shows a button for each before anybody is signed in"),
    ("POST /v1/auth/link/accept", "the token from the mail says whose session it is"),
];

/// The operations that any session may call, whatever its permissions. As above.
const ANY_SESSION: &[(&str, &str)] = &[
    ("POST /v1/auth/switch", "everybody may work in each of their organizations"),
    ("GET /v1/auth/session", "everybody may know who they are"),
    ("GET /v1/auth/account", "and how their own account is secured"),
    ("POST /v1/auth/sign-out", "everybody may end their own session"),
    ("POST /v1/auth/verify/send", "everybody may have their own address confirmed"),
    ("POST /v1/auth/email", "everybody may change their own address"),
    ("POST /v1/auth/password", "and their own password"),
    ("POST /v1/auth/sudo", "and show that the session is theirs"),
    ("POST /v1/auth/totp", "everybody may have a second factor"),
    ("POST /v1/auth/totp/confirm", "and confirm it"),
    ("POST /v1/auth/totp/recovery-codes", "and have new recovery codes"),
    ("DELETE /v1/auth/totp", "and give it up"),
    ("PATCH /v1/auth/profile", "everybody may say how they are called, and in which language"),
    ("POST /v1/organization/leave", "everybody may go"),
    ("POST /v1/organization/transfer", "an owner, with the password; the role is checked inside"),
    ("GET /v1/auth/sessions", "everybody sees where they themselves are signed in"),
    ("DELETE /v1/auth/sessions", "and signs themselves out elsewhere"),
    ("DELETE /v1/auth/sessions/{id}", "device by device"),
    ("GET /v1/auth/identities", "and by which accounts elsewhere they themselves sign in"),
    ("DELETE /v1/auth/identities/{id}", "and by which no longer"),
    ("POST /v1/auth/providers/link", "and links another one, with the password"),
    ("GET /v1/live", "each resource is read as its caller, who is refused what they may not read"),
    // carve:if notifications
    ("GET /v1/notifications", "everybody sees what they themselves are told, and nothing else"),
    ("GET /v1/notifications/events", "and hears it live"),
    ("POST /v1/notifications/{id}/read", "and notes that they have read it"),
    ("POST /v1/notifications/read-all", "all of it"),
    ("GET /v1/notifications/preferences", "everybody sees by which channels they are told"),
    ("PATCH /v1/notifications/preferences", "and chooses them"),
    // carve:end
];

/// The operations on what belongs to a person in all organizations. As above.
const OF_A_PERSON: &[(&str, &str)] = &[
    ("DELETE /v1/auth/sessions/{id}", "a person signs out everywhere, wherever the person works now"),
    ("DELETE /v1/auth/identities/{id}", "a person signs in to all of them by it"),
];

both_databases!(app::app(); async fn what_belongs_to_another_organization_is_as_good_as_not_there(app) {
    app.seed_demo().await;
    let acme = token(app, "owner@acme.test").await;
    let mallory = token(app, "owner@globex.test").await;
    operations::create_one_of_each(app, &acme).await;
    // carve:if files
    upload_a_picture(app, &acme).await;
    // carve:end
    let ids = Ids::seen_by(app, &acme).await;
    let before = everything(app, &acme).await;
    for operation in operations::all(app).await.iter().filter(|operation| operation.names_something()) {
        let unknown = problem(&operation.call(app, Some(&mallory), UNKNOWN).await, 404);
        let ids = ids.of(operation);
        // All of them where there are few; a thousand users are alike.
        for id in ids.iter().step_by(ids.len() / 100 * 5 + 1) {
            let answer = operation.call(app, Some(&mallory), id).await;
            assert_eq!(answer.status(), 404, "{} on {id}: {}", operation.name(), answer.text());
            assert_eq!(problem(&answer, 404), unknown, "the answer tells what exists");
        }
    }
    assert!(everything(app, &acme).await == before, "something of Acme has changed");
});

both_databases!(app::app(); async fn without_a_session_only_the_public_operations_answer(app) {
    let owner = new_owner_with_one_of_each(app).await;
    let (ids, before) = (Ids::seen_by(app, &owner).await, everything(app, &owner).await);
    for operation in operations::all(app).await {
        if PUBLIC.iter().any(|(name, _)| *name == operation.name()) {
            assert!(!operation.needs_session(), "{} is public by this test's list only", operation.name());
            continue;
        }
        assert!(operation.needs_session(), "{} says nothing of a session: is it public?", operation.name());
        let id = ids.one(&operation).unwrap_or_default();
        for id in [id, UNKNOWN, "no-id"] {
            for token in [None, Some(""), Some("tf_AAAA")] {
                let answer = operation.call(app, token, id).await;
                let kind = &problem(&answer, 401)["type"];
                assert_eq!(kind, "urn:tenfold:problem:unauthenticated", "{}", operation.name());
                assert_eq!(answer.header("www-authenticate"), "Bearer");
            }
        }
    }
    assert!(everything(app, &owner).await == before, "something has changed");
});

both_databases!(app::app();
async fn whoever_lacks_the_permission_is_refused_and_changes_nothing(app) {
    let owner = new_owner_with_one_of_each(app).await;
    let ids = Ids::seen_by(app, &owner).await;
    let some = |operation: &DocumentOperation| ids.one(operation).unwrap_or_default().to_owned();
    let all: Vec<DocumentOperation> =
        operations::all(app).await.into_iter().filter(|operation| operation.permission().is_some()).collect();
    let permissions: BTreeSet<String> = all.iter().filter_map(DocumentOperation::permission).collect();
    assert!(permissions.len() >= 4, "{permissions:?}");
    let mut lacking = Vec::new();
    for permission in &permissions {
        let others: Vec<&str> = permissions.iter().filter(|other| *other != permission).map(String::as_str).collect();
        lacking.push((permission, join(app, &owner, &format!("without.{permission}@new.test"), &others).await));
    }
    let before = everything(app, &owner).await;
    for (permission, token) in lacking {
        let (needing, others): (Vec<_>, Vec<_>) =
            all.iter().partition(|operation| operation.permission().as_ref() == Some(permission));
        for operation in needing {
            for id in [&some(operation), UNKNOWN] {
                let refused = problem(&operation.call(app, Some(&token), id).await, 403);
                let detail = format!("this requires the permission {permission}");
                assert_eq!(refused["detail"], detail, "{}", operation.name());
            }
        }
        for operation in others.iter().filter(|operation| operation.method == "GET") {
            let answer = operation.call(app, Some(&token), &some(operation)).await;
            assert_eq!(answer.status(), 200, "{} does not need {permission}", operation.name());
        }
    }
    assert!(everything(app, &owner).await == before, "something has changed");
});

both_databases!(app::app(); async fn every_operation_of_a_session_names_its_permission(app) {
    for operation in operations::all(app).await.iter().filter(|operation| operation.needs_session()) {
        let listed = ANY_SESSION.iter().any(|(name, _)| *name == operation.name());
        let named = operation.permission().is_some();
        assert_ne!(named, listed, "{}: x-permission, or a line with a reason", operation.name());
    }
});

both_databases!(app::app(); async fn an_id_of_another_form_cannot_be_understood(app) {
    let owner = new_owner(app).await;
    for operation in operations::all(app).await.iter().filter(|operation| operation.names_something()) {
        let (short, long) = (&UNKNOWN[1..], &*format!("{UNKNOWN}0"));
        for id in ["x", "1", "-1", "..", "%00", "%20", "%27--", "%F0%9F%92%A9", "%FF", short, long] {
            let answer = operation.call(app, Some(&owner), id).await;
            assert_eq!(answer.status(), 400, "{} on {id}: {}", operation.name(), answer.text());
            problem(&answer, 400);
        }
    }
});

both_databases!(app::app(); async fn a_user_of_two_organizations_works_in_one_at_a_time(app) {
    app.seed_demo().await;
    let session = sign_in(app, "both@demo.test").await;
    let organization = |name: &str| {
        let all = session["organizations"].as_array().expect("a session lists organizations");
        all.iter().find(|one| one["name"] == name).expect("both are there")["id"].clone()
    };
    let switch = async |from: &str, to: Value| {
        let answer = app.post("/v1/auth/switch").bearer(from).json(&json!({"organization": to})).send().await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        text(&answer.json()["token"])
    };
    let in_acme = switch(&text(&session["token"]), organization("Acme")).await;
    let in_globex = switch(&in_acme, organization("Globex")).await;
    // A session by switching has to show the password before it makes an API key.
    let password = json!({"password": "tenfold-demo"});
    assert_eq!(app.post("/v1/auth/sudo").bearer(&in_globex).json(&password).send().await.status(), 204);
    operations::create_one_of_each(app, &in_globex).await;
    // carve:if files
    upload_a_picture(app, &in_globex).await;
    // carve:end
    let globex = Ids::seen_by(app, &in_globex).await;
    let of_a_person = |operation: &DocumentOperation| OF_A_PERSON.iter().any(|(name, _)| *name == operation.name());
    let named = operations::all(app).await;
    for operation in named.iter().filter(|operation| operation.names_something() && !of_a_person(operation)) {
        let Some(id) = globex.one(operation) else { continue };
        assert_eq!(operation.call(app, Some(&in_acme), id).await.status(), 404, "{}", operation.name());
        let status = operation.call(app, Some(&in_globex), id).await.status();
        assert!([200, 201, 204].contains(&status), "{} gives {status}", operation.name());
    }
});

// carve:if projects
both_databases!(app::app(); async fn a_cursor_of_another_organization_opens_nothing_of_it(app) {
    let mut lists = Vec::new();
    for email in ["ada@new.test", "bob@other.test"] {
        let token = text(&sign_up(app, email).await["token"]);
        for number in 0..3 {
            let new = json!({"name": format!("{number} of {email}")});
            assert_eq!(app.post("/v1/projects").bearer(&token).json(&new).send().await.status(), 201);
        }
        let first = app.get("/v1/projects?limit=1").bearer(&token).send().await.json();
        lists.push((email, token, text(&first["next_cursor"])));
    }
    for (own, other) in [(0, 1), (1, 0)] {
        let ((email, token, _), (_, _, cursor)) = (&lists[own], &lists[other]);
        let page = app.get(&format!("/v1/projects?cursor={cursor}")).bearer(token).send().await;
        assert_eq!(page.status(), 200);
        for item in page.json()["items"].as_array().expect("a list has items") {
            assert!(text(&item["name"]).ends_with(email), "{item} is not of {email}");
        }
    }
});
// carve:end
