//! Pages of other origins: those that are listed use the API as the service's own pages do, others cannot.

use futures_util::stream;
use serde_json::{Value, json};
use tenfold::both_databases;
use tenfold::testing::{TestApp, TestRequest, TestResponse};

use crate::{PASSWORD, new_owner, problem};

const LISTED: [(&str, &str); 2] = [
    ("http.origins", "https://app.example.com, http://other.test:3000"),
    ("console.password", "a long enough password"),
];
const SHORT: [(&str, &str); 3] = [LISTED[0], ("http.deadline", "2s"), ("http.body_limit", "1 KiB")];
const FRONTEND: &str = "https://app.example.com";
const LOCAL: &str = "http://localhost:3000";

/// A request as a browser sends it for a script of a page at `origin`, on another port or subdomain.
fn from(origin: &str, request: TestRequest) -> TestRequest {
    request.header("origin", origin).header("sec-fetch-site", "same-site").header("sec-fetch-mode", "cors")
}

fn preflight(app: &TestApp, origin: &str, path: &str) -> TestRequest {
    let asked = app.request("OPTIONS", path).header("access-control-request-method", "PATCH");
    from(origin, asked.header("access-control-request-headers", "authorization,if-match,x-of-a-module"))
}

#[track_caller]
fn is_readable(answer: &TestResponse, origin: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), origin, "{} {}", answer.status(), answer.text());
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    let exposed: Vec<_> = answer.header("access-control-expose-headers").split(", ").collect();
    for name in [
        "ETag",
        "Location",
        "Server-Timing",
        "traceparent",
        "X-Request-Id",
        "Retry-After",
        "Content-Disposition",
    ] {
        assert!(exposed.contains(&name), "{name} is not in {exposed:?}");
    }
    assert!(answer.header("vary").contains("origin"), "{}", answer.header("vary"));
}

#[track_caller]
fn is_unreadable(answer: &TestResponse) {
    for name in
        ["allow-origin", "allow-credentials", "allow-methods", "allow-headers", "expose-headers", "max-age"]
    {
        assert_eq!(answer.header(&format!("access-control-{name}")), "", "{name} of a {}", answer.status());
    }
}

fn credentials() -> Value {
    json!({"email": "owner@new.test", "password": PASSWORD})
}

