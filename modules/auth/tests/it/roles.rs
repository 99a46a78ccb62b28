//! Roles: who gives them, and who takes people out.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::{TestApp, TestResponse};

use crate::{app, confirmed, invite, invited, is_live, new_owner, problem, sign_up, sudo, text};

async fn change(app: &TestApp, session: &str, user: &Value, role: &str) -> TestResponse {
    let path = format!("/v1/users/{}/role", text(&user["id"]));
    app.patch(&path).bearer(session).json(&json!({"role": role})).send().await
}

async fn remove(app: &TestApp, session: &str, user: &Value) -> TestResponse {
    app.delete(&format!("/v1/users/{}", text(&user["id"]))).bearer(session).send().await
}

both_databases!(app(); async fn a_role_is_what_its_user_may_do_at_once(app) {
    let owner = new_owner(app).await;
    let member = invited(app, &owner, "grace@new.test", "member").await;
    let token = text(&member["token"]);
    problem(&app.get("/v1/invitations").bearer(&token).send().await, 403);
    let answer = change(app, &owner, &member["user"], "admin").await;
    assert_eq!((answer.status(), &answer.json()["role"]), (200, &json!("admin")));
    assert_eq!(app.get("/v1/invitations").bearer(&token).send().await.status(), 200);
    assert_eq!(change(app, &owner, &member["user"], "member").await.status(), 200);
    problem(&app.get("/v1/invitations").bearer(&token).send().await, 403);
});

both_databases!(app(); async fn the_last_owner_stays_an_owner(app) {
    let first = confirmed(app, "owner@new.test").await;
    let owner = text(&first["token"]);
    problem(&change(app, &owner, &first["user"], "admin").await, 409);
    problem(&remove(app, &owner, &first["user"]).await, 409);
    let second = invited(app, &owner, "grace@new.test", "owner").await;
    assert_eq!(change(app, &owner, &first["user"], "admin").await.status(), 200);
    sudo(app, &text(&second["token"])).await;
    problem(&change(app, &text(&second["token"]), &second["user"], "member").await, 409);
    problem(&remove(app, &owner, &second["user"]).await, 403);
});

both_databases!(app(); async fn of_two_owners_who_step_down_at_once_one_stays(app) {
    let first = confirmed(app, "owner@new.test").await;
    let second = invited(app, &text(&first["token"]), "grace@new.test", "owner").await;
    sudo(app, &text(&second["token"])).await;
    let owners = [&first, &second];
    let answers = owners.map(|own| async { change(app, &text(&own["token"]), &own["user"], "member").await.status() });
    let mut answers = join_all(answers).await;
    answers.sort_unstable();
    assert_eq!(answers, [200, 409]);
});

both_databases!(app(); async fn an_admin_changes_no_owner_and_makes_none(app) {
    let first = confirmed(app, "owner@new.test").await;
    let owner = text(&first["token"]);
    let admin = invited(app, &owner, "admin@new.test", "admin").await;
    let member = invited(app, &owner, "member@new.test", "member").await;
    let (token, own) = (text(&admin["token"]), text(&member["token"]));
    problem(&change(app, &token, &first["user"], "member").await, 403);
    problem(&remove(app, &token, &first["user"]).await, 403);
    problem(&change(app, &token, &member["user"], "owner").await, 403);
    problem(&change(app, &token, &admin["user"], "owner").await, 403);
    assert_eq!(change(app, &token, &member["user"], "admin").await.status(), 200);
    assert_eq!(change(app, &token, &member["user"], "member").await.status(), 200);
    problem(&change(app, &own, &admin["user"], "member").await, 403);
});

