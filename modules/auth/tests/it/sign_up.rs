//! `POST /v1/auth/sign-up`.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tenfold::testing::TestApp;
use tenfold::{both_databases, sql};

use crate::{PASSWORD, app, problem, sign_up, text, try_sign_up};

both_databases!(app(); async fn one_address_is_one_account_however_it_is_written(app) {
    sign_up(app, "ada@new.test").await;
    for email in ["ada@new.test", "ADA@new.test", "Ada@New.Test"] {
        let new = json!({"email": email, "password": PASSWORD, "organization": "Second"});
        let answer = app.post("/v1/auth/sign-up").json(&new).send().await;
        problem(&answer, 409);
        assert_eq!(answer.header("set-cookie"), "");
    }
});

both_databases!(app(); async fn what_cannot_be_an_account_is_refused_with_the_name_of_the_field(app) {
    let right = json!({"email": "ada@new.test", "password": PASSWORD, "organization": "New"});
    for (field, wrong) in [
        ("email", json!("ada")),
        ("email", json!("@new.test")),
        ("email", json!("ada@")),
        ("email", json!("ada@new@test")),
        ("email", json!("ada lovelace@new.test")),
        ("email", json!("ada@new.test\n")),
        ("email", json!("a\u{0}da@new.test")),
        ("email", json!(format!("{}@new.test", "a".repeat(250)))),
        ("email", Value::Null),
        ("password", json!("seven77")),
        ("password", json!("x".repeat(1025))),
        ("password", json!("é".repeat(513))),
        ("password", json!("tabs\tare not allowed")),
        ("organization", json!("")),
        ("organization", json!("x".repeat(101))),
        ("organization", json!("nul\u{0}")),
    ] {
        let mut new = right.clone();
        new[field] = wrong.clone();
        let answer = app.post("/v1/auth/sign-up").json(&new).send().await;
        let detail = text(&problem(&answer, 422)["detail"]);
        assert!(detail.contains(field), "{detail:?} does not name {field}");
    }
    let mut unknown = right.clone();
    unknown["admin"] = json!(true);
    problem(&app.post("/v1/auth/sign-up").json(&unknown).send().await, 422);
    assert_eq!(app.post("/v1/auth/sign-up").json(&right).send().await.status(), 201);
});

both_databases!(app(); async fn addresses_that_look_alike_are_one_account(app) {
    sign_up(app, "josé@straße.test").await;
    for email in ["jose\u{301}@straße.test", "JOSÉ@straße.test.", "ｊｏｓé@straße.test", "josé＠straße.test", "josé@straße．test"] {
        let new = json!({"email": email, "password": PASSWORD, "organization": "Second"});
        problem(&app.post("/v1/auth/sign-up").json(&new).send().await, 409);
        let attempt = json!({"email": email, "password": PASSWORD});
        assert_eq!(app.post("/v1/auth/sign-in").json(&attempt).send().await.status(), 200, "{email}");
    }
    // Greek has two small sigmas and one large.
    assert_eq!(sign_up(app, "ΟΔΟΣ@new.test").await["user"]["email"], sign_in_as(app, "οδος@new.test").await);
});

async fn sign_in_as(app: &tenfold::testing::TestApp, email: &str) -> Value {
    let attempt = json!({"email": email, "password": PASSWORD});
    app.post("/v1/auth/sign-in").json(&attempt).send().await.json()["user"]["email"].clone()
}

both_databases!(app(); async fn an_address_that_poses_as_another_is_refused(app) {
    for (email, why) in [
        ("a\u{200b}da@new.test", "invisible character"),
        ("ada\u{ad}@new.test", "invisible character"),
        ("\u{202e}ada@new.test", "invisible character"),
        ("ada@new\u{2060}.test", "invisible character"),
        // With the Cyrillic letter a, and the Greek omicron.
        ("\u{430}da@new.test", "look alike"),
        ("ada@g\u{3bf}\u{3bf}gle.test", "look alike"),
        ("ada@.", "name@example.com"),
        ("ada\u{a0}lovelace@new.test", "name@example.com"),
    ] {
        let new = json!({"email": email, "password": PASSWORD, "organization": "New"});
        let detail = text(&problem(&app.post("/v1/auth/sign-up").json(&new).send().await, 422)["detail"]);
        assert!(detail.contains("email") && detail.contains(why), "{email:?}: {detail}");
    }
    for email in ["ада@почта.test", "юлия.ada@new.test", "δέσποινα@new.test", "田中@例え.test", "o'hara+list@new.test"] {
        sign_up(app, email).await;
    }
});

both_databases!(app(); async fn of_many_who_want_an_address_at_once_one_gets_it(app) {
    let answers = join_all((0..6).map(|_| try_sign_up(app, "ada@new.test"))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
    assert_eq!(rows(app).await, (1, 1));
    assert_eq!(try_sign_up(app, "ADA@new.test").await.status(), 409);
    assert_eq!(try_sign_up(app, "no address").await.status(), 422);
    assert_eq!(rows(app).await, (1, 1));
});

/// How many accounts and organizations there are.
async fn rows(app: &TestApp) -> (i64, i64) {
    let counted = app
        .run(async |cx| {
            let accounts: Vec<(i64,)> =
                sql!("test.accounts", "SELECT count(*) FROM auth_accounts").all(&cx).await?;
            let organizations: Vec<(i64,)> =
                sql!("test.organizations", "SELECT count(*) FROM auth_organizations").all(&cx).await?;
            Ok::<_, tenfold::data::DataError>((accounts[0].0, organizations[0].0))
        })
        .await;
    counted.expect("rows can be counted")
}
