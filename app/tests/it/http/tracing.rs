//! Under which ids a request is found again: `X-Request-Id` and `traceparent` (W3C Trace Context).

use tenfold::both_databases;

use crate::problem;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

both_databases!(app::app(); async fn a_harmless_request_id_comes_back(app) {
    let long = "x".repeat(64);
    for id in ["a", "from-a.client_7", &long, "019b76da-a800-7023-95dd-03d5a8091139"] {
        for path in ["/healthz", "/nowhere", "/v1/users"] {
            let answer = app.get(path).header("x-request-id", id).send().await;
            assert_eq!(answer.header("x-request-id"), id, "{path}");
        }
    }
});

both_databases!(app::app(); async fn a_request_id_that_could_harm_a_log_is_replaced_by_the_traces(app) {
    // CR and LF never come through: no HTTP library takes them in a header.
    let long = "x".repeat(65);
    let marks = ["<script>", "a;b", "a,b", "a\"b", "a=b", "${jndi:ldap}", "../..", "a%0d%0ab"];
    for id in marks.into_iter().chain(["", " ", "two words", "tab\tin it", &long]) {
        let answer = app.get("/healthz").header("x-request-id", id).send().await;
        let given = answer.header("x-request-id");
        assert!(is_hex(given, 32), "{id:?} gives {given:?}");
        assert_eq!(given, &answer.header("traceparent")[3..35]);
    }
    assert!(is_hex(app.get("/healthz").send().await.header("x-request-id"), 32));
});

both_databases!(app::app(); async fn a_request_belongs_to_its_callers_trace(app) {
    for flags in ["00", "01"] {
        let parent = format!("00-{TRACE}-{SPAN}-{flags}");
        let answer = app.get("/v1/users").header("traceparent", &parent).send().await;
        problem(&answer, 401);
        let given: Vec<&str> = answer.header("traceparent").split('-').collect();
        assert_eq!((given[0], given[1], given[3]), ("00", TRACE, flags));
        assert!(is_hex(given[2], 16) && given[2] != SPAN, "a span of our own: {given:?}");
        assert_eq!(answer.header("x-request-id"), TRACE);
    }
});

both_databases!(app::app(); async fn what_is_no_traceparent_begins_a_new_trace(app) {
    let upper = TRACE.to_uppercase();
    for parent in [
        String::new(),
        "garbage".to_owned(),
        format!("00-{TRACE}-{SPAN}"),
        format!("00-{TRACE}-{SPAN}-01-more"),
        format!("00-{upper}-{SPAN}-01"),
        format!("ff-{TRACE}-{SPAN}-01"),
        format!("00-{}-{SPAN}-01", "0".repeat(32)),
        format!("00-{TRACE}-{}-01", "0".repeat(16)),
        format!("00-{}-{SPAN}-01", &TRACE[1..]),
    ] {
        let mut traces = Vec::new();
        for _ in 0..2 {
            let answer = app.get("/healthz").header("traceparent", &parent).send().await;
            let given: Vec<String> = answer.header("traceparent").split('-').map(str::to_owned).collect();
            assert!(is_hex(&given[1], 32) && is_hex(&given[2], 16), "{parent:?} gives {given:?}");
            assert_ne!(given[1], TRACE);
            traces.push(given[1].clone());
        }
        assert_ne!(traces[0], traces[1], "each request has a trace of its own");
    }
});
