//! The console, as an operator's browser gets it.

use std::time::Duration;

use serde_json::json;
use tenfold::data::{EntityExt as _, SystemContext, Uuid};
use tenfold::jobs::{FinishedJob, JobState, QueuedJob};
use tenfold::prelude::Enqueue as _;
use tenfold::testing::{TestApp, TestRequest, TestResponse};
use tenfold::{both_databases, sql};
use tenfold_auth_api::UserId;
use tenfold_files_api::{FileId, FileReady};

use crate::{new_owner, probe, sign_up, token, upload_a_picture};

pub const PASSWORD: &str = "a long enough password";

const PAGES: [&str; 19] = [
    "/console",
    "/console/endpoints",
    "/console/endpoints/days?name=GET%20/v1/users",
    "/console/statements",
    "/console/modules",
    "/console/deploys",
    "/console/changes",
    "/console/cache",
    "/console/jobs",
    "/console/jobs?state=completed",
    "/console/jobs/019b76da-a800-7023-95dd-03d5a8091139",
    "/console/queues",
    "/console/events",
    "/console/mails",
    "/console/traces",
    "/console/traces?sort=slowest&only=failed",
    "/console/people",
    "/console/log",
    "/console/traces/0af7651916cd43dd8448eb211c80319c",
];

/// Sends a form from the console itself.
pub fn form(app: &TestApp, path: &str, body: &str) -> TestRequest {
    let post = app.post(path).header("sec-fetch-site", "same-origin");
    post.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned())
}

