//! Every refusal is a problem (RFC 9457).

use serde_json::json;
use tenfold::both_databases;

use crate::{new_owner, problem, text};

both_databases!(app::app(); async fn a_path_that_is_none_is_not_found(app) {
    let near = ["/v1/users/", "/v1//users", "/V1/users", "/v1/users/1/2", "/docs/", "/docs/../v1/users"];
    for path in near.into_iter().chain(["/nowhere", "/v1", "/..", "/%2e%2e"]) {
        let answer = app.get(path).send().await;
        assert_eq!(answer.status(), 404, "{path}");
        let detail = text(&problem(&answer, 404)["detail"]);
        assert!(detail.contains(path), "{detail:?} does not name {path}");
    }
    problem(&app.post("/nowhere").send().await, 404);
});

both_databases!(app::app(); async fn a_method_that_the_path_lacks_is_told_with_those_it_has(app) {
    for (method, path, allowed) in [
        ("DELETE", "/v1/users", "GET,HEAD"),
        ("PUT", "/v1/projects", "GET,HEAD,POST"),
        ("POST", "/v1/users/01900000-0000-7000-8000-000000000000", "DELETE,GET,HEAD,PATCH"),
        ("GET", "/v1/auth/sign-in", "POST"),
        ("POST", "/healthz", "GET,HEAD"),
        ("POST", "/openapi.json", "GET,HEAD"),
        ("POST", "/docs", "GET,HEAD"),
        ("OPTIONS", "/v1/users", "GET,HEAD"),
        ("BREW", "/v1/users", "GET,HEAD"),
    ] {
        let answer = app.request(method, path).send().await;
        assert_eq!(answer.status(), 405, "{method} {path}");
        problem(&answer, 405);
        let mut allow: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
        allow.sort_unstable();
        assert_eq!(allow.join(","), allowed, "{method} {path}");
    }
});

both_databases!(app::app(); async fn a_head_is_a_get_without_the_body(app) {
    for path in ["/healthz", "/openapi.json", "/docs"] {
        let (get, head) = (app.get(path).send().await, app.request("HEAD", path).send().await);
        assert_eq!((head.status(), head.text()), (get.status(), String::new()), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
});

both_databases!(app::app(); async fn problems_are_not_kept_by_caches_nor_guessed_at_by_browsers(app) {
    for path in ["/nowhere", "/v1/users", "/healthz", "/docs"] {
        assert_eq!(app.get(path).send().await.header("x-content-type-options"), "nosniff", "{path}");
    }
    let token = new_owner(app).await;
    let users = app.get("/v1/users").bearer(&token).send().await;
    assert_eq!(users.header("cache-control"), "no-store");
    let made = app.post("/v1/projects").bearer(&token).json(&json!({"name": "a"})).send().await;
    assert_eq!(made.header("cache-control"), "no-store");
});

both_databases!(app::app(); async fn an_id_that_is_none_is_named(app) {
    let token = new_owner(app).await;
    for id in ["abc", "1", "%20", "01900000-0000-7000-8000-00000000000g"] {
        let answer = app.get(&format!("/v1/users/{id}")).bearer(&token).send().await;
        assert_eq!(problem(&answer, 400)["detail"], "id is not a UUID", "{id}");
    }
    let answer = app.get("/v1/users/%ff").bearer(&token).send().await;
    assert_eq!(problem(&answer, 400)["detail"], "id: it must be UTF-8, each byte percent-encoded (RFC 3986)");
});

both_databases!(app::app(); async fn what_is_missing_is_named_in_words(app) {
    let token = new_owner(app).await;
    let nobody = "/v1/api-keys/01900000-0000-7000-8000-000000000000";
    let answer = app.delete(nobody).bearer(&token).send().await;
    assert_eq!(problem(&answer, 404)["detail"], "no such api key");
});
