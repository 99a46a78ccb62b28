//! Sign-in with a provider: `cargo test -p tenfold-auth --features providers`, or with the workspace, whose tests have the feature.

mod fake;
mod linking;
mod refusals;
mod sign_in;
mod signer;

use tenfold::data::Dialect;
use tenfold::testing::{TestApp, TestResponse, run};

use self::fake::{CLIENT, FakeProvider, SECRET};
use crate::app;

const ADA: &str = "ada@new.test";

/// Runs a test on an application with providers called `fake`, `github` and `google`, which are the same, and are believed about
/// addresses.
fn with_provider(
    dialect: Dialect,
    settings: &[(&str, &str)],
    test: impl AsyncFnOnce(&TestApp, &FakeProvider),
) {
    let provider = FakeProvider::start();
    let mut all = vec![
        ("http.public_url", "http://app.test"),
        // Longer than a busy machine stands still.
        ("auth.provider_deadline", "60s"),
        ("http.deadline", "120s"),
        ("auth.providers.fake.client_id", CLIENT),
        ("auth.providers.fake.client_secret", SECRET),
        ("auth.providers.fake.issuer", provider.url.as_str()),
        ("auth.providers.fake.title", "Fake & Co"),
        ("auth.providers.fake.link_by_address", "always"),
        ("auth.providers.github.client_id", CLIENT),
        ("auth.providers.github.client_secret", SECRET),
        ("auth.providers.github.issuer", provider.url.as_str()),
        ("auth.providers.github.link_by_address", "always"),
        ("auth.providers.google.client_id", CLIENT),
        ("auth.providers.google.client_secret", SECRET),
        ("auth.providers.google.issuer", provider.url.as_str()),
        ("auth.providers.google.link_by_address", "always"),
    ];
    all.extend(settings.iter().copied());
    run(app(), dialect, &all, async |app| {
        provider.set().now = app.clock().now().as_second();
        test(app, &provider).await;
    });
}

/// A test with a provider, on both databases.
macro_rules! with_both {
    (async fn $name:ident($app:ident, $provider:ident) $body:block) => {
        with_both!([]; async fn $name($app, $provider) $body);
    };
    ($settings:expr; async fn $name:ident($app:ident, $provider:ident) $body:block) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn body($app: &tenfold::testing::TestApp, $provider: &crate::providers::fake::FakeProvider) $body

            #[test]
            fn on_sqlite() {
                crate::providers::with_provider(tenfold::data::Dialect::Sqlite, &$settings, async |app, provider| {
                    body(app, provider).await;
                });
            }

            #[test]
            fn on_postgres() {
                crate::providers::with_provider(tenfold::data::Dialect::Postgres, &$settings, async |app, provider| {
                    body(app, provider).await;
                });
            }
        }
    };
}
use with_both;

/// A browser that was sent to a provider.
struct Trip {
    name: &'static str,
    cookie: String,
    page: String,
}

/// Begins a sign-in.
async fn begin(app: &TestApp, name: &'static str) -> Trip {
    let answer = app.get(&format!("/v1/auth/providers/{name}/start")).send().await;
    assert_eq!(answer.status(), 303, "{}", answer.text());
    let page = answer.header("location").to_owned();
    Trip { name, cookie: cookie_of(&answer), page }
}

/// What a browser sends of an answer's first cookie.
fn cookie_of(answer: &TestResponse) -> String {
    answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

/// Comes back with this query, perhaps in a browser that is signed in.
async fn come_back(app: &TestApp, trip: &Trip, query: &str, session: Option<&str>) -> TestResponse {
    let mut request = app.get(&format!("/v1/auth/providers/{}/callback?{query}", trip.name));
    request = request.header("sec-fetch-site", "cross-site");
    let cookies = match session {
        Some(session) => format!("{}; tenfold={session}", trip.cookie),
        None => trip.cookie.clone(),
    };
    request.header("cookie", &cookies).send().await
}

/// The whole way to a provider and back.
async fn go(app: &TestApp, provider: &FakeProvider, name: &'static str) -> TestResponse {
    let trip = begin(app, name).await;
    let query = provider.agree(&trip.page);
    come_back(app, &trip, &query, None).await
}

/// The token of the session that an answer opens.
fn session_of(answer: &TestResponse) -> String {
    assert_eq!(answer.status(), 303, "{}", answer.text());
    assert_eq!(answer.header("location"), "http://app.test/");
    let cookie = cookie_of(answer);
    cookie.strip_prefix("tenfold=").unwrap_or_else(|| panic!("{cookie} is no session")).to_owned()
}

/// Signs in with the provider; gives the token of the session.
async fn sign_in_there(app: &TestApp, provider: &FakeProvider) -> String {
    session_of(&go(app, provider, "fake").await)
}

/// What the page is told of an answer that signs nobody in.
fn told(answer: &TestResponse) -> String {
    assert_eq!(answer.status(), 303, "{}", answer.text());
    assert!(!answer.header("set-cookie").starts_with("tenfold="), "somebody is signed in");
    let place = answer.header("location");
    place.strip_prefix("http://app.test/#provider?").unwrap_or_else(|| panic!("{place}")).to_owned()
}

/// Who is signed in by a token.
async fn address_of(app: &TestApp, session: &str) -> String {
    let answer = app.get("/v1/auth/session").bearer(session).send().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    crate::text(&answer.json()["user"]["email"])
}
