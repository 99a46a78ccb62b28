//! How long a request may take when its client says how long it waits.

use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::{probe, problem, text};

const TIMEOUT: &str = "x-envoy-expected-rq-timeout-ms";

async fn detail(app: &TestApp, path: &str, milliseconds: &str) -> String {
    let answer = app.get(path).header(TIMEOUT, milliseconds).send().await;
    let refused = problem(&answer, 503);
    assert_eq!(refused["type"], "urn:tenfold:problem:deadline");
    text(&refused["detail"])
}

both_databases!(probe::app(), [("http.deadline", "1h")];
async fn a_client_that_waits_for_less_is_told_so_in_time(app) {
    assert!(detail(app, "/probe/hang", "50").await.contains(TIMEOUT));
});

both_databases!(probe::app(); async fn work_that_comes_too_late_does_not_begin(app) {
    app.forget();
    assert!(detail(app, "/probe/notes", "0").await.contains(TIMEOUT));
    assert_eq!(app.statements().len(), 0);
});

both_databases!(probe::app(); async fn what_was_read_too_late_is_not_given(app) {
    assert!(detail(app, "/probe/late", "10").await.contains(TIMEOUT));
});

both_databases!(probe::app(); async fn what_was_written_is_told_however_late(app) {
    let answer = app.post("/probe/late").header(TIMEOUT, "10").send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
});

both_databases!(probe::app(), [("http.deadline", "100ms"), ("admission.enabled", "false"), ("admission.max_wait", "100ms")];
async fn no_client_waits_for_longer_than_the_service_lets_it(app) {
    assert!(detail(app, "/probe/hang", "3600000").await.contains("http.deadline"));
});

both_databases!(probe::app(); async fn a_time_that_is_no_number_is_as_none(app) {
    for odd in ["", "soon", "-1", "1.5", "99999999999999999999999"] {
        assert_eq!(app.get("/probe/notes").header(TIMEOUT, odd).send().await.status(), 200, "{odd:?}");
    }
});
