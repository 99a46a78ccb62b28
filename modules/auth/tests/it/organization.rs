//! One's organization: its name, its owner, leaving it; and one's own profile there.

use std::time::Duration;

use serde_json::json;
use tenfold::both_databases;

use crate::second_factor::set_up;
use crate::{app, confirm, confirmed, invited, is_live, new_owner, problem, sign_up, text};

both_databases!(app(); async fn owners_rename_the_organization(app) {
    let owner = new_owner(app).await;
    let admin = text(&invited(app, &owner, "admin@new.test", "admin").await["token"]);
    let name = json!({"name": "Analytical Engines"});
    problem(&app.patch("/v1/organization").bearer(&admin).json(&name).send().await, 403);
    assert_eq!(app.patch("/v1/organization").bearer(&owner).json(&name).send().await.status(), 200);
    let session = app.get("/v1/auth/session").bearer(&admin).send().await.json();
    assert_eq!(session["organization"]["name"], "Analytical Engines");
});

both_databases!(app(); async fn a_name_is_one_that_people_can_see(app) {
    let owner = new_owner(app).await;
    let rename = async |name: &str| {
        app.patch("/v1/organization").bearer(&owner).json(&json!({"name": name})).send().await
    };
    for (name, told) in [
        ("   ", "name: a name needs at least one visible character"),
        ("\u{200b}\u{2800}\u{3164}", "name: a name needs at least one visible character"),
        ("Acme\u{202e}", "name: the character U+202E is not allowed in a name"),
    ] {
        let refused = problem(&rename(name).await, 422);
        assert!(text(&refused["detail"]).starts_with(told), "{refused}");
        assert_eq!(refused["errors"][0]["pointer"], "#/name", "{refused}");
    }
    assert_eq!(rename("  Acme & Söhne ").await.json()["name"], "Acme & Söhne");
    let founded = json!({"email": "ada@new.test", "password": crate::PASSWORD, "organization": "\u{200b}"});
    let refused = problem(&app.post("/v1/auth/sign-up").json(&founded).send().await, 422);
    assert!(text(&refused["detail"]).starts_with("organization: a name needs"), "{refused}");
    let profile = json!({"profile": {"display_name": "\u{a0}"}});
    let refused = problem(&app.patch("/v1/auth/profile").bearer(&owner).json(&profile).send().await, 422);
    assert!(text(&refused["detail"]).starts_with("profile.display_name: a name needs"), "{refused}");
});

both_databases!(app(); async fn ownership_is_handed_over_with_the_password(app) {
    let first = confirmed(app, "owner@new.test").await;
    let owner = text(&first["token"]);
    let member = invited(app, &owner, "grace@new.test", "member").await;
    let transfer = |to: &serde_json::Value| json!({"user": to["user"]["id"]});
    let send = async |token: &str, body: serde_json::Value| {
        app.post("/v1/organization/transfer").bearer(token).json(&body).send().await
    };
    problem(&send(&text(&member["token"]), transfer(&member)).await, 403);
    problem(&send(&owner, json!({"user": "01900000-0000-7000-8000-000000000000"})).await, 404);
    app.clock().advance(Duration::from_secs(600));
    problem(&send(&owner, transfer(&member)).await, 403);
    let password = json!({"password": crate::PASSWORD});
    assert_eq!(app.post("/v1/auth/sudo").bearer(&owner).json(&password).send().await.status(), 204);
    assert_eq!(send(&owner, transfer(&member)).await.status(), 204);
    let role = async |token: &str| app.get("/v1/auth/session").bearer(token).send().await.json()["user"]["role"].clone();
    assert_eq!(role(&owner).await, "admin");
    assert_eq!(role(&text(&member["token"])).await, "owner");
});

both_databases!(app(); async fn a_user_leaves_and_the_last_owner_cannot(app) {
    let owner = new_owner(app).await;
    let member = text(&invited(app, &owner, "grace@new.test", "member").await["token"]);
    problem(&app.post("/v1/organization/leave").bearer(&owner).send().await, 409);
    app.clock().advance(Duration::from_secs(11 * 60));
    let refused = problem(&app.post("/v1/organization/leave").bearer(&owner).send().await, 403);
    assert_eq!(refused["type"], "urn:tenfold:problem:password-required");
    let left = app.post("/v1/organization/leave").bearer(&member).send().await;
    assert_eq!((left.status(), left.header("set-cookie").contains("Max-Age=0")), (204, true));
    assert!(!is_live(app, &member).await);
    assert!(is_live(app, &owner).await);
});

both_databases!(app(); async fn a_person_sees_how_the_account_is_secured(app) {
    let session = text(&sign_up(app, "ada@new.test").await["token"]);
    let own = async || {
        let own = app.get("/v1/auth/account").bearer(&session).send().await.json();
        (own["email"].clone(), own["address_confirmed"].clone(), own["second_factor"].clone())
    };
    assert_eq!(own().await, (json!("ada@new.test"), json!(false), json!(false)));
    confirm(app, &session, "ada@new.test").await;
    let begun = app.post("/v1/auth/totp").bearer(&session).send().await;
    assert_eq!((begun.status(), own().await.1, own().await.2), (200, json!(true), json!(false)), "it is not confirmed yet");
    set_up(app, &session).await;
    assert_eq!(own().await.2, json!(true));
});

both_databases!(app(); async fn a_member_changes_the_own_profile_alone(app) {
    let owner = new_owner(app).await;
    let member = invited(app, &owner, "grace@new.test", "member").await;
    let token = text(&member["token"]);
    let patch = json!({"profile": {"display_name": "Grace"}, "settings": {"locale": "de"}});
    let answer = app.patch("/v1/auth/profile").bearer(&token).json(&patch).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let changed = answer.json();
    assert_eq!(changed["id"], member["user"]["id"]);
    assert_eq!((&changed["profile"]["display_name"], &changed["settings"]["locale"]), (&json!("Grace"), &json!("de")));
    let path = format!("/v1/users/{}", text(&changed["id"]));
    problem(&app.patch(&path).bearer(&token).json(&patch).send().await, 403);
});

both_databases!(app(); async fn a_person_who_has_left_all_organizations_founds_another(app) {
    let owner = new_owner(app).await;
    let member = text(&invited(app, &owner, "grace@new.test", "member").await["token"]);
    let found = async |password: &str| {
        let new = json!({"email": "grace@new.test", "password": password, "organization": "Compilers"});
        app.post("/v1/auth/sign-up").json(&new).send().await
    };
    problem(&found(crate::PASSWORD).await, 409);
    assert_eq!(app.post("/v1/organization/leave").bearer(&member).send().await.status(), 204);
    problem(&crate::try_sign_in(app, "grace@new.test", crate::PASSWORD).await, 401);
    problem(&found("some other password").await, 409);
    let session = found(crate::PASSWORD).await;
    assert_eq!(session.status(), 201, "{}", session.text());
    assert_eq!((&session.json()["organization"]["name"], &session.json()["user"]["role"]), (&json!("Compilers"), &json!("owner")));
    assert_eq!(crate::try_sign_in(app, "grace@new.test", crate::PASSWORD).await.status(), 200);
});
