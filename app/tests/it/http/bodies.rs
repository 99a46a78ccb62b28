//! What is said to bodies that are none, too long, or of another form.

use serde_json::json;
use tenfold::both_databases;

use crate::{new_owner, problem, text};

both_databases!(app::app(); async fn what_is_no_json_cannot_be_understood(app) {
    let token = new_owner(app).await;
    for body in [
        "",
        " ",
        "{",
        "nul",
        "{'name': 'a'}",
        r#"{"name""#,
        r#"{"name": "a""#,
        r#"{"name": "a"} x"#,
        r#"{"name": "\ud800"}"#,
        "{\"name\": \"\u{1}\"}",
    ] {
        let request = app.post("/v1/projects").bearer(&token).header("content-type", "application/json");
        let answer = request.body(body.to_owned()).send().await;
        assert_eq!(answer.status(), 400, "{body:?}: {}", answer.text());
        problem(&answer, 400);
    }
    let request = app.post("/v1/projects").bearer(&token).header("content-type", "application/json");
    problem(&request.body(&b"{\"name\": \"\xff\xfe\"}"[..]).send().await, 400);
    let deep = "[".repeat(100_000);
    let request = app.post("/v1/projects").bearer(&token).header("content-type", "application/json");
    problem(&request.body(format!("{{\"name\": {deep}")).send().await, 422);
});

both_databases!(app::app(); async fn json_of_another_shape_is_refused_with_the_name_of_the_field(app) {
    for (body, name) in [
        (json!({"email": 5, "password": "x"}), "email"),
        (json!({"email": "a@b", "password": {"$ne": ""}}), "password"),
        (json!({"email": "a@b", "password": "x", "organization": "no id"}), "organization"),
        (json!({"email": "a@b"}), "password"),
        (json!({"email": "a@b", "password": "x", "remember": true}), "remember"),
        (json!({"email": "x".repeat(255), "password": "x"}), "email"),
    ] {
        let answer = app.post("/v1/auth/sign-in").json(&body).send().await;
        let detail = text(&problem(&answer, 422)["detail"]);
        assert!(detail.contains(name), "{detail:?} does not name {name}");
    }
    let twice = r#"{"email": "a@b", "email": "c@d", "password": "x"}"#;
    let request = app.post("/v1/auth/sign-in").header("content-type", "application/json");
    problem(&request.body(twice).send().await, 422);
});

both_databases!(app::app(); async fn a_value_of_another_type_is_well_formed_all_the_same(app) {
    let session = crate::sign_up(app, "ada@new.test").await;
    let (token, user) = (text(&session["token"]), text(&session["user"]["id"]));
    for theme in [json!(1), json!([]), json!(["dark"]), json!(true), json!({"dark": null}), json!("purple")] {
        let change = json!({"settings": {"theme": theme}});
        let answer = app.patch(&format!("/v1/users/{user}")).bearer(&token).json(&change).send().await;
        assert_eq!(answer.status(), 422, "{theme}: {}", answer.text());
        let detail = text(&problem(&answer, 422)["detail"]);
        assert!(detail.starts_with("settings.theme"), "{detail}");
    }
});

both_databases!(app::app(); async fn a_body_of_another_type_is_refused_unread(app) {
    let token = new_owner(app).await;
    let body = json!({"name": "a"}).to_string();
    let send = async |content_type: Option<&str>| {
        let request = app.post("/v1/projects").bearer(&token).body(body.clone());
        match content_type {
            Some(value) => request.header("content-type", value).send().await,
            None => request.send().await,
        }
    };
    let forms =
        ["", "json", "text/plain", "text/json", "application/x-www-form-urlencoded", "application/jsonp"];
    for wrong in forms.map(Some).into_iter().chain([None]) {
        let answer = send(wrong).await;
        assert_eq!(answer.status(), 415, "{wrong:?}");
        problem(&answer, 415);
    }
    let json = ["application/json", "application/json; charset=utf-8", "Application/JSON"];
    for right in json.into_iter().chain(["application/merge-patch+json"]) {
        assert_eq!(send(Some(right)).await.status(), 201, "{right}");
    }
});