both_databases!(app(); async fn an_admin_does_not_rename_an_owner(app) {
    let first = confirmed(app, "owner@new.test").await;
    let owner = text(&first["token"]);
    let admin = invited(app, &owner, "admin@new.test", "admin").await;
    let member = invited(app, &owner, "member@new.test", "member").await;
    let rename = async |session: &str, user: &Value| {
        let change = json!({"profile": {"display_name": "Eve"}});
        app.patch(&format!("/v1/users/{}", text(&user["id"]))).bearer(session).json(&change).send().await
    };
    let token = text(&admin["token"]);
    let refused = problem(&rename(&token, &first["user"]).await, 403);
    assert_eq!(refused["type"], "urn:tenfold:problem:role-out-of-reach");
    let kept = app.get(&format!("/v1/users/{}", text(&first["user"]["id"]))).bearer(&token).send().await.json();
    assert_ne!(kept["profile"]["display_name"], "Eve");
    for (session, user) in [(&token, &admin), (&token, &member), (&owner, &first), (&owner, &admin)] {
        assert_eq!(rename(session, &user["user"]).await.status(), 200);
    }
});

both_databases!(app(), [("cache.size", "1 MiB")];
async fn a_removed_user_is_out_at_once_and_out_of_this_one_alone(app) {
    let owner = new_owner(app).await;
    let own = text(&sign_up(app, "grace@new.test").await["token"]);
    assert_eq!(crate::invite(app, &owner, "grace@new.test", "member").await.status(), 201);
    let token = crate::mailed_token(app, "grace@new.test", "invitation").await;
    let accept = app.post("/v1/invitations/accept").bearer(&own).json(&json!({"token": token}));
    let joined = accept.send().await.json();
    assert_eq!(remove(app, &owner, &joined["user"]).await.status(), 204);
    assert!(!is_live(app, &text(&joined["token"])).await, "the removed user is still in");
    assert!(is_live(app, &own).await, "the person's own organization is gone as well");
    let users = app.get("/v1/users").bearer(&owner).send().await.json();
    assert_eq!(users["items"].as_array().map(Vec::len), Some(1));
    problem(&remove(app, &owner, &joined["user"]).await, 404);
    let session = app.get("/v1/auth/session").bearer(&own).send().await.json();
    assert_eq!(session["organizations"].as_array().map(Vec::len), Some(1));
});

both_databases!(app(); async fn nobody_gives_a_role_above_their_own(app) {
    let owner = new_owner(app).await;
    let admin = invited(app, &owner, "admin@new.test", "admin").await;
    let guest = crate::join(app, &owner, "guest@new.test", &["members.read", "members.write"]).await;
    let own = app.get("/v1/auth/session").bearer(&guest).send().await.json();
    for role in ["member", "admin", "owner"] {
        let refused = problem(&change(app, &guest, &own["user"], role).await, 403);
        assert_eq!(refused["type"], "urn:tenfold:problem:role-out-of-reach");
        problem(&crate::invite(app, &guest, "eve@new.test", role).await, 403);
    }
    problem(&remove(app, &guest, &admin["user"]).await, 403);
    problem(&change(app, &guest, &admin["user"], "member").await, 403);
});

both_databases!(app(); async fn owners_are_made_and_unmade_with_the_password(app) {
    let owner = new_owner(app).await;
    let second = invited(app, &owner, "grace@new.test", "owner").await;
    let member = invited(app, &owner, "member@new.test", "member").await;
    app.clock().advance(Duration::from_secs(600));
    for refused in [
        change(app, &owner, &member["user"], "owner").await,
        change(app, &owner, &second["user"], "member").await,
        remove(app, &owner, &second["user"]).await,
        invite(app, &owner, "eve@new.test", "owner").await,
    ] {
        assert_eq!(problem(&refused, 403)["type"], "urn:tenfold:problem:password-required");
    }
    assert_eq!(change(app, &owner, &member["user"], "admin").await.status(), 200);
    sudo(app, &owner).await;
    assert_eq!(change(app, &owner, &member["user"], "owner").await.status(), 200);
    assert_eq!(remove(app, &owner, &second["user"]).await.status(), 204);
    assert_eq!(invite(app, &owner, "eve@new.test", "owner").await.status(), 201);
});
