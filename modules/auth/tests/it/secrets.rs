//! Who reads the database can sign in with nothing that is there.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tenfold::data::{DataError, Dialect};
use tenfold::testing::TestApp;
use tenfold::{both_databases, sql};

use crate::{PASSWORD, app, sign_up, text};

/// The random part of a token, which is all that makes it secret.
fn secret(token: &str) -> Vec<u8> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix("tf_").expect("a token has a prefix"));
    bytes.expect("a token is base64url")[32..48].to_vec()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

both_databases!(app(); async fn the_database_holds_neither_passwords_nor_what_opens_a_session(app) {
    let token = text(&sign_up(app, "ada@new.test").await["token"]);
    let (sessions, accounts) = stored(app).await;
    let secrets = [PASSWORD.as_bytes().to_vec(), token.clone().into_bytes(), secret(&token)];
    assert_eq!((sessions.len(), accounts.len()), (1, 1));
    for (hash,) in sessions {
        assert_eq!(hash.len(), 32, "a SHA-256");
        assert!(secrets.iter().all(|secret| !contains(&hash, secret)));
    }
    for (hash,) in accounts {
        // OWASP's second choice for argon2id.
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(!hash.contains(PASSWORD));
    }
    if app.database().dialect() == Dialect::Sqlite {
        let raw = raw_files(app.database_url());
        assert!(contains(&raw, b"ada@new.test"), "these are not the database's files");
        for secret in secrets {
            assert!(!contains(&raw, &secret), "the file holds {:?}", String::from_utf8_lossy(&secret));
        }
    }
});

type StoredSecrets = (Vec<(Vec<u8>,)>, Vec<(String,)>);

async fn stored(app: &TestApp) -> StoredSecrets {
    let stored = app
        .run(async |cx| {
            let sessions = sql!("test.sessions", "SELECT secret_hash FROM auth_sessions").all(&cx).await?;
            let accounts = sql!("test.accounts", "SELECT password_hash FROM auth_accounts").all(&cx).await?;
            Ok::<_, DataError>((sessions, accounts))
        })
        .await;
    stored.expect("the tables can be read")
}

/// The bytes of an SQLite database with its log.
fn raw_files(url: &str) -> Vec<u8> {
    let path = url.strip_prefix("sqlite:").expect("the address names a file");
    let files = ["", "-wal"].map(|end| std::fs::read(format!("{path}{end}")).unwrap_or_default());
    files.concat()
}

both_databases!(app(); async fn two_accounts_with_one_password_have_different_hashes(app) {
    sign_up(app, "ada@new.test").await;
    sign_up(app, "bob@other.test").await;
    let (_, accounts) = stored(app).await;
    assert_ne!(accounts[0], accounts[1]);
});
