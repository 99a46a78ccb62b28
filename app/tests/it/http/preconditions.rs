//! `If-Match` where it is required.

use tenfold::both_databases;

use crate::{probe, problem};

both_databases!(probe::app(); async fn where_a_tag_is_required_its_absence_is_a_428(app) {
    let answer = app.post("/probe/needs-if-match").send().await;
    assert_eq!(problem(&answer, 428)["type"], "urn:tenfold:problem:precondition-required");
    for seen in ["*", "\"1\""] {
        assert_eq!(app.post("/probe/needs-if-match").header("if-match", seen).send().await.status(), 200);
    }
});
