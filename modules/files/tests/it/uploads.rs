//! Uploads from the first byte to what a browser gets, through HTTP.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use futures_util::FutureExt as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tenfold::data::EntityExt as _;
use tenfold::jobs::{FinishedJob, JobId, QueuedJob};
use tenfold::testing::{TestApp, TestSession};
use tenfold::{SystemContext, both_databases};

use crate::{OWNER, accepted, app, get, processed, stand_ins, text, upload};

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 7]));
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("the picture can be a PNG");
    bytes.into_inner()
}

/// All files in the blob store.
fn blobs(app: &TestApp) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("the store can be read") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(&app.folder().join("files.blobs"), &mut found);
    found
}

both_databases!(app(); async fn a_text_a_table_and_a_picture_become_ready_with_their_facts(app) {
    let token = OWNER;
    let text = processed(app, token, "a.png", "one two\nthree").await;
    assert_eq!((&text["status"], &text["facts"]), (&json!("ready"), &json!({"words": 3})), "{text}");
    assert_eq!(text["content_type"], "text/plain; charset=utf-8");
    let table = processed(app, token, "b", "name,quote\nAda,\"first,\n\"\"line\"\"\"\r\nAlan,x").await;
    assert_eq!((&table["status"], &table["facts"]), (&json!("ready"), &json!({"rows": 2, "columns": 2})));
    assert_eq!(table["content_type"], "text/csv; charset=utf-8");
    let picture = processed(app, token, "c.txt", png(600, 300)).await;
    assert_eq!(picture["facts"], json!({"width": 600, "height": 300}));
    assert_eq!((&picture["content_type"], &picture["percent"]), (&json!("image/png"), &json!(100)));
    let thumbnail = picture["thumbnail"].as_str().expect("a picture has a thumbnail");
    let thumbnail = app.get(thumbnail).bearer(token).send().await;
    assert_eq!((thumbnail.status(), thumbnail.header("content-type")), (200, "image/png"));
    let small = image::load_from_memory(thumbnail.bytes()).expect("the thumbnail is a picture");
    assert_eq!((small.width(), small.height()), (256, 128));
    assert_eq!(processed(app, token, "empty", "").await["facts"], json!({"words": 0}));
    let listed = get(app, token, "/v1/files").await;
    let names: Vec<_> = listed["items"].as_array().expect("items").iter().map(|file| &file["name"]).collect();
    assert_eq!(names, ["empty", "c.txt", "b", "a.png"]);
});

both_databases!(app(); async fn a_page_of_html_is_served_so_that_it_cannot_run(app) {
    let token = OWNER;
    let html = "<!doctype html><script>alert(1)</script>";
    let path = accepted(app, token, "%C3%A4%22.html", html).await;
    app.run_due_jobs().await;
    let content = app.get(&format!("{path}/content")).bearer(token).send().await;
    assert_eq!((content.status(), content.text()), (200, html.to_owned()));
    for (name, value) in [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-disposition", "attachment; filename*=UTF-8''%C3%A4%22.html"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
    ] {
        assert_eq!(content.header(name), value);
    }
});

both_databases!(app(); async fn a_damaged_picture_fails_at_once_with_a_message_and_is_not_tried_again(app) {
    let token = OWNER;
    let mut bytes = png(64, 64);
    bytes.truncate(bytes.len() / 2);
    let file = processed(app, token, "poison.png", bytes).await;
    assert_eq!(file["status"], "failed");
    assert!(file["message"].as_str().is_some_and(|message| message.contains("cannot be read")), "{file}");
    app.clock().advance(Duration::from_secs(60));
    assert_eq!(app.run_due_jobs().await, 0);
});

both_databases!(app(); async fn an_upload_over_quota_is_refused_and_says_what_is_left(app) {
    let token = &*stand_ins::owner_with_a_kib();
    let path = accepted(app, token, "a", vec![b'a'; 1000]).await;
    let refused = upload(app, token, "b", vec![b'b'; 25]).await;
    assert_eq!((refused.status(), &refused.json()["type"]), (402, &json!("urn:tenfold:problem:storage-quota")));
    let detail = refused.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail.contains("free allows 1 KiB") && detail.contains("24 B are left"), "{detail}");
    // A length that is announced is refused before a byte is read.
    let body = futures_util::stream::poll_fn(|_| panic!("the body was read"));
    let post = app.post("/v1/files?name=b").bearer(token).header("content-length", "25").pieces(body);
    assert_eq!(post.send().await.status(), 402);
    assert_eq!(blobs(app).len(), 1);
    accepted(app, token, "c", vec![b'c'; 24]).await;
    // What is deleted makes room.
    assert_eq!(app.delete(&path).bearer(token).send().await.status(), 204);
    accepted(app, token, "d", vec![b'd'; 1000]).await;
});

