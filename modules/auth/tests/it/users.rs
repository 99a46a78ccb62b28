//! `GET` and `PATCH /v1/users/{id}`.

use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::{TestApp, TestResponse};

use crate::{app, join, problem, sign_up, text};

/// A new organization's owner: the token, and the path of the user.
async fn owner(app: &TestApp) -> (String, String) {
    let session = sign_up(app, "ada@new.test").await;
    (text(&session["token"]), format!("/v1/users/{}", text(&session["user"]["id"])))
}

async fn patch(app: &TestApp, (token, path): &(String, String), change: &Value) -> TestResponse {
    app.patch(path).bearer(token).json(change).send().await
}

/// The user by itself and in the list, which must agree.
async fn look(app: &TestApp, (token, path): &(String, String)) -> Value {
    let user = app.get(path).bearer(token).send().await;
    assert_eq!(user.status(), 200, "{}", user.text());
    let list = app.get("/v1/users").bearer(token).send().await.json();
    assert_eq!(list["items"], json!([user.json()]));
    user.json()
}

both_databases!(app(); async fn a_patch_changes_what_it_names_and_nothing_else(app) {
    let owner = owner(app).await;
    let mut expected = look(app, &owner).await;
    for (change, field, value) in [
        (json!({"profile": {"display_name": "Ada"}}), "/profile/display_name", json!("Ada")),
        (json!({"profile": {"title": "Countess"}}), "/profile/title", json!("Countess")),
        (json!({"settings": {"theme": "dark"}}), "/settings/theme", json!("dark")),
        (json!({"settings": {"locale": "de-CH"}}), "/settings/locale", json!("de-CH")),
        (json!({"profile": {"title": null}}), "/profile/title", Value::Null),
        (json!({"profile": {"display_name": "<b>'; -- 💩"}}), "/profile/display_name", json!("<b>'; -- 💩")),
    ] {
        *expected.pointer_mut(field).expect("a user has this field") = value;
        let answer = patch(app, &owner, &change).await;
        assert_eq!((answer.status(), answer.json()), (200, expected.clone()), "{change}");
        assert_eq!(look(app, &owner).await, expected, "{change}");
    }
    for change in [json!({}), json!({"profile": {}, "settings": {}})] {
        let answer = patch(app, &owner, &change).await;
        assert_eq!((answer.status(), answer.json()), (200, expected.clone()), "{change}");
    }
});

both_databases!(app(); async fn a_patch_of_which_one_part_is_wrong_changes_nothing(app) {
    let owner = owner(app).await;
    let before = look(app, &owner).await;
    for wrong in [
        json!({"profile": {"display_name": ""}}),
        json!({"profile": {"display_name": "x".repeat(101)}}),
        json!({"profile": {"display_name": "nul\u{0}"}}),
        json!({"profile": {"display_name": "two\nlines"}}),
        json!({"profile": {"display_name": "\u{7f}"}}),
        json!({"profile": {"display_name": "\u{85}"}}),
        json!({"profile": {"display_name": 7}}),
        json!({"profile": {"title": ""}}),
        json!({"profile": {"titel": "Countess"}}),
        json!({"profile": ["Ada", "Countess"]}),
        json!({"profile": null}),
        json!({"settings": {"theme": "purple"}}),
        json!({"settings": {"locale": "x"}}),
        json!({"settings": {"locale": "x".repeat(36)}}),
        json!({"email": "bob@new.test"}),
        json!({"permissions": []}),
        json!([]),
        json!("Ada"),
        Value::Null,
    ] {
        problem(&patch(app, &owner, &wrong).await, 422);
    }
    let half = json!({"profile": {"display_name": "Half"}, "settings": {"theme": "purple"}});
    problem(&patch(app, &owner, &half).await, 422);
    assert_eq!(look(app, &owner).await, before);
    // Characters are counted, not bytes.
    let long = "é".repeat(100);
    let answer = patch(app, &owner, &json!({"profile": {"display_name": long}})).await;
    assert_eq!((answer.status(), &answer.json()["profile"]["display_name"]), (200, &json!(long)));
});

both_databases!(app(); async fn without_members_write_one_may_look_and_change_nobody(app) {
    let owner = owner(app).await;
    let before = look(app, &owner).await;
    let token = join(app, &owner.0, "bob@new.test", &["members.read"]).await;
    let users = app.get("/v1/users").bearer(&token).send().await.json();
    let own = users["items"].as_array().and_then(|users| users.iter().find(|user| user["email"] == "bob@new.test"));
    let own = own.expect("one sees oneself").clone();
    let change = json!({"profile": {"display_name": "Mallory"}});
    for (user, path) in [(before, owner.1), (own.clone(), format!("/v1/users/{}", text(&own["id"])))] {
        problem(&patch(app, &(token.clone(), path.clone()), &change).await, 403);
        assert_eq!(app.get(&path).bearer(&token).send().await.json(), user);
    }
});