both_databases!(app::app(), [("http.body_limit", "1 KiB")];
async fn a_body_is_read_up_to_its_limit(app) {
    let token = new_owner(app).await;
    for (length, status) in [(1024, 201), (1025, 413), (100_000, 413)] {
        let mut body = json!({"name": "a"}).to_string();
        body.extend(std::iter::repeat_n(' ', length - body.len()));
        let request = app.post("/v1/projects").bearer(&token).header("content-type", "application/json");
        let answer = request.body(body).send().await;
        assert_eq!(answer.status(), status, "{length} bytes: {}", answer.text());
        if status == 413 {
            assert_eq!(problem(&answer, 413)["detail"], "it is larger than http.body_limit");
        }
    }
});

both_databases!(app::app(); async fn nobodys_body_is_not_read(app) {
    for body in ["{", "{}"] {
        problem(&app.post("/v1/projects").body(body).send().await, 401);
    }
});

both_databases!(app::app(); async fn a_long_text_of_a_client_comes_back_cut(app) {
    for long in ["k".repeat(900_000), "\u{1}\"".repeat(100_000), "ö🦀".repeat(150_000)] {
        let mut body = json!({"email": "a@b", "password": "x"});
        body[&long] = json!(1);
        let answer = app.post("/v1/auth/sign-in").json(&body).send().await;
        let refused = problem(&answer, 422);
        assert!(answer.bytes().len() <= 4096, "{} bytes", answer.bytes().len());
        let detail = text(&refused["detail"]);
        assert!(detail.contains("… (cut here; it has "), "{detail}");
        let allowed = ": it is unknown; the known ones are email, organization, password";
        assert!(detail.ends_with(allowed), "{detail}");
    }
    let path = format!("/{}", "%22".repeat(2000));
    let answer = app.get(&path).send().await;
    assert!(text(&problem(&answer, 404)["detail"]).contains("cut here"));
    let short = app.post("/v1/auth/sign-in").json(&json!({"ö".repeat(100): 1})).send().await;
    assert!(!text(&problem(&short, 422)["detail"]).contains("cut"), "{}", short.text());
});

both_databases!(app::app(); async fn a_described_field_that_is_right_is_not_named(app) {
    // The document describes the token beside its schema.
    let wrong = json!({"token": "x".repeat(43), "password": "abc"});
    let answer = problem(&app.post("/v1/auth/reset").json(&wrong).send().await, 422);
    let named: Vec<String> = answer["errors"].as_array().into_iter().flatten().map(|fault| text(&fault["pointer"])).collect();
    assert_eq!(named, ["#/password"], "{answer:#}");
    let answer = problem(&app.post("/v1/auth/reset").json(&json!({"token": 5, "password": "abc"})).send().await, 422);
    let fault = json!({"pointer": "#/token", "detail": "it must be string"});
    assert!(answer["errors"].as_array().is_some_and(|faults| faults.contains(&fault)), "{answer:#}");
});

both_databases!(app::app(); async fn a_refused_body_is_told_in_words_of_the_api(app) {
    let token = new_owner(app).await;
    let key = |until: &str| json!({"name": "a", "permissions": ["members.read"], "expires_at": until});
    for (path, body, detail) in [
        ("/v1/projects", json!({"name": ""}), "name: text of 0 characters: 1 to 100 are allowed"),
        ("/v1/projects", json!({"name": 5}), "name: it must be string"),
        ("/v1/projects", json!([]), "invalid type: sequence, expected an object"),
        ("/v1/projects", json!({"name": "\u{feff}a"}), "name: the character U+FEFF is not allowed in a name: nobody sees it"),
        ("/v1/auth/switch", json!({"organization": "abc"}), "organization: it is not a UUID"),
        ("/v1/auth/sign-up", json!({"email": "a b@c", "password": "a good long one", "organization": "a"}), "email: use an address such as name@example.com, without spaces, at most 254 characters"),
        ("/v1/api-keys", key("9999-12-31T23:59:59Z"), "expires_at: later than 9999-12-30T22:00:00Z is not allowed"),
        ("/v1/api-keys", key("tomorrow"), "expires_at: it is not a time in RFC 3339 format"),
    ] {
        let answer = app.post(path).bearer(&token).json(&body).send().await;
        let refused = problem(&answer, 422);
        assert_eq!(refused["detail"], detail, "{path} {body}");
        assert!(refused["errors"].as_array().is_some_and(|faults| !faults.is_empty()), "{refused}");
        assert!(!answer.text().contains(" at line "), "{}", answer.text());
    }
    let request = app.post("/v1/projects").bearer(&token).header("content-type", "application/json");
    let refused = problem(&request.body("{\"name\": nothing}").send().await, 400);
    assert_eq!(refused["detail"], "the body is not JSON: line 1, column 11: expected ident");
});