both_databases!(app(), [("files.max_size", "3 MiB")]; async fn a_file_may_be_longer_than_other_bodies_but_not_too_long(app) {
    let token = OWNER;
    accepted(app, token, "long", vec![b'x'; 3 << 20]).await;
    let refused = upload(app, token, "longer", vec![b'x'; (3 << 20) + 1]).await;
    assert_eq!((refused.status(), &refused.json()["type"]), (413, &json!("urn:tenfold:problem:too-large")));
    assert!(refused.text().contains("3 MiB"), "{}", refused.text());
    assert_eq!(blobs(app).len(), 1);
});

both_databases!(app(); async fn a_checksum_that_is_announced_must_be_that_of_the_bytes(app) {
    let token = OWNER;
    let hash = Sha256::digest(b"hello");
    let digest = format!("sha-512=:AA==:, sha-256=:{}:", base64::engine::general_purpose::STANDARD.encode(hash));
    let hex: String = hash.iter().map(|byte| format!("{byte:02X}")).collect();
    for (name, value) in [("content-digest", &*digest), ("x-checksum-sha256", &*hex)] {
        let post = |body: &'static str| app.post("/v1/files?name=a").bearer(token).header(name, value).body(body);
        assert_eq!(post("hello").send().await.status(), 202);
        let refused = post("hullo").send().await;
        assert_eq!((refused.status(), &refused.json()["type"]), (400, &json!("urn:tenfold:problem:checksum-mismatch")));
    }
    let base64 = base64::engine::general_purpose::STANDARD.encode(hash);
    for malformed in [
        "sha-256=:xx:".to_owned(),
        "sha-256=::".to_owned(),
        "sha-256".to_owned(),
        "garbage".to_owned(),
        format!("sha-256={base64}"),
        format!("sha-256=\"{base64}\""),
        format!("SHA-256=:{base64}:"),
        format!("sha-256=:{base64}:, sha-512"),
        format!("sha-256=:{base64}:, sha-512=:!:"),
        format!("sha-256=:{base64}: sha-512=:AA==:"),
    ] {
        let post = app.post("/v1/files?name=a").bearer(token).header("content-digest", &malformed);
        let answer = post.body("hello").send().await;
        assert_eq!(answer.status(), 400, "{malformed}");
    }
    let two = app.post("/v1/files?name=a").bearer(token).header("content-digest", "sha-512=:AA==:");
    let two = two.header("content-digest", &format!("sha-256=:{base64}:")).body("hullo").send().await;
    assert_eq!(two.json()["type"], "urn:tenfold:problem:checksum-mismatch", "the second header counts as well");
    assert_eq!(blobs(app).len(), 2);
});

both_databases!(app(); async fn an_upload_that_breaks_off_leaves_nothing_behind(app) {
    let token = OWNER;
    let broken = || Err(std::io::Error::other("the line is dead"));
    let pieces = futures_util::stream::iter([Ok(Bytes::from_static(b"half")), broken()]);
    let answer = app.post("/v1/files?name=a").bearer(token).pieces(pieces).send().await;
    assert_eq!(answer.status(), 400, "{}", answer.text());
    assert_eq!(blobs(app), Vec::<PathBuf>::new());
    assert_eq!(get(app, token, "/v1/files").await["items"], json!([]));
});

both_databases!(app(); async fn another_organizations_file_is_not_there_on_any_route(app) {
    let (acme, globex) = (OWNER, TestSession::new(OWNER).of_organization(2).token());
    let path = accepted(app, acme, "a.png", png(8, 8)).await;
    app.run_due_jobs().await;
    for (method, rest) in [("GET", ""), ("GET", "/events"), ("GET", "/content"), ("GET", "/thumbnail"), ("DELETE", "")] {
        let answer = app.request(method, &format!("{path}{rest}")).bearer(&globex).send().await;
        assert_eq!(answer.status(), 404, "{method} {path}{rest}");
    }
    assert_eq!(get(app, &globex, "/v1/files").await["items"], json!([]));
    assert_eq!(get(app, acme, &path).await["status"], "ready");
});

