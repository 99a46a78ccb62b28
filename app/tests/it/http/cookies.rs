//! Sessions in browsers: the cookie, and that no other site can use it.

use serde_json::json;
use tenfold::both_databases;
use tenfold::testing::{TestApp, TestRequest, TestResponse};

use crate::{PASSWORD, new_owner, problem};

const HTTPS: [(&str, &str); 1] = [("http.public_url", "https://app.test")];

/// What a browser that sends no fetch metadata, or a program, leaves out.
const NO_HEADER: (&str, &str) = ("x-nothing", "");

async fn open(app: &TestApp) -> TestResponse {
    new_owner(app).await;
    let credentials = json!({"email": "owner@new.test", "password": PASSWORD});
    let answer = app.post("/v1/auth/sign-in").json(&credentials).send().await;
    assert_eq!(answer.status(), 200);
    answer
}

/// `name=value` of the cookie that an answer sets.
fn cookie(answer: &TestResponse) -> String {
    answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

fn attributes(answer: &TestResponse) -> Vec<&str> {
    let mut attributes: Vec<_> = answer.header("set-cookie").split("; ").skip(1).collect();
    attributes.sort_unstable();
    attributes
}

both_databases!(app::app(); async fn on_http_the_cookie_is_plain_and_out_of_reach_of_scripts(app) {
    let answer = open(app).await;
    assert_eq!(cookie(&answer), format!("tenfold={}", crate::text(&answer.json()["token"])));
    assert_eq!(attributes(&answer), ["HttpOnly", "Path=/", "SameSite=Lax"]);
    let out = app.post("/v1/auth/sign-out").header("cookie", &cookie(&answer));
    let out = out.header("sec-fetch-site", "same-origin").send().await;
    assert_eq!((out.status(), &*cookie(&out)), (204, "tenfold="));
    assert_eq!(attributes(&out), ["HttpOnly", "Max-Age=0", "Path=/", "SameSite=Lax"]);
    problem(&app.get("/v1/users").header("cookie", &cookie(&answer)).send().await, 401);
});

both_databases!(app::app(), HTTPS; async fn on_https_the_cookie_is_bound_to_the_host_and_to_tls(app) {
    let answer = open(app).await;
    assert_eq!(cookie(&answer), format!("__Host-tenfold={}", crate::text(&answer.json()["token"])));
    // The prefix wants exactly these, and no Domain.
    assert_eq!(attributes(&answer), ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
    let out = app.post("/v1/auth/sign-out").header("cookie", &cookie(&answer));
    let out = out.header("sec-fetch-site", "same-origin").send().await;
    assert_eq!((out.status(), &*cookie(&out)), (204, "__Host-tenfold="));
    assert_eq!(attributes(&out), ["HttpOnly", "Max-Age=0", "Path=/", "SameSite=Lax", "Secure"]);
});

both_databases!(app::app(), HTTPS;
async fn on_https_a_cookie_that_a_neighbour_could_plant_is_no_session(app) {
    // Without the prefix any subdomain, and anybody on a plain connection, can set a cookie for this host.
    let token = crate::text(&open(app).await.json()["token"]);
    for (cookies, status) in [
        (format!("__Host-tenfold={token}"), 200),
        (format!("theme=dark; __Host-tenfold={token}; x"), 200),
        (format!("tenfold={token}"), 401),
        (format!("tenfold={token}; __Host-tenfold=tf_none"), 401),
        (format!("tenfold=tf_none; __Host-tenfold={token}"), 200),
    ] {
        let answer = app.get("/v1/users").header("cookie", &cookies).send().await;
        assert_eq!(answer.status(), status, "{cookies}");
    }
});

/// Sends a request with each pair of headers and checks what becomes of it.
async fn from_sites(name: &str, request: impl Fn() -> TestRequest, expected: &[(&[(&str, &str)], u16)]) {
    for (headers, status) in expected {
        let request = headers.iter().fold(request(), |request, (name, value)| request.header(name, value));
        let answer = request.send().await;
        assert_eq!(answer.status(), *status, "{name} with {headers:?}: {}", answer.text());
        if *status == 403 {
            assert_eq!(problem(&answer, 403)["type"], "urn:tenfold:problem:cross-site");
        }
    }
}

both_databases!(app::app();
async fn what_changes_something_by_cookie_must_come_from_a_page_of_this_origin(app) {
    let cookie = cookie(&open(app).await);
    let write = || app.post("/v1/projects").header("cookie", &cookie).json(&json!({"name": "By cookie"}));
    from_sites("a write", write, &[
        (&[("sec-fetch-site", "same-origin")], 201),
        (&[("sec-fetch-site", "same-origin"), ("origin", "http://app.test")], 201),
        (&[("origin", "http://app.test")], 201),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("sec-fetch-site", "same-site")], 403),
        (&[("sec-fetch-site", "")], 403),
        (&[("sec-fetch-site", "cross-site"), ("origin", "http://app.test")], 403),
        (&[("origin", "http://evil.test")], 403),
        (&[("origin", "http://app.test.evil.test")], 403),
        (&[("origin", "http://evil.test/http://app.test")], 403),
        (&[("origin", "http://app.test:81")], 403),
        (&[("origin", "null")], 403),
        (&[("origin", "")], 403),
        (&[NO_HEADER], 403),
    ])
    .await;
    let projects = app.get("/v1/projects").header("cookie", &cookie).header("sec-fetch-site", "cross-site");
    let projects = projects.send().await;
    assert_eq!(projects.status(), 200, "a safe method changes nothing, and another site cannot read it");
    assert_eq!(projects.json()["items"].as_array().map(Vec::len), Some(3));
});

