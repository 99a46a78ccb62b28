//! People who come from another system, with a hash of their password.

use tenfold::both_databases;
use tenfold::http::Role;
use tenfold::testing::TestApp;
use tenfold_auth::import::{ImportedPerson, import};

use crate::{PASSWORD, app, new_owner, organization, problem, try_sign_in};

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
        "$scrypt$ln=24,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$xXt6EAFzAOlee5Hgl8R5+kLA6sDARjRcMGtm6fZJsa8",
    ] {
        let refused = bring(app, &owner, ADA, hash).await.expect_err("sign-in could not verify it");
        assert!(hash.is_empty() || !refused.to_string().contains(hash), "the hash is in {refused}");
    }
});
