//! Signing out where several processes serve.

use serde_json::Value;
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
