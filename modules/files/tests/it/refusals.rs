//! Uploads that are refused for what they say of themselves.

use tenfold::both_databases;

use crate::{OWNER, app, text, upload};

both_databases!(app(); async fn a_form_is_refused_with_what_to_send_instead(app) {
    let token = OWNER;
    let form = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nbytes\r\n--x--\r\n";
    for content_type in ["multipart/form-data; boundary=x", "Multipart/Form-Data;boundary=x"] {
        let post = app.post("/v1/files?name=a").bearer(token).header("content-type", content_type);
        let refused = post.body(form).send().await.problem(415);
        assert_eq!(refused["type"], "urn:tenfold:problem:media-type");
        assert!(text(&refused["detail"]).contains("application/octet-stream"), "{refused}");
    }
    // What curl sends with --data-binary says nothing of the bytes.
    let post = app.post("/v1/files?name=a").bearer(token);
    let sent = post.header("content-type", "application/x-www-form-urlencoded").body("a=b").send().await;
    assert_eq!(sent.status(), 202);
});

both_databases!(app(); async fn a_name_that_is_no_utf8_is_refused(app) {
    let token = OWNER;
    for name in ["%ED%A0%80", "a%FFb", "%C3"] {
        let refused = upload(app, token, name, "bytes").await.problem(400);
        assert!(text(&refused["detail"]).contains("name: it must be UTF-8"), "{refused}");
    }
    assert_eq!(upload(app, token, "%F0%9F%98%80", "bytes").await.status(), 202);
});

both_databases!(app(); async fn a_name_that_deceives_is_refused(app) {
    for (name, told) in [
        ("%E2%80%8B", "name: a name needs at least one visible character"),
        // It would look like `a exe.jpg`.
        ("a%E2%80%AEgpj.exe", "name: the character U+202E is not allowed in a name"),
    ] {
        let refused = upload(app, OWNER, name, "bytes").await.problem(400);
        assert!(text(&refused["detail"]).starts_with(told), "{refused}");
    }
});