both_databases!(app(); async fn parts_of_a_file_can_be_asked_for_and_what_is_unchanged_is_not_sent(app) {
    let token = OWNER;
    let path = format!("{}/content", accepted(app, token, "a", "0123456789").await);
    app.run_due_jobs().await;
    let whole = app.get(&path).bearer(token).send().await;
    assert_eq!((whole.status(), whole.text(), whole.header("accept-ranges")), (200, "0123456789".to_owned(), "bytes"));
    let etag = whole.header("etag");
    for (range, status, body, content_range) in [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=8-99", 206, "89", "bytes 8-9/10"),
        ("bytes=9-", 206, "9", "bytes 9-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=-99", 206, "0123456789", "bytes 0-9/10"),
        ("bytes=1-2,4-5", 200, "0123456789", ""),
        ("bytes=4-2", 200, "0123456789", ""),
        ("lines=1-2", 200, "0123456789", ""),
    ] {
        let part = app.get(&path).bearer(token).header("range", range).send().await;
        assert_eq!((part.status(), &*part.text()), (status, body), "{range}");
        assert_eq!((part.header("content-range"), part.header("content-length")), (content_range, &*body.len().to_string()));
    }
    let beyond = app.get(&path).bearer(token).header("range", "bytes=10-").send().await;
    assert_eq!((beyond.status(), beyond.header("content-range")), (416, "bytes */10"));
    let known = app.get(&path).bearer(token).header("if-none-match", &format!("\"x\", W/{etag}")).send().await;
    assert_eq!((known.status(), known.bytes()), (304, &b""[..]));
    let changed = app.get(&path).bearer(token).header("range", "bytes=0-1").header("if-range", "\"x\"").send().await;
    assert_eq!(changed.status(), 200);
});

both_databases!(app(); async fn live_events_end_with_the_file_and_resume_behind_the_last_one(app) {
    let token = OWNER;
    let path = accepted(app, token, "a", "one two").await;
    app.run_due_jobs().await;
    let events = app.get(&format!("{path}/events")).bearer(token).send().await;
    assert_eq!((events.status(), events.header("content-type")), (200, "text/event-stream"));
    assert!(events.text().starts_with("id: 101\nevent: ready\ndata: {"), "{}", events.text());
    let resumed = app.get(&format!("{path}/events")).bearer(token).header("last-event-id", "101").send().await;
    assert_eq!((resumed.status(), &*resumed.text()), (200, ":end\n\n"));
});

both_databases!(app(); async fn a_job_that_failed_or_was_killed_goes_on_behind_its_last_step(app) {
    let token = OWNER;
    let path = accepted(app, token, "a.png", png(300, 300)).await;
    let blob = blobs(app).pop().expect("the upload is in the store");
    // The thumbnail cannot take its place: the third step fails.
    let thumbnail = blob.with_extension("thumbnail");
    std::fs::create_dir_all(thumbnail.join("in the way")).expect("a folder can be made");
    app.run_due_jobs().await;
    let file = get(app, token, &path).await;
    assert_eq!((&file["status"], &file["percent"]), (&json!("processing"), &json!(60)));
    assert!(file["message"].as_str().is_some_and(|message| message.contains("the file store is unavailable")), "{file}");
    // Bytes that would fail the first step, which is done already.
    std::fs::remove_dir_all(&thumbnail).expect("the folder can be removed");
    std::fs::write(&blob, png(200, 100)).expect("the blob can be written");
    app.clock().advance(Duration::from_secs(2));
    // Killed as soon as it waits for something.
    let _ = app.run_due_jobs().now_or_never();
    let mut file = json!({"status": "processing"});
    // What was killed may have left a commit on its way, which only the next look sees. The look after that finds that the
    // lease has stood still.
    for _ in 0..100 {
        if file["status"] != "processing" {
            break;
        }
        app.run_due_jobs().await;
        app.clock().advance(Duration::from_secs(10));
        file = get(app, token, &path).await;
    }
    assert_eq!((&file["status"], &file["facts"]), (&json!("ready"), &json!({"width": 200, "height": 100})), "{file}");
});

both_databases!(app(); async fn bytes_that_changed_in_the_store_are_noticed(app) {
    let token = OWNER;
    let path = accepted(app, token, "a", "hello").await;
    std::fs::write(&blobs(app)[0], "hullo").expect("the blob can be written");
    app.run_due_jobs().await;
    let file = get(app, token, &path).await;
    assert_eq!(file["status"], "failed");
    assert!(file["message"].as_str().is_some_and(|message| message.contains("SHA-256")), "{file}");
});

/// The names of the files of which other modules are told that they failed.
async fn told(app: &TestApp) -> Vec<String> {
    let find = async |cx: SystemContext| {
        let kind = FinishedJob::kind.eq(stand_ins::ON_FILE_FAILED.to_owned());
        FinishedJob::query().filter(kind).all(&cx).await
    };
    let deliveries = app.run(find).await.expect("jobs can be read");
    deliveries.iter().map(|delivery| text(&delivery.args["name"])).collect()
}

const PROCESSING: &str = "files.process_upload";

