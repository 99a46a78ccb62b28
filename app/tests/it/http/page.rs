//! The page at `/`: what it is made of, what it may do, and what it is told before anybody has signed in.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tenfold::App;
use tenfold::both_databases;
use tenfold::testing::{TestApp, TestResponse};

use crate::{new_owner, problem};

/// What would load something from elsewhere, or run what a text says.
const FORBIDDEN: [&str; 12] = [
    "src=\"http",
    "src=\"//",
    "href=\"http",
    "href=\"//",
    "url(",
    "@import",
    "import(",
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "eval(",
    "document.write",
];

/// All files that the page consists of, found as a browser finds them, by their paths.
async fn files(app: &TestApp) -> Vec<(String, TestResponse)> {
    let (mut found, mut waiting, mut known) = (Vec::new(), vec!["/".to_owned()], BTreeSet::new());
    while let Some(path) = waiting.pop() {
        if !known.insert(path.clone()) {
            continue;
        }
        let answer = app.get(&path).send().await;
        assert_eq!(answer.status(), 200, "{path}");
        let text = answer.text();
        let named = |mark: &str| -> Vec<String> {
            let names = text.split(mark).skip(1).filter_map(|rest| rest.split('"').next());
            names.map(str::to_owned).collect()
        };
        waiting.extend(named(" src=\""));
        waiting.extend(named("<link rel=\"stylesheet\" href=\""));
        waiting.extend(named(" from \"./").into_iter().map(|name| format!("/page/{name}")));
        found.push((path, answer));
    }
    found
}

both_databases!(app::app(); async fn the_page_comes_from_here_and_may_load_nothing_from_elsewhere(app) {
    let files = files(app).await;
    assert!(files.len() > 10, "{:?}", files.iter().map(|(path, _)| path).collect::<Vec<_>>());
    for (path, file) in &files {
        let policy = file.header("content-security-policy");
        let policy: BTreeSet<&str> = policy.split(';').map(str::trim).collect();
        for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{path} lacks {rule}");
        }
        assert!(!policy.iter().any(|rule| rule.contains("unsafe") || rule.contains('*')), "{policy:?}");
        assert_eq!((file.header("x-content-type-options"), file.header("referrer-policy")), ("nosniff", "same-origin"));
        for loading in FORBIDDEN {
            assert!(!file.text().contains(loading), "{path} has {loading}");
        }
    }
});

both_databases!(app::app(); async fn the_page_has_no_script_and_no_style_in_its_markup(app) {
    let page = app.get("/").send().await;
    assert_eq!((page.status(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    let text = page.text();
    assert!(!text.contains("<style") && !text.contains(" style="), "a style is in the markup");
    for script in text.split("<script").skip(1) {
        let (attributes, rest) = script.split_once('>').expect("a tag ends");
        assert!(attributes.contains("src=\"/page/") && rest.starts_with("</script>"), "<script{attributes}>");
    }
    let handlers = text.split_whitespace().filter(|word| word.starts_with("on") && word.contains("=\""));
    assert_eq!(handlers.collect::<Vec<_>>(), Vec::<&str>::new());
});

both_databases!(app::app(); async fn what_has_not_changed_is_not_sent_again_and_a_head_has_no_body(app) {
    for (path, file) in files(app).await {
        let etag = file.header("etag");
        assert_eq!((etag.is_empty(), file.header("cache-control")), (false, "no-cache"), "{path}");
        let known = app.get(&path).header("if-none-match", etag).send().await;
        assert_eq!((known.status(), known.bytes(), known.header("etag")), (304, &b""[..], etag), "{path}");
        let head = app.request("HEAD", &path).send().await;
        assert_eq!((head.status(), head.bytes(), head.header("etag")), (200, &b""[..], etag), "{path}");
        assert_eq!(head.header("content-length"), file.bytes().len().to_string(), "{path}");
    }
});

both_databases!(app::app(); async fn what_is_no_file_of_the_page_is_not_found(app) {
    for path in ["/page", "/page/", "/page/none.js", "/page/../Cargo.toml", "/index.html"] {
        problem(&app.get(path).send().await, 404);
    }
    problem(&app.post("/").send().await, 405);
    // Nor is any of it a part of the API.
    let document = app.get("/openapi.json").send().await.json();
    let paths = document["paths"].as_object().expect("a document has paths");
    assert!(paths.keys().all(|path| path != "/" && !path.starts_with("/page")), "{:?}", paths.keys());
});

async fn start(app: &TestApp, cookie: &str) -> Value {
    let answer = app.get("/page/start.json").header("cookie", cookie).send().await;
    assert_eq!((answer.status(), answer.header("cache-control")), (200, "no-store"));
    answer.json()
}

both_databases!(app::app(); async fn the_page_knows_whether_the_cookie_is_a_session_and_that_is_no_error(app) {
    let token = new_owner(app).await;
    assert_eq!(start(app, "").await, json!({"signed_in": false, "demo": null, "contact": ""}));
    assert_eq!(start(app, "tenfold=tf_none").await["signed_in"], false);
    assert_eq!(start(app, &format!("tenfold={token}")).await["signed_in"], true);
});

both_databases!(app::app(); async fn the_demos_accounts_are_told_only_where_the_demo_is(app) {
    assert_eq!(start(app, "").await["demo"], Value::Null);
    app.seed_demo().await;
    let demo = start(app, "").await["demo"].clone();
    for account in demo["accounts"].as_array().expect("the demo has accounts") {
        let credentials = json!({"email": account["email"], "password": demo["password"]});
        assert_eq!(app.post("/v1/auth/sign-in").json(&credentials).send().await.status(), 200, "{account}");
    }
});

both_databases!(App::new("bare", "0").module(tenfold_mail::module()).module(tenfold_auth::module());
async fn an_application_without_a_page_leads_to_that_of_its_api(app) {
    let answer = app.get("/").send().await;
    assert_eq!((answer.status(), answer.header("location")), (307, "/docs"));
});
