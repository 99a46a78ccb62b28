//! Forged sign-ins to the console: each is a guess of its password.

use std::time::Duration;

use serde_json::json;
use tenfold::both_databases;
use tenfold::operators::{console_key, sign_console_token};

use crate::PASSWORD;
use crate::console::form;

both_databases!(app::app(), [("console.password", PASSWORD)]; async fn a_forged_sign_in_is_a_guess_of_the_password(app) {
    let token = |password: &str| {
        let ends_at = app.clock().now() + Duration::from_secs(3600);
        sign_console_token(&console_key(password).unwrap(), "", ends_at).unwrap()
    };
    let shows = async |address: &str, token: &str| {
        let cookie = format!("tenfold-console={token}");
        app.get("/console/why.json").header("cookie", &cookie).from_address(address).send().await.status()
    };
    let (before, stale) = (token(PASSWORD), token("the password of before"));
    assert_eq!(shows("10.0.0.1", &before).await, 200);
    // A browser shows the same one again and again, which is one guess.
    for _ in 0..20 {
        assert_eq!(shows("10.0.0.1", &stale).await, 303);
    }
    assert_eq!(shows("10.0.0.1", &token(PASSWORD)).await, 200);
    for _ in 0..10 {
        assert_eq!(shows("10.0.0.1", &token("a wrong password")).await, 303);
    }
    assert_eq!(shows("10.0.0.1", &token(PASSWORD)).await, 303, "the answer tells whether it is right");
    let bearer = app.post("/console/mcp").bearer(&token(PASSWORD)).from_address("10.0.0.1").json(&json!({}));
    assert_eq!(bearer.send().await.status(), 401);
    let typed = form(app, "/console/sign-in", "password=a+wrong+password").from_address("10.0.0.1");
    assert_eq!(typed.send().await.status(), 429);
    assert_eq!(shows("10.0.0.1", &before).await, 200, "it was right before");
    assert_eq!(shows("10.0.0.2", &token(PASSWORD)).await, 200, "others wait, too");
    app.clock().advance(Duration::from_secs(1));
    assert_eq!(shows("10.0.0.1", &token(PASSWORD)).await, 200);
});
