//! People who come from another system, with a hash of their password.

use serde_json::json;
use tenfold::both_databases;
use tenfold::http::Role;
use tenfold::testing::TestApp;
use tenfold_auth::import::{ImportedPerson, import};

use crate::{
    PASSWORD, app, confirm, is_live, mailed_token, mails_to, new_owner, organization, problem, sign_up, text,
    try_sign_in,
};

const ADA: &str = "ada@new.test";
/// The first test vector of crypt_blowfish.
const BCRYPT: (&str, &str) = ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
/// By Python's `hashlib.scrypt`.
const SCRYPT: (&str, &str) =
    (PASSWORD, "$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$xXt6EAFzAOlee5Hgl8R5+kLA6sDARjRcMGtm6fZJsa8");

async fn bring(app: &TestApp, owner: &str, email: &str, hash: &str) -> anyhow::Result<()> {
    let (email, password_hash) = (email.to_owned(), hash.to_owned());
    let person = ImportedPerson { email, role: Role::Member, password_hash, confirmed_at: None };
    let organization = organization(owner);
    app.run(async |cx| import(&cx, organization, person).await).await.map(drop)
}

/// The names of the statements of a sign-in that works.
async fn sign_in(app: &TestApp, email: &str, password: &str) -> Vec<String> {
    app.forget();
    let answer = try_sign_in(app, email, password).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    app.statements().iter().map(|statement| statement.name.to_string()).collect()
}

both_databases!(app(); async fn a_foreign_hash_is_verified_once_and_hashed_anew(app) {
    let owner = new_owner(app).await;
    for (email, (password, hash)) in [("bcrypt@new.test", BCRYPT), ("scrypt@new.test", SCRYPT)] {
        bring(app, &owner, email, hash).await.expect("it is a good hash");
        problem(&try_sign_in(app, email, "a wrong password").await, 401);
        let renews = |names: &[String]| names.iter().any(|name| name == "auth_accounts.renew_hash");
        assert!(renews(&sign_in(app, email, password).await), "{email} keeps the old hash");
        assert!(!renews(&sign_in(app, email, password).await), "{email} is hashed anew each time");
        problem(&try_sign_in(app, email, "a wrong password").await, 401);
    }
});

both_databases!(app(); async fn a_hash_that_cannot_be_verified_is_refused(app) {
    let owner = new_owner(app).await;
    for hash in [
        "",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$14$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$scrypt$ln=0,r=1048576,p=4$MDEyMzQ1Njc4OWFiY2RlZg$xXt6EAFzAOlee5Hgl8R5+kLA6sDARjRcMGtm6fZJsa8",
        "$scrypt$ln=10,r=4294967295,p=4294967295$MDEyMzQ1Njc4OWFiY2RlZg$xXt6EAFzAOlee5Hgl8R5+kLA6sDARjRcMGtm6fZJsa8",
        "$argon2id$x",
        "$argon2id$v=19$m=4194304,t=1000,p=1$MDEyMzQ1Njc4OWFiY2RlZg$xXt6EAFzAOlee5Hgl8R5+kLA6sDARjRcMGtm6fZJsa8",
        "$argon2id$v=19$m=19456,t=1000,p=1$MDEyMzQ1Njc4OWFiY2RlZg$xXt6EAFzAOlee5Hgl8R5+kLA6sDARjRcMGtm6fZJsa8",
        "$scrypt$ln=24,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$xXt6EAFzAOlee5Hgl8R5+kLA6sDARjRcMGtm6fZJsa8",
    ] {
        let refused = bring(app, &owner, ADA, hash).await.expect_err("sign-in could not verify it");
        assert!(hash.is_empty() || !refused.to_string().contains(hash), "the hash is in {refused}");
    }
});

both_databases!(app(); async fn an_import_takes_the_account_of_a_stranger_away(app) {
    let owner = new_owner(app).await;
    let stranger = text(&sign_up(app, ADA).await["token"]);
    bring(app, &owner, ADA, BCRYPT.1).await.expect("it is a good hash");
    assert!(!is_live(app, &stranger).await, "the stranger is still in");
    problem(&try_sign_in(app, ADA, PASSWORD).await, 401);
    problem(&try_sign_in(app, ADA, BCRYPT.0).await, 401);
    let mails = mails_to(app, ADA).await;
    assert_eq!(mails.last().map(|mail| &*mail.subject), Some("Choose a password"));
    app.post("/v1/auth/forgot").json(&json!({"email": ADA})).send().await;
    let reset = json!({"token": mailed_token(app, ADA, "reset").await, "password": "another good password"});
    assert_eq!(app.post("/v1/auth/reset").json(&reset).send().await.status(), 204);
    assert_eq!(try_sign_in(app, ADA, "another good password").await.status(), 200);
});

both_databases!(app(); async fn an_import_leaves_a_confirmed_account_as_it_is(app) {
    let owner = new_owner(app).await;
    let own = text(&sign_up(app, ADA).await["token"]);
    confirm(app, &own, ADA).await;
    bring(app, &owner, ADA, BCRYPT.1).await.expect("it is a good hash");
    assert!(is_live(app, &own).await, "the person is signed out");
    let session = try_sign_in(app, ADA, PASSWORD).await.json();
    assert_eq!(session["organizations"].as_array().map(Vec::len), Some(2));
});

both_databases!(app(); async fn a_password_of_which_bcrypt_saw_a_part_is_not_hashed_anew(app) {
    let owner = new_owner(app).await;
    // The hash of 72 letters, which is all that bcrypt looks at.
    let hash = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.D7RDOYXakZhsFmh/LdqQNx0kQ424AFS";
    bring(app, &owner, ADA, hash).await.expect("it is a good hash");
    let renews = |names: &[String]| names.iter().any(|name| name == "auth_accounts.renew_hash");
    assert!(!renews(&sign_in(app, ADA, &"x".repeat(80)).await), "a wrong end has become the password");
    assert!(renews(&sign_in(app, ADA, &"x".repeat(72)).await));
    problem(&try_sign_in(app, ADA, &"x".repeat(80)).await, 401);
});
