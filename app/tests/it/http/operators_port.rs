//! The second port, which answers when the service cannot.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use harness::wire::{HttpConnection, HttpRequest};
use tenfold::both_databases;

use super::going_away::until;
use crate::console::PASSWORD;

const PORT: [(&str, &str); 1] = [("http.operators", "127.0.0.1:0")];
/// The threads of a test's runtime, besides the one that runs the test.
const WORKERS: usize = 2;

/// Blocks all threads of the runtime while `work` runs, which must not wait for any of them.
fn with_all_threads_blocked<T>(work: impl FnOnce() -> T) -> T {
    let (blocked, free) = (Arc::new(Barrier::new(WORKERS + 1)), Arc::new(Barrier::new(WORKERS + 1)));
    for _ in 0..WORKERS {
        let (blocked, free) = (Arc::clone(&blocked), Arc::clone(&free));
        #[expect(clippy::disallowed_methods, reason = "it is the test's own")]
        tokio::spawn(async move {
            blocked.wait();
            free.wait();
        });
    }
    blocked.wait();
    let done = work();
    free.wait();
    done
}

fn ask(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let answer = HttpConnection::open(&address.to_string())?.ask(&HttpRequest::get(path))?;
    Ok((answer.status, answer.text()))
}

both_databases!(app::app(), PORT; async fn operators_are_answered_while_all_threads_are_blocked(app) {
    app.listen(async |service| {
        app.listen_for_operators(async |operators| {
            let paths = ["/healthz", "/readyz", "/metrics", "/console/sign-in", "/console"];
            let (answers, service_answers) = with_all_threads_blocked(|| {
                let mut connection = HttpConnection::open(&service.to_string()).expect("the system takes it");
                connection.send(&HttpRequest::get("/healthz").bytes()).expect("the system takes it");
                let answers: Vec<_> = paths.iter().map(|path| ask(operators, path)).collect();
                (answers, connection.has_answer_within(Duration::from_millis(100)))
            });
            assert!(!service_answers, "the service's own port has a thread left");
            for (path, answer) in paths.iter().zip(answers) {
                let (status, text) = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
                let expected = if *path == "/console" { 303 } else { 200 };
                assert_eq!(status, expected, "{path}: {text}");
            }
        })
        .await;
    })
    .await;
});

both_databases!(app::app(), PORT; async fn a_service_whose_threads_stand_still_is_not_ready(app) {
    app.listen_for_operators(async |operators| {
        let refusal = with_all_threads_blocked(|| {
            let mut connection = HttpConnection::open(&operators.to_string()).expect("the system takes it");
            let began = Instant::now();
            loop {
                let answer = connection.ask(&HttpRequest::get("/readyz")).expect("an answer");
                if answer.status != 200 {
                    let health = connection.ask(&HttpRequest::get("/healthz")).expect("an answer").status;
                    return (answer.status, answer.text(), health);
                }
                assert!(began.elapsed() < Duration::from_secs(60), "nothing shows");
            }
        });
        let (status, text, health) = refusal;
        assert!(status == 503 && text.contains("problem:stands-still"), "{status}: {text}");
        assert_eq!(health, 200, "it may be busy: that is no reason to restart it");
        until("it is ready again", async || ask(operators, "/readyz").expect("an answer").0 == 200).await;
    })
    .await;
});

both_databases!(app::app(), PORT; async fn a_service_that_stops_is_not_ready_but_healthy(app) {
    app.listen_for_operators(async |operators| {
        let of = |path| ask(operators, path).expect("an answer");
        assert_eq!(of("/readyz").0, 200);
        app.begin_to_stop();
        let (status, text) = of("/readyz");
        assert!(status == 503 && text.contains("problem:stopping"), "{status}: {text}");
        assert_eq!(of("/healthz").0, 200);
    })
    .await;
});

both_databases!(app::app(), PORT; async fn the_operators_port_has_no_other_paths(app) {
    app.listen_for_operators(async |operators| {
        let of = |path| ask(operators, path).expect("an answer");
        for path in ["/", "/v1/users", "/v1/live", "/docs", "/openapi.json"] {
            assert_eq!(of(path).0, 404, "{path}");
        }
        let figure = "tenfold_http_buffer_limit_bytes 50331648";
        assert!(of("/metrics").1.contains(figure), "it tells of the service, not of itself");
    })
    .await;
});

/// What the attributes `href` and `src` of a page name on its own origin.
fn links(page: &str) -> Vec<String> {
    let values = page.split([' ', '<']).filter_map(|word| {
        let rest = word.strip_prefix("href=\"").or_else(|| word.strip_prefix("src=\""))?;
        rest.split_once('"').map(|(value, _)| value.replace("&amp;", "&"))
    });
    values.filter(|value| value.starts_with('/')).collect()
}

/// Signs in to the console there, and gives the cookie.
fn sign_in(address: SocketAddr) -> String {
    let form = HttpRequest::post("/console/sign-in").header("sec-fetch-site", "same-origin");
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    let form = form.body(format!("password={}", PASSWORD.replace(' ', "+")));
    let mut connection = HttpConnection::open(&address.to_string()).expect("the system takes it");
    let answer = connection.ask(&form).expect("an answer");
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

both_databases!(app::app(), [("http.operators", "127.0.0.1:0"), ("console.password", PASSWORD)];
async fn the_operators_port_has_all_that_its_pages_link_to(app) {
    app.listen_for_operators(async |operators| {
        let cookie = sign_in(operators);
        let mut connection = HttpConnection::open(&operators.to_string()).expect("the system takes it");
        let (mut ahead, mut seen) = (vec!["/console".to_owned(), "/console/sign-in".to_owned()], BTreeSet::new());
        while let Some(link) = ahead.pop() {
            let path = link.split(['?', '#']).next().unwrap_or_default();
            if !seen.insert(path.to_owned()) {
                continue;
            }
            let answer = connection.ask(&HttpRequest::get(&link).header("cookie", &cookie)).expect("an answer");
            assert_eq!(answer.status, 200, "{link}");
            if answer.header("content-type").starts_with("text/html") {
                ahead.extend(links(&answer.text()));
            }
        }
        for expected in ["/look.css", "/console/console.css", "/console/console.js", "/console/deploys"] {
            assert!(seen.contains(expected), "{expected} is not linked: {seen:?}");
        }
    })
    .await;
});
