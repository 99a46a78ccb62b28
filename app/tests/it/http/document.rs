//! The OpenAPI document and the page that shows it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tenfold::both_databases;

use crate::{operations, text};

both_databases!(app::app(); async fn every_operation_is_described_and_has_a_name_of_its_own(app) {
    let document = app.get("/openapi.json").send().await;
    assert_eq!((document.status(), document.header("content-type")), (200, "application/json"));
    let document = document.json();
    assert!(text(&document["openapi"]).starts_with("3.1."), "{}", document["openapi"]);
    assert_eq!(document["info"]["title"], "app");
    assert_ne!(text(&document["info"]["version"]), "");
    assert_eq!(document["components"]["securitySchemes"]["session"]["scheme"], "bearer");
    let mut names = BTreeSet::new();
    for operation in operations::all(app).await {
        let described = &operation.document;
        assert_ne!(text(&described["summary"]), "", "{}", operation.name());
        assert_eq!(described["tags"].as_array().map(Vec::len), Some(1), "{}", operation.name());
        assert!(names.insert(text(&described["operationId"])), "{} has another's name", operation.name());
        assert_eq!(described.get("requestBody").is_some(), described["x-example"].get("body").is_some());
        let responses = described["responses"].as_object().expect("an operation has responses");
        let mut expected = vec!["default"];
        if operation.needs_session() {
            expected.extend(["401", "403"]);
        }
        if operation.names_something() {
            expected.push("404");
        }
        for status in expected {
            let response = responses.get(status);
            let response = response.unwrap_or_else(|| panic!("{} has no {status}", operation.name()));
            let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{} {status}", operation.name());
        }
    }
});

both_databases!(app::app(); async fn every_reference_in_the_document_leads_somewhere(app) {
    let document = app.get("/openapi.json").send().await;
    let (all, json) = (document.text(), document.json());
    for rest in all.split("\"$ref\":\"#").skip(1) {
        let pointer = rest.split('"').next().unwrap_or_default();
        assert!(json.pointer(pointer).is_some(), "#{pointer} leads nowhere");
    }
});

both_databases!(app::app(); async fn an_events_data_is_described_as_the_text_that_is_sent(app) {
    let document = app.get("/openapi.json").send().await.json();
    let mut streams = 0;
    for operation in operations::all(app).await {
        let schema = operation.document.pointer("/responses/200/content/text~1event-stream/schema/$ref");
        let Some(pointer) = schema.and_then(Value::as_str) else { continue };
        let events = document.pointer(&format!("{}/oneOf", pointer.trim_start_matches('#')));
        for event in events.and_then(Value::as_array).expect("a stream has events") {
            let data = &event["properties"]["data"];
            assert_eq!((&data["type"], &data["contentMediaType"]), (&json!("string"), &json!("application/json")));
            let content = text(&data["contentSchema"]["$ref"]);
            assert!(document.pointer(content.trim_start_matches('#')).is_some(), "{content} leads nowhere");
            streams += 1;
        }
    }
    assert!(streams >= 5, "{streams} kinds of events");
});

/// What would load something from elsewhere, or run what a text says.
const FORBIDDEN: [&str; 11] = [
    "src=\"http",
    "src=\"//",
    "href=\"http",
    "href=\"//",
    "url(http",
    "@import",
    "import(",
    "<style",
    "onclick=",
    "innerHTML",
    "eval(",
];

/// What the page may do at most.
const POLICY: [&str; 5] = [
    "default-src 'none'",
    "script-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
];

both_databases!(app::app();
async fn the_page_needs_nothing_from_elsewhere_and_may_load_nothing_from_there(app) {
    for (path, content_type) in [
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/docs.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = app.get(path).send().await;
        assert_eq!((answer.status(), answer.header("content-type")), (200, content_type));
        let policy = answer.header("content-security-policy");
        let policy: BTreeSet<&str> = policy.split(';').map(str::trim).collect();
        for rule in POLICY {
            assert!(policy.contains(rule), "{path} lacks {rule}");
        }
        assert!(!policy.iter().any(|rule| rule.contains("unsafe") || rule.contains('*')), "{policy:?}");
        let text = answer.text();
        for loading in FORBIDDEN {
            assert!(!text.contains(loading), "{path} has {loading}");
        }
        let sources = text.split("src=\"").skip(1);
        let links = text.split("<link").skip(1).filter_map(|link| link.split("href=\"").nth(1));
        let assets = sources.chain(links).filter_map(|rest| rest.split('"').next());
        for asset in assets.filter(|asset| !asset.starts_with("data:")) {
            assert_eq!(app.get(asset).send().await.status(), 200, "{asset}");
        }
    }
});

both_databases!(app::app(); async fn swagger_ui_is_served_from_here_under_the_same_policy(app) {
    let page = app.get("/docs").send().await;
    for (path, content_type) in [
        ("/docs/swagger-ui.css", "text/css; charset=utf-8"),
        ("/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = app.get(path).send().await;
        assert_eq!((answer.status(), answer.header("content-type")), (200, content_type));
        assert_eq!(answer.header("content-encoding"), "gzip", "{path}");
        assert_eq!(answer.bytes().get(..2), Some(&[0x1f, 0x8b][..]), "{path}");
        assert_eq!(answer.header("content-security-policy"), page.header("content-security-policy"));
    }
});

both_databases!(app::app(); async fn a_browser_keeps_the_pages_files_and_asks_whether_they_changed(app) {
    let whole = app.get("/docs/docs.js").send().await;
    assert_eq!((whole.header("cache-control"), whole.header("referrer-policy")), ("no-cache", "same-origin"));
    let etag = whole.header("etag");
    assert_ne!(etag, app.get("/docs").send().await.header("etag"));
    for tags in [etag.to_owned(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let known = app.get("/docs/docs.js").header("if-none-match", &tags).send().await;
        assert_eq!((known.status(), known.bytes(), known.header("etag")), (304, &b""[..], etag), "{tags}");
        assert_ne!(known.header("content-security-policy"), "");
    }
    let changed = app.get("/docs/docs.js").header("if-none-match", "\"x\"").send().await;
    assert_eq!((changed.status(), changed.text()), (200, whole.text()));
});