/// The job that processes the one file.
async fn processing(app: &TestApp) -> Option<JobId> {
    queued(app, PROCESSING).await.pop()
}

/// The jobs of a kind that are to be done.
async fn queued(app: &TestApp, kind: &str) -> Vec<JobId> {
    let find = async |cx: SystemContext| {
        QueuedJob::query().filter(QueuedJob::kind.eq(kind.to_owned())).all(&cx).await
    };
    let jobs = app.run(find).await.expect("jobs can be read");
    jobs.iter().map(|job| job.id).collect()
}

both_databases!(app(); async fn a_file_outlasts_a_store_that_is_away(app) {
    let token = OWNER;
    let path = accepted(app, token, "a", "hello").await;
    let (store, away) = (app.folder().join("files.blobs"), app.folder().join("away"));
    std::fs::rename(&store, &away).expect("the store can be taken away");
    for _ in 0..30 {
        app.run_due_jobs().await;
        app.clock().advance(Duration::from_secs(400));
    }
    let file = get(app, token, &path).await;
    assert_eq!(file["status"], "processing");
    assert!(file["message"].as_str().is_some_and(|message| message.contains("waiting: the file store is unavailable")), "{file}");
    let mut events = app.get(&format!("{path}/events")).bearer(token).stream().await;
    let event = events.next().await.expect("an event");
    assert!(event.contains("id: 10w\nevent: progress") || event.contains("id: 0w\nevent: progress"), "{event}");
    std::fs::rename(&away, &store).expect("the store comes back");
    app.run_due_jobs().await;
    assert_eq!(get(app, token, &path).await["status"], "ready");
});

both_databases!(app(); async fn a_file_whose_bytes_are_lost_fails_at_last(app) {
    let token = OWNER;
    let path = accepted(app, token, "a", "hello").await;
    std::fs::remove_file(&blobs(app)[0]).expect("the blob can be removed");
    while processing(app).await.is_some() {
        assert_eq!(get(app, token, &path).await["status"], "processing");
        app.run_due_jobs().await;
        app.clock().advance(Duration::from_secs(3600));
    }
    let file = get(app, token, &path).await;
    assert_eq!((&file["status"], &file["message"]), (&json!("failed"), &json!("it could not be processed")));
    app.run_due_jobs().await;
    assert_eq!(told(app).await, ["a"]);
});

both_databases!(app(); async fn a_file_whose_job_an_operator_ends_fails_at_once(app) {
    let token = OWNER;
    app.run_due_jobs().await;
    let path = accepted(app, token, "a", "hello").await;
    let job = processing(app).await.expect("it is queued");
    app.jobs().cancel(job).await.expect("an operator ends it");
    app.run_due_jobs().await;
    let file = get(app, token, &path).await;
    assert_eq!((&file["status"], &file["message"]), (&json!("failed"), &json!("its processing was cancelled by an operator")));
    assert_eq!(told(app).await, ["a"]);
    app.jobs().retry(job).await.expect("the operator has second thoughts");
    app.run_due_jobs().await;
    let file = get(app, token, &path).await;
    assert_eq!((&file["status"], &file["message"]), (&json!("ready"), &json!("")));
});

both_databases!(app(); async fn after_a_delete_and_a_sweep_the_store_has_nothing_that_no_row_knows(app) {
    let token = OWNER;
    let kept = accepted(app, token, "kept.png", png(8, 8)).await;
    let gone = accepted(app, token, "gone.png", png(9, 9)).await;
    app.run_due_jobs().await;
    assert_eq!(blobs(app).len(), 4);
    assert_eq!(app.delete(&gone).bearer(token).send().await.status(), 204);
    assert_eq!(app.delete(&gone).bearer(token).send().await.status(), 404);
    assert_eq!(app.get(&format!("{gone}/content")).bearer(token).send().await.status(), 404);
    app.run_due_jobs().await;
    assert_eq!(blobs(app).len(), 2);
    // What a killed process leaves: a blob without a row, and one that was being written.
    let orphan = app.run(async |cx| cx.new_id()).await.to_string();
    let tenant = blobs(app)[0].parent().expect("a folder").to_owned();
    for left in [tenant.join(&orphan), app.folder().join("files.blobs/incoming").join(&orphan)] {
        std::fs::write(left, "left").expect("the store can be written");
    }
    app.clock().advance(Duration::from_secs(59 * 60));
    app.run_due_jobs().await;
    assert_eq!(blobs(app).len(), 4, "they may still be under way");
    app.clock().advance(Duration::from_secs(61 * 60));
    app.run_due_jobs().await;
    assert_eq!(blobs(app).len(), 2);
    assert_eq!(get(app, token, &kept).await["status"], "ready");
});
