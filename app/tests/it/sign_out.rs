//! Signing in and out where several processes serve.

use serde_json::{Value, json};
use tenfold::data::SystemContext;
use tenfold::testing::{Log, TestApp};
use tenfold::{both_databases, sql};

use crate::new_owner;

/// One that is registered and reads nothing, as if it were dead.
async fn register_a_dead_process(app: &TestApp) {
    let register = async |cx: SystemContext| {
        cx.transaction(async |tx| {
            sql!("test.register", "INSERT INTO tenfold_processes (id, beat, passed) VALUES ($1, 0, '')")
                .bind(tx.new_id())
                .execute(tx)
                .await
        })
        .await
    };
    app.run(register).await.expect("it is registered");
}

both_databases!(app::app(), [("feed.wait", "1s")]; async fn a_sign_out_waits_for_the_other_processes(app) {
    register_a_dead_process(app).await;
    let token = new_owner(app).await;
    let log = Log::start("warn");
    assert_eq!(app.post("/v1/auth/sign-out").bearer(&token).send().await.status(), 204);
    let warned = |line: &Value| line.to_string().contains("is waited for no longer");
    assert!(log.end().iter().any(warned), "it was waited for");
    assert_eq!(app.get("/v1/users").bearer(&token).send().await.status(), 401);
});

both_databases!(app::app(), [("feed.wait", "1s")]; async fn a_sign_in_by_mail_waits_for_no_process(app) {
    let token = new_owner(app).await;
    register_a_dead_process(app).await;
    let email = "owner@new.test";
    assert_eq!(app.post("/v1/auth/link").json(&json!({"email": email})).send().await.status(), 202);
    app.run_due_jobs().await;
    let mails = app.run(async |cx| tenfold_mail::admin::list_mails(&cx, 1).await).await;
    let mails = mails.expect("the outbox can be read");
    let (_, link) = mails[0].text.split_once("#link?token=").expect("the mail has a link");
    let link = json!({"token": link.split_whitespace().next()});
    let log = Log::start("warn");
    let accept = app.post("/v1/auth/link/accept").bearer(&token).json(&link);
    assert_eq!(accept.send().await.status(), 200);
    let warned = |line: &Value| line.to_string().contains("is waited for no longer");
    assert!(!log.end().iter().any(warned), "nothing has ended");
});
