//! Sessions that are opened while all of an account end.

use std::time::Duration;

use futures_util::future::{join, join_all, join3};
use serde_json::json;
use tenfold::both_databases;
use tenfold::testing::TestApp;

use crate::{PASSWORD, app, confirmed, is_live, mailed_token, sign_up, text, try_sign_in, use_token};

const ADA: &str = "ada@new.test";

/// Signs in with the first password a while, and gives the tokens that came of it.
async fn sign_ins(app: &TestApp) -> Vec<String> {
    let answers = join_all((0..10).map(|_| try_sign_in(app, ADA, PASSWORD))).await;
    answers
        .iter()
        .filter(|answer| answer.status() == 200)
        .map(|answer| text(&answer.json()["token"]))
        .collect()
}

async fn expect_none_live(app: &TestApp, tokens: &[String]) {
    for token in tokens {
        assert!(!is_live(app, token).await, "a session that was being opened goes on");
    }
}

both_databases!(app(); async fn no_sign_in_with_the_old_password_outlives_a_reset(app) {
    confirmed(app, ADA).await;
    app.post("/v1/auth/forgot").json(&json!({"email": ADA})).send().await;
    let reset = json!({"token": mailed_token(app, ADA, "reset").await, "password": "another good password"});
    let reset = async {
        assert_eq!(app.post("/v1/auth/reset").json(&reset).send().await.status(), 204);
    };
    let ((), tokens) = join(reset, sign_ins(app)).await;
    expect_none_live(app, &tokens).await;
    // Those with the old password were counted.
    app.clock().advance(Duration::from_secs(3600));
    assert_eq!(try_sign_in(app, ADA, "another good password").await.status(), 200);
});

both_databases!(app(); async fn no_sign_in_of_a_stranger_outlives_a_claim(app) {
    sign_up(app, ADA).await;
    app.post("/v1/auth/link").json(&json!({"email": ADA})).send().await;
    let token = mailed_token(app, ADA, "link").await;
    let (tokens, claimed) = join(sign_ins(app), use_token(app, "/v1/auth/link/accept", &token)).await;
    assert_eq!(claimed.status(), 200, "{}", claimed.text());
    expect_none_live(app, &tokens).await;
});

both_databases!(app(); async fn nothing_that_a_stranger_makes_meanwhile_outlives_a_claim(app) {
    let stranger = text(&sign_up(app, ADA).await["token"]);
    let token = mailed_token(app, ADA, "verify").await;
    assert_eq!(use_token(app, "/v1/auth/verify", &token).await.status(), 204);
    app.post("/v1/auth/link").json(&json!({"email": ADA})).send().await;
    let token = mailed_token(app, ADA, "link").await;
    let addresses: Vec<String> = (0..10).map(|number| format!("eve{number}@elsewhere.test")).collect();
    let makes = join_all(addresses.iter().map(|address| crate::invite(app, &stranger, address, "admin")));
    let (_, claimed) = join(makes, use_token(app, "/v1/auth/link/accept", &token)).await;
    assert_eq!(claimed.status(), 200, "{}", claimed.text());
    let own = text(&claimed.json()["token"]);
    let left = app.get("/v1/invitations").bearer(&own).send().await.json();
    assert_eq!(left["items"], json!([]));
});

both_databases!(app(); async fn no_switch_of_a_thief_outlives_the_end_of_all_sessions(app) {
    let own = text(&sign_up(app, ADA).await["token"]);
    let thief = try_sign_in(app, ADA, PASSWORD).await.json();
    let (token, switch) = (text(&thief["token"]), json!({"organization": thief["organization"]["id"]}));
    let switches = || join_all((0..10).map(|_| app.post("/v1/auth/switch").bearer(&token).json(&switch).send()));
    let end = app.delete("/v1/auth/sessions").bearer(&own).send();
    let (before, ended, after) = join3(switches(), end, switches()).await;
    assert_eq!(ended.status(), 204);
    let opened = before.iter().chain(&after).filter(|answer| answer.status() == 200);
    let tokens: Vec<String> = opened.map(|answer| text(&answer.json()["token"])).collect();
    expect_none_live(app, &tokens).await;
});

both_databases!(app(); async fn links_of_one_account_that_are_used_at_once_all_get_an_answer(app) {
    confirmed(app, ADA).await;
    let mut tokens = Vec::new();
    for path in ["/v1/auth/forgot", "/v1/auth/link"] {
        app.post(path).json(&json!({"email": ADA})).send().await;
        let page = if path.ends_with("link") { "link" } else { "reset" };
        tokens.push(mailed_token(app, ADA, page).await);
    }
    let reset = json!({"token": tokens[0], "password": "another good password"});
    let reset = app.post("/v1/auth/reset").json(&reset).send();
    let (reset, linked) = join(reset, use_token(app, "/v1/auth/link/accept", &tokens[1])).await;
    assert_eq!(reset.status(), 204, "{}", reset.text());
    assert!([200, 404].contains(&linked.status()), "{}", linked.text());
});
