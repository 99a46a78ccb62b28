//! Which passwords may be chosen, and that one text is one password.

use serde_json::json;
use tenfold::both_databases;
use tenfold::testing::{TestApp, TestResponse};

use crate::{app, problem, text};

async fn choose(app: &TestApp, email: &str, password: &str) -> TestResponse {
    let new = json!({"email": email, "password": password, "organization": "New"});
    app.post("/v1/auth/sign-up").json(&new).send().await
}

async fn status_of_sign_in(app: &TestApp, email: &str, password: &str) -> u16 {
    app.post("/v1/auth/sign-in").json(&json!({"email": email, "password": password})).send().await.status()
}

both_databases!(app(); async fn common_passwords_and_ones_own_address_are_refused(app) {
    for (password, why) in [
        ("password", "most common"),
        ("PassWord", "most common"),
        ("12345678", "most common"),
        ("ｐａｓｓｗｏｒｄ", "most common"),
        ("1q2w3e4r5t", "most common"),
        ("ada.lovelace@new.test", "email address"),
        ("Ada.Lovelace", "email address"),
        ("short77", "at least 8"),
    ] {
        let answer = choose(app, "Ada.Lovelace@new.test", password).await;
        let detail = text(&problem(&answer, 422)["detail"]);
        assert!(detail.contains("password") && detail.contains(why), "{password}: {detail}");
    }
    assert_eq!(choose(app, "ada.lovelace@new.test", "ada.lovelace 1843").await.status(), 201);
});

both_databases!(app(); async fn one_text_is_one_password_however_it_is_composed(app) {
    let (composed, apart) = ("cr\u{e8}me br\u{fb}l\u{e9}e", "cre\u{300}me bru\u{302}le\u{301}e");
    assert_eq!(choose(app, "ada@new.test", apart).await.status(), 201);
    for password in [composed, apart] {
        assert_eq!(status_of_sign_in(app, "ada@new.test", password).await, 200);
    }
    assert_eq!(status_of_sign_in(app, "ada@new.test", "creme brulee").await, 401);
});

both_databases!(app(); async fn a_password_may_have_1024_bytes_and_all_of_them_count(app) {
    let longest = "é".repeat(512);
    assert_eq!(choose(app, "ada@new.test", &longest).await.status(), 201);
    assert_eq!(status_of_sign_in(app, "ada@new.test", &longest).await, 200);
    let other = format!("{}e", "é".repeat(511));
    assert_eq!(status_of_sign_in(app, "ada@new.test", &other).await, 401);
    let answer = choose(app, "bob@new.test", &format!("{longest}x")).await;
    assert!(text(&problem(&answer, 422)["detail"]).contains("1025 bytes: it may have at most 1024"));
});