/// Signs in and gives the cookie.
async fn operator(app: &TestApp) -> String {
    let answer = form(app, "/console/sign-in", "password=a+long+enough+password").send().await;
    assert_eq!((answer.status(), answer.header("location")), (303, "/console"), "{}", answer.text());
    let cookie = answer.header("set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    cookie.split(';').next().unwrap_or_default().to_owned()
}

pub async fn page(app: &TestApp, cookie: &str, path: &str) -> TestResponse {
    let answer = app.get(path).header("cookie", cookie).send().await;
    assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    answer
}

/// The id of the job that processes an upload, in the table of jobs.
fn id_of_upload(page: &str) -> String {
    let (before, _) = page.split_once("\"><code>files.process_upload").expect("the job is listed");
    before.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Whether the answer leads to the sign-in.
pub fn is_sent_away(answer: &TestResponse) -> bool {
    (answer.status(), answer.header("location")) == (303, "/console/sign-in")
}

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn whoever_has_not_signed_in_to_the_console_sees_none_of_it(app) {
    app.seed_demo().await;
    let token = token(app, "owner@acme.test").await;
    let cookie = operator(app).await;
    let (name, value) = cookie.split_once('=').expect("a cookie has a name");
    // Neither a session of the application, nor a cookie of other bytes.
    let other = if value.starts_with('A') { "B" } else { "A" };
    let cookies = [
        String::new(),
        format!("tenfold={token}"),
        format!("{name}={token}"),
        format!("{name}={other}{}", &value[1..]),
        format!("{name}={}", &value[..value.len() - 4]),
        format!("{name}="),
    ];
    for path in PAGES {
        for cookie in &cookies {
            let answer = app.get(path).bearer(&token).header("cookie", cookie).send().await;
            assert!(is_sent_away(&answer), "{path} with {cookie:?}: {} {}", answer.status(), answer.text());
        }
    }
    for path in ["/console/jobs/019b76da-a800-7023-95dd-03d5a8091139/retry", "/console/jobs/019b76da-a800-7023-95dd-03d5a8091139/cancel"] {
        assert!(is_sent_away(&form(app, path, "").bearer(&token).send().await), "{path}");
        let from_elsewhere = app.post(path).header("cookie", &cookie).header("sec-fetch-site", "cross-site").send().await;
        assert_eq!(from_elsewhere.status(), 403);
    }
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn a_sign_in_to_the_console_ends_after_its_lifetime(app) {
    let cookie = operator(app).await;
    app.clock().advance(Duration::from_secs(12 * 3600 - 1));
    page(app, &cookie, "/console").await;
    app.clock().advance(Duration::from_secs(1));
    assert!(is_sent_away(&app.get("/console").header("cookie", &cookie).send().await));
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn a_wrong_password_is_refused_and_signing_out_takes_the_cookie_away(app) {
    for wrong in ["", "password=", "password=A+long+enough+password", "user=x", "password=a+long+enough+password&password=x"] {
        let answer = form(app, "/console/sign-in", wrong).send().await;
        assert!(matches!(answer.status(), 400 | 403), "{wrong}: {}", answer.status());
        assert_eq!(answer.header("set-cookie"), "");
    }
    let cookie = operator(app).await;
    let other = operator(app).await;
    let answer = form(app, "/console/sign-out", "").header("cookie", &cookie).send().await;
    assert!(is_sent_away(&answer) && answer.header("set-cookie").contains("Max-Age=0"));
    // A copy of the cookie is of no use, and another sign-in goes on.
    assert!(is_sent_away(&app.get("/console").header("cookie", &cookie).send().await));
    page(app, &other, "/console").await;
    assert_eq!(signed_out(app).await, 1, "other processes know, too");
    app.clock().advance(Duration::from_secs(12 * 3600 - 1));
    assert_eq!(form(app, "/console/sign-out", "").header("cookie", &other).send().await.status(), 303);
    app.clock().advance(Duration::from_secs(60));
    let third = operator(app).await;
    assert_eq!(form(app, "/console/sign-out", "").header("cookie", &third).send().await.status(), 303);
    assert_eq!(signed_out(app).await, 1, "what has ended by itself is forgotten");
});

/// How many sign-ins the database knows to be ended.
async fn signed_out(app: &TestApp) -> i64 {
    let counted: Result<Vec<(i64,)>, tenfold::data::DataError> = app
        .run(async |cx| {
            sql!("test.signed_out", "SELECT count(*) FROM tenfold_console_signed_out").all(&cx).await
        })
        .await;
    counted.expect("rows can be counted")[0].0
}

both_databases!(app::app(); async fn without_a_password_of_the_configuration_nobody_gets_in(app) {
    let answer = app.get("/console/sign-in").send().await;
    assert!(answer.text().contains("console.password"), "{}", answer.text());
    let answer = form(app, "/console/sign-in", "password=").send().await;
    assert_eq!((answer.status(), answer.header("set-cookie")), (200, ""));
    assert!(is_sent_away(&app.get("/console").header("cookie", "tenfold-console=AAAA").send().await));
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn pages_of_the_console_run_nothing_but_their_own_script(app) {
    let cookie = operator(app).await;
    for path in PAGES.into_iter().filter(|path| !path.contains("/jobs/")) {
        let answer = page(app, &cookie, path).await;
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let text = answer.text();
        assert!(!text.contains("style=") && !text.contains("<style") && !text.contains("onclick"), "{path}");
    }
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn an_upload_is_followed_from_its_request_through_its_job_to_the_notification(app) {
    let (token, cookie) = (new_owner(app).await, operator(app).await);
    upload_a_picture(app, &token).await;
    let endpoints = page(app, &cookie, "/console/endpoints").await.text();
    assert!(endpoints.contains("POST /v1/files") && endpoints.contains("POST /v1/auth/sign-up"), "{endpoints}");
    assert!(!endpoints.contains("GET /console"), "the console does not show itself");
    let statements = page(app, &cookie, "/console/statements").await.text();
    assert!(statements.contains("files_files.insert") && statements.contains("modules/files/src/upload.rs:"));
    let traces = page(app, &cookie, "/console/traces?name=POST%20/v1/files").await.text();
    let link = traces.split("href=\"/console/traces/").nth(1).and_then(|rest| rest.split('"').next());
    let trace = page(app, &cookie, &format!("/console/traces/{}", link.expect("the upload's trace is kept"))).await.text();
    let order = ["POST /v1/files", "auth_sessions.authenticate", "billing.storage", "begin a transaction", "files_files.insert", "commit",
        "files.process_upload", "notifications.on_file_ready", "notifications_notifications.insert"];
    let mut rest = &*trace;
    for part in order {
        let Some((_, after)) = rest.split_once(part) else { panic!("{part} is missing, or not in its place:\n{trace}") };
        rest = after;
    }
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn a_job_that_failed_is_shown_with_its_error_and_can_be_tried_again_or_ended(app) {
    let (token, cookie) = (new_owner(app).await, operator(app).await);
    let answer = app.post("/v1/files?name=a").bearer(&token).body("one two").send().await;
    // Its bytes are away for a while, as on a disk that is not mounted.
    let (blobs, away) = (app.folder().join("files.blobs"), app.folder().join("away"));
    std::fs::rename(&blobs, &away).expect("the store can be moved");
    app.run_due_jobs().await;
    let listed = page(app, &cookie, "/console/jobs?state=retryable").await.text();
    assert!(listed.contains("files.process_upload") && listed.contains("No such file"), "{listed}");
    let id = id_of_upload(&listed);
    let job = page(app, &cookie, &format!("/console/jobs/{id}")).await.text();
    assert!(job.contains("retryable") && job.contains("0 of 10") && job.contains("No such file"), "{job}");
    std::fs::rename(&away, &blobs).expect("the store can be moved back");
    let again = form(app, &format!("/console/jobs/{id}/retry"), "").header("cookie", &cookie).send().await;
    assert_eq!((again.status(), again.header("location")), (303, &*format!("/console/jobs/{id}")));
    app.run_due_jobs().await;
    let file = app.get(answer.header("location")).bearer(&token).send().await.json();
    assert_eq!(file["status"], json!("ready"));
    let done = form(app, &format!("/console/jobs/{id}/retry"), "").header("cookie", &cookie).send().await;
    assert_eq!(done.status(), 409, "{}", done.text());

    app.post("/v1/files?name=b").bearer(&token).body("three").send().await;
    let waiting = page(app, &cookie, "/console/jobs?state=available").await.text();
    let id = id_of_upload(&waiting);
    let ended = form(app, &format!("/console/jobs/{id}/cancel"), "").header("cookie", &cookie).send().await;
    assert_eq!(ended.status(), 303, "{}", ended.text());
    let look = async |cx: SystemContext| {
        assert!(QueuedJob::query().filter(QueuedJob::kind.eq("files.process_upload".to_owned())).all(&cx).await?.is_empty());
        let ended = FinishedJob::query().filter(FinishedJob::state.eq(JobState::Cancelled)).all(&cx).await?;
        Ok::<_, tenfold::data::DataError>(ended.len())
    };
    assert_eq!(app.run(look).await.expect("jobs can be read"), 1);
    let gone = form(app, "/console/jobs/019b76da-a800-7023-95dd-03d5a8091139/cancel", "").header("cookie", &cookie).send().await;
    assert_eq!(gone.status(), 404, "{}", gone.text());
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn the_console_costs_as_many_statements_for_many_jobs_as_for_few(app) {
    let (token, cookie) = (new_owner(app).await, operator(app).await);
    let mut costs = Vec::new();
    for files in [2, 20] {
        for number in 0..files {
            app.post(&format!("/v1/files?name={number}")).bearer(&token).body("x").send().await;
        }
        let mut cost = Vec::new();
        for path in ["/console", "/console/jobs?state=available", "/console/jobs?state=completed", "/console/traces"] {
            cost.push((path, page(app, &cookie, path).await.statements()));
        }
        app.run_due_jobs().await;
        costs.push(cost);
    }
    assert_eq!(costs[0], costs[1]);
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn text_of_users_is_text_in_the_console(app) {
    let (_, cookie) = (sign_up(app, "a@new.test").await, operator(app).await);
    let answer = app.get("/%3Cscript%3Ealert(1)%3C/script%3E").send().await;
    assert_eq!(answer.status(), 404);
    let traces = page(app, &cookie, "/console/traces?name=%3Cscript%3Ealert(1)").await.text();
    assert!(traces.contains("&lt;script&gt;alert(1)") && !traces.contains("<script>alert"), "{traces}");
});

/// On PostgreSQL only: SQLite is inside the process.
#[test]
fn the_console_opens_while_the_database_is_away() {
    let settings = [("console.password", PASSWORD)];
    tenfold::testing::run(app::app(), tenfold::data::Dialect::Postgres, &settings, async |app| {
        new_owner(app).await;
        app.database().close().await;
        assert_eq!(app.get("/readyz").send().await.status(), 503);
        let cookie = operator(app).await;
        let overview = page(app, &cookie, "/console").await.text();
        assert!(
            overview.contains("does not answer") && overview.contains("POST /v1/auth/sign-up"),
            "{overview}"
        );
        page(app, &cookie, "/console/statements").await;
        assert_eq!(app.get("/console/jobs").header("cookie", &cookie).send().await.status(), 503);
    });
}

both_databases!(probe::app(), [("console.password", PASSWORD)]; async fn an_n_plus_one_is_on_every_page_with_a_trace_of_it(app) {
    let cookie = operator(app).await;
    for _ in 0..5 {
        assert_eq!(app.post("/probe/notes").send().await.status(), 200);
    }
    assert!(!page(app, &cookie, "/console").await.text().contains("N+1"), "nothing has repeated yet");
    assert_eq!(app.get("/probe/loop").send().await.status(), 200);
    app.take_repeated();
    let overview = page(app, &cookie, "/console").await.text();
    assert!(overview.contains("1 request with an N+1"), "{overview}");
    for path in ["/console", "/console/endpoints", "/console/statements", "/console/traces?only=repeated"] {
        let text = page(app, &cookie, path).await.text();
        let (before, _) = text.split_once(if path.contains("traces") { "GET /probe/loop" } else { "1 N+1<" }).expect(path);
        let link = before.rsplit("href=\"/console/traces/").next().and_then(|rest| rest.split('"').next());
        let trace = page(app, &cookie, &format!("/console/traces/{}", link.expect("a link"))).await.text();
        assert!(trace.contains("probe.note_by_id</code> 5 times") && trace.contains("app/tests/it/probe.rs:"), "{trace}");
    }
});

both_databases!(app::app(), [("console.password", PASSWORD), ("cache.size", "1 MiB")]; async fn the_cache_is_shown_and_cleared(app) {
    let cookie = operator(app).await;
    let shown = async || page(app, &cookie, "/console/cache").await.text();
    assert!(shown().await.contains("No row of a cached entity"), "{}", shown().await);
    // The mail of the sign-up asks for the owner's profile.
    let token = new_owner(app).await;
    let list = async || app.get("/v1/users").bearer(&token).send().await.statements();
    assert_eq!([list().await, list().await], [4, 0]);
    assert!(shown().await.contains(" %</strong> were in memory"), "{}", shown().await);
    let answer = form(app, "/console/cache/clear", "").header("cookie", &cookie).send().await;
    assert_eq!((answer.status(), answer.header("location")), (303, "/console/cache"), "{}", answer.text());
    assert_eq!(list().await, 5);
    // The process may read once more what it has told all processes.
    let mut warm = list().await;
    for _ in 0..50 {
        if warm > 0 {
            warm = list().await;
        }
    }
    assert_eq!(warm, 0);
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn a_queue_is_paused_and_a_schedule_run_by_hand(app) {
    let cookie = operator(app).await;
    let post = async |path: &str, body: &str| form(app, path, body).header("cookie", &cookie).send().await;
    let queues = page(app, &cookie, "/console/queues").await.text();
    assert!(queues.contains("<code>default</code>") && queues.contains("files.sweep"), "{queues}");
    for (verb, is_paused) in [("pause", true), ("resume", false)] {
        let answer = post(&format!("/console/queues/default/{verb}"), "").await;
        assert_eq!((answer.status(), answer.header("location")), (303, "/console/queues"), "{}", answer.text());
        assert_eq!(page(app, &cookie, "/console/queues").await.text().contains("paused"), is_paused);
        // Each process hears of it within a minute, whichever one did it.
        app.each_minute().await;
        let told = page(app, &cookie, "/console/changes").await.text();
        assert!(told.contains(&format!("<td>the queue default was {verb}d</td>")), "{told}");
    }
    assert_eq!(post("/console/queues/nothing/pause", "").await.status(), 404);
    let ran = post("/console/schedules/run", "name=files.sweep").await;
    assert_eq!(ran.status(), 303, "{}", ran.text());
    assert!(page(app, &cookie, ran.header("location")).await.text().contains("available"));
    assert_eq!(post("/console/schedules/run", "name=nothing").await.status(), 404);
});

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn a_parked_delivery_is_replayed(app) {
    let (token, cookie) = (new_owner(app).await, operator(app).await);
    let event = FileReady { file: FileId(Uuid::from_u128(7)), name: "late.txt".to_owned(), user_id: own_id(app, &token).await };
    let publish = async |cx: SystemContext| {
        cx.within(crate::organization(&token)).transaction(async |tx| tx.publish(event).await).await
    };
    app.run(publish).await.expect("the event is published");
    let look = async |cx: SystemContext| {
        QueuedJob::query().filter(QueuedJob::kind.eq("notifications.on_file_ready".to_owned())).all(&cx).await
    };
    let id = app.run(look).await.expect("jobs can be read")[0].id;
    let replay = async || form(app, &format!("/console/events/{id}/replay"), "").header("cookie", &cookie).send().await.status();
    assert_eq!(replay().await, 409);
    app.jobs().cancel(id).await.expect("it waits");
    let events = page(app, &cookie, "/console/events").await.text();
    assert!(events.contains(&format!("/console/events/{id}/replay")), "{events}");
    assert_eq!(replay().await, 303);
    app.run_due_jobs().await;
    let told = app.get("/v1/notifications").bearer(&token).send().await.json();
    assert_eq!(told["items"][0]["body"], "late.txt");
    assert!(!page(app, &cookie, "/console/events").await.text().contains("/replay"));
});

async fn own_id(app: &TestApp, token: &str) -> UserId {
    let session = app.get("/v1/auth/session").bearer(token).send().await.json();
    UserId(Uuid::parse_str(&crate::text(&session["user"]["id"])).expect("an id is a UUID"))
}

both_databases!(app::app(), [("console.password", PASSWORD)];
async fn the_outbox_shows_a_mail_as_its_reader_sees_it(app) {
    new_owner(app).await;
    let cookie = operator(app).await;
    let outbox = page(app, &cookie, "/console/mails").await.text();
    let (_, rest) = outbox.split_once("href=\"/console/mails/").expect("the mail of the sign-up is listed");
    let (id, _) = rest.split_once('"').expect("it is a link");
    assert!(outbox.contains("owner@new.test"), "{outbox}");
    let mail = page(app, &cookie, &format!("/console/mails/{id}")).await;
    assert!(mail.text().contains("#verify?token="), "{}", mail.text());
    assert!(mail.header("content-security-policy").contains("frame-src 'self'"));
    let html = page(app, &cookie, &format!("/console/mails/{id}/html")).await;
    assert!(html.text().contains("Confirm your address"), "{}", html.text());
    let policy = html.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("sandbox") && !policy.contains("allow-scripts"), "{policy}");
    for path in ["/console/mails", &format!("/console/mails/{id}"), &format!("/console/mails/{id}/html")] {
        assert!(is_sent_away(&app.get(path).send().await), "{path} is open to everybody");
    }
});