/// Signs in from a page at `origin` and gives the cookie.
async fn cookie_of(app: &TestApp, origin: &str) -> String {
    let answer = from(origin, app.post("/v1/auth/sign-in").json(&credentials())).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    is_readable(&answer, origin);
    answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

both_databases!(app::app(), LISTED; async fn a_preflight_of_a_listed_origin_needs_no_session(app) {
    for path in ["/v1/users/01900000-0000-7000-8000-000000000000", "/v1/auth/sign-in", "/v1/files"] {
        let answer = preflight(app, FRONTEND, path).send().await;
        assert_eq!((answer.status(), answer.bytes()), (204, &b""[..]), "{path}");
        is_readable(&answer, FRONTEND);
        let methods: Vec<_> = answer.header("access-control-allow-methods").split(", ").collect();
        assert_eq!(methods, ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
        assert_eq!(answer.header("access-control-allow-headers"), "authorization,if-match,x-of-a-module");
        assert_eq!(answer.header("access-control-max-age"), "600");
    }
});

both_databases!(app::app(), LISTED; async fn a_page_of_a_listed_origin_signs_in_and_works_by_cookie(app) {
    new_owner(app).await;
    for origin in [FRONTEND, "http://other.test:3000"] {
        let cookie = cookie_of(app, origin).await;
        let signed = |request: TestRequest| from(origin, request).header("cookie", &cookie);
        let made = signed(app.post("/v1/projects").json(&json!({"name": origin}))).send().await;
        assert_eq!(made.status(), 201, "{}", made.text());
        is_readable(&made, origin);
        let uploaded = signed(app.post("/v1/files?name=a.txt").body("some words")).send().await;
        assert_eq!(uploaded.status(), 202, "{}", uploaded.text());
        let listed = signed(app.get("/v1/projects")).send().await;
        assert_eq!(listed.status(), 200);
        is_readable(&listed, origin);
        let stream = signed(app.get("/v1/notifications/events")).stream().await;
        assert_eq!((stream.status(), stream.header("access-control-allow-origin")), (200, origin));
        let out = signed(app.post("/v1/auth/sign-out")).send().await;
        assert_eq!(out.status(), 204);
        is_readable(&out, origin);
    }
});

both_databases!(app::app(), SHORT; async fn a_script_of_a_listed_origin_can_read_why_it_is_refused(app) {
    let sign_in = || app.post("/v1/auth/sign-in").header("content-type", "application/json");
    let never = stream::pending::<std::io::Result<bytes::Bytes>>();
    for (request, status) in [
        (app.get("/v1/nowhere"), 404),
        (app.request("DELETE", "/v1/auth/sign-in"), 405),
        (app.get("/v1/users"), 401),
        (sign_in().body("{"), 400),
        (sign_in().body("{}"), 422),
        (sign_in().body("x".repeat(2000)), 413),
        (app.post("/v1/auth/sign-in").body("{}"), 415),
        (sign_in().pieces(never), 503),
    ] {
        let answer = from(FRONTEND, request).send().await;
        problem(&answer, status);
        is_readable(&answer, FRONTEND);
    }
});

both_databases!(app::app(), LISTED; async fn an_origin_that_is_not_listed_is_told_and_can_do_nothing(app) {
    new_owner(app).await;
    let cookie = cookie_of(app, FRONTEND).await;
    for origin in [
        "https://evil.test",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.test",
        "https://sub.app.example.com",
        "http://localhost:3000",
        "null",
        "",
    ] {
        let asked = preflight(app, origin, "/v1/auth/sign-in").send().await;
        problem(&asked, 405);
        is_unreadable(&asked);
        let read = from(origin, app.get("/v1/users")).header("cookie", &cookie).send().await;
        is_unreadable(&read);
        assert!(read.header("vary").contains("origin"), "a cache must not give it to a listed origin");
        let signed_in = from(origin, app.post("/v1/auth/sign-in").json(&credentials())).send().await;
        let write = from(origin, app.post("/v1/projects").json(&json!({"name": "a"})));
        for refused in [signed_in, write.header("cookie", &cookie).send().await] {
            assert_eq!(problem(&refused, 403)["type"], "urn:tenfold:problem:cross-site");
            is_unreadable(&refused);
        }
    }
});

both_databases!(app::app(), LISTED; async fn the_console_and_the_pages_are_for_no_other_origin(app) {
    for path in ["/console", "/console/sign-in", "/console/jobs", "/console/console.js", "/", "/docs", "/metrics"] {
        is_unreadable(&from(FRONTEND, app.get(path)).send().await);
        let asked = preflight(app, FRONTEND, path).send().await;
        assert_eq!(asked.status(), 405, "{path}");
        is_unreadable(&asked);
    }
    let form = |path| app.post(path).header("content-type", "application/x-www-form-urlencoded");
    let sign_in = || form("/console/sign-in").body("password=a+long+enough+password");
    let own = sign_in().header("sec-fetch-site", "same-origin").send().await;
    assert_eq!(own.status(), 303, "{}", own.text());
    let cookie = own.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let refused = from(FRONTEND, sign_in()).send().await;
    assert_eq!((refused.status(), refused.header("set-cookie")), (403, ""));
    is_unreadable(&refused);
    let id = "01900000-0000-7000-8000-000000000000";
    let cancel = from(FRONTEND, form(&format!("/console/jobs/{id}/cancel"))).header("cookie", &cookie);
    assert_eq!(cancel.send().await.status(), 403);
});

both_databases!(app::app(); async fn on_loopback_a_page_of_another_port_is_let_in(app) {
    new_owner(app).await;
    let local = |request: TestRequest| from(LOCAL, request.host("localhost:8080"));
    let signed_in = local(app.post("/v1/auth/sign-in").json(&credentials())).send().await;
    assert_eq!(signed_in.status(), 200, "{}", signed_in.text());
    is_readable(&signed_in, LOCAL);
    let asked = preflight(app, LOCAL, "/v1/users").host("127.0.0.1:8080").send().await;
    assert_eq!(asked.status(), 204);
    // Another name leads here as well: a proxy's, or one that an attacker's DNS points at loopback.
    let named = from(LOCAL, app.post("/v1/auth/sign-in").json(&credentials())).send().await;
    problem(&named, 403);
    is_unreadable(&named);
    let foreign = from("https://evil.test", app.post("/v1/auth/sign-in").host("localhost:8080"));
    problem(&foreign.json(&credentials()).send().await, 403);
});

/// Loopback, where nobody else is let in.
async fn refuses_other_ports(app: &TestApp) {
    let request = app.post("/v1/auth/sign-in").host("localhost:8080").json(&credentials());
    let refused = from(LOCAL, request).send().await;
    assert_eq!(problem(&refused, 403)["type"], "urn:tenfold:problem:cross-site");
    is_unreadable(&refused);
    assert_eq!(app.get("/v1/users").send().await.header("vary"), "", "nothing depends on who asks");
}

both_databases!(app::app(), [("http.loopback_origins", "false")];
async fn other_ports_of_loopback_can_be_switched_off(app) { refuses_other_ports(app).await });

both_databases!(app::app(), [("http.public_url", "https://app.test")];
async fn behind_https_no_loopback_port_is_let_in_unlisted(app) { refuses_other_ports(app).await });

both_databases!(app::app(), [("http.public_url", "https://app.test")];
async fn behind_tls_the_own_origin_is_https_by_scheme_host_and_port(app) {
    new_owner(app).await;
    for (origin, status) in [
        ("https://app.test", 200),
        ("http://app.test", 403),
        ("https://app.test:8443", 403),
        ("https://other.test", 403),
    ] {
        let sign_in = app.post("/v1/auth/sign-in").json(&credentials()).header("origin", origin);
        assert_eq!(sign_in.send().await.status(), status, "{origin}");
    }
});