both_databases!(app::app(); async fn another_site_cannot_sign_its_visitor_out(app) {
    let cookie = cookie(&open(app).await);
    let out = || app.post("/v1/auth/sign-out").header("cookie", &cookie);
    let foreign: &[(&[(&str, &str)], u16)] =
        &[(&[("sec-fetch-site", "cross-site")], 403), (&[("origin", "null")], 403)];
    from_sites("signing out", out, foreign).await;
    assert_eq!(app.get("/v1/users").header("cookie", &cookie).send().await.status(), 200);
});

both_databases!(app::app(); async fn another_site_cannot_sign_its_visitor_in(app) {
    new_owner(app).await;
    let credentials = json!({"email": "owner@new.test", "password": PASSWORD});
    let sign_in = || app.post("/v1/auth/sign-in").json(&credentials);
    from_sites("signing in", sign_in, &[
        (&[NO_HEADER], 200),
        (&[("sec-fetch-site", "same-origin")], 200),
        (&[("origin", "http://app.test")], 200),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("sec-fetch-site", "same-site")], 403),
        (&[("origin", "http://evil.test")], 403),
        (&[("origin", "null")], 403),
    ])
    .await;
    let taken = json!({"email": "owner@new.test", "password": PASSWORD, "organization": "Again"});
    let sign_up = || app.post("/v1/auth/sign-up").json(&taken);
    from_sites("signing up", sign_up, &[(&[("sec-fetch-site", "cross-site")], 403), (&[NO_HEADER], 409)])
        .await;
    // What a form of another site can send without asking, no browser's help needed.
    for form in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let posted = app.post("/v1/auth/sign-in").header("content-type", form).body(credentials.to_string());
        problem(&posted.send().await, 415);
    }
});

both_databases!(app::app(); async fn a_token_that_no_browser_sends_by_itself_needs_no_origin(app) {
    let token = new_owner(app).await;
    let write = || app.post("/v1/projects").bearer(&token).json(&json!({"name": "By token"}));
    from_sites("a write", write, &[(&[NO_HEADER], 201), (&[("sec-fetch-site", "cross-site")], 201)]).await;
});

both_databases!(app::app(); async fn no_answer_lets_another_origin_read_it(app) {
    let cookie = cookie(&open(app).await);
    for (method, path) in [("GET", "/v1/users"), ("OPTIONS", "/v1/users"), ("GET", "/openapi.json")] {
        let request = app.request(method, path).header("cookie", &cookie);
        let request = request.header("origin", "http://evil.test").header("access-control-request-method", "GET");
        let answer = request.send().await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{method} {path}");
    }
});
