//! Access to the console: by the configured password.
//!
//! A sign-in is a signed cookie and needs no row. It is valid in all processes with the same password, even while the
//! database is unavailable, and a new password ends all sign-ins. Signing out stores a row: see [`SignedOut`]. The
//! signing key is derived from the password (argon2id), so a stolen cookie does not make the password quick to guess.

use std::sync::Arc;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use axum::extract::FromRequestParts;
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;
use tenfold::axum;
use tenfold::config::{ConfigError, Loaded, Secret, TimeSpan};
use tenfold::http::{HeaderMap, IntoResponse as _, Response, ServerState, StatusCode, refuse_cross_site};
use tenfold::prelude::*;
use tokio::sync::{OnceCell, Semaphore};

use crate::signed_out::{ConsoleSession, SignedOut};

/// A shorter password is refused at start.
const SHORTEST_PASSWORD: usize = 12;
/// The same in all processes, so that they derive the same key. It also defeats rainbow tables for plain passwords.
const SALT: &[u8] = b"tenfold-console/1";
/// The bytes of a cookie before its MAC: its expiry, and random bytes that make it unique.
const SIGNED: usize = 24;
/// How long a sign-in waits for other sign-ins.
const PATIENCE: Duration = Duration::from_secs(5);

/// `[console]` of the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsoleSettings {
    password: Secret,
    session_lifetime: TimeSpan,
}

impl ConsoleSettings {
    pub(crate) fn read(loaded: &Loaded) -> Result<Self, ConfigError> {
        let settings: ConsoleSettings = loaded.section("console")?;
        let password = &settings.password;
        if !password.is_empty() && password.expose().chars().count() < SHORTEST_PASSWORD {
            let allowed = "it must have at least 12 characters; if it is empty, nobody can sign in";
            loaded.refuse("console.password", allowed)?;
        }
        let allowed = TimeSpan::minutes(1)..=TimeSpan::hours(30 * 24);
        loaded.within("console.session_lifetime", settings.session_lifetime, allowed)?;
        Ok(settings)
    }
}

/// Checks access to the console.
pub(crate) struct Access {
    settings: ConsoleSettings,
    /// Derived when the console is first opened: it costs time and memory that most starts need not spend.
    key: OnceCell<[u8; 32]>,
    /// Only one password is hashed at a time.
    turn: Arc<Semaphore>,
    signed_out: SignedOut,
}

/// Why a sign-in was refused.
pub(crate) enum Refused {
    /// The configuration has no password.
    Closed,
    /// The password is wrong.
    Wrong,
    /// Too many sign-ins at once.
    Busy,
}

impl Access {
    pub(crate) fn start(wiring: &Wiring) -> anyhow::Result<Self> {
        let settings = ConsoleSettings::read(wiring.settings())?;
        Ok(Access {
            settings,
            key: OnceCell::new(),
            turn: Arc::new(Semaphore::new(1)),
            signed_out: SignedOut::default(),
        })
    }

    /// Whether anyone can sign in at all.
    pub(crate) fn is_open(&self) -> bool {
        !self.settings.password.is_empty()
    }

    /// The cookie of a signed-in browser.
    pub(crate) async fn sign_in(
        &self,
        password: String,
        cookie: ConsoleCookie,
        now: Timestamp,
    ) -> anyhow::Result<Result<String, Refused>> {
        if !self.is_open() {
            return Ok(Err(Refused::Closed));
        }
        let stretched = async { anyhow::Ok((self.key().await?, self.stretch(password).await?)) };
        let Ok(stretched) = tokio::time::timeout(PATIENCE, stretched).await else {
            return Ok(Err(Refused::Busy));
        };
        let (key, tried) = stretched?;
        // Compared as MACs, in constant time.
        let same = mac(&key, b"password").verify_slice(&mac(&tried, b"password").finalize().into_bytes());
        if same.is_err() {
            return Ok(Err(Refused::Wrong));
        }
        let lifetime = self.settings.session_lifetime.as_std();
        let mut bytes = [0; SIGNED];
        getrandom::fill(&mut bytes)?;
        bytes[..8].copy_from_slice(&(now + lifetime).as_second().to_be_bytes());
        let tag = mac(&key, &bytes).finalize().into_bytes();
        let token = URL_SAFE_NO_PAD.encode([&bytes[..], &tag[..]].concat());
        Ok(Ok(cookie.text(&token, lifetime)))
    }

    /// Ends the operator's sign-in on the server, so that a copy of its cookie is useless.
    pub(crate) async fn sign_out(&self, cx: &SystemContext, operator: &Operator) {
        if let Err(error) = self.signed_out.end(cx, operator.session).await {
            tracing::warn!(%error, "a sign-in to the console was ended in this process alone");
        }
    }

    /// The sign-in of a cookie, if the cookie is signed and not expired.
    async fn session(
        &self,
        headers: &HeaderMap,
        cookie: ConsoleCookie,
        now: Timestamp,
    ) -> anyhow::Result<Option<ConsoleSession>> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let token = pairs.find(|(name, _)| *name == cookie.name());
        let token = token.and_then(|(_, token)| URL_SAFE_NO_PAD.decode(token).ok());
        let Some((signed, tag)) = token.as_deref().and_then(|token| token.split_at_checked(SIGNED)) else {
            return Ok(None);
        };
        // Without a password there are no sign-ins.
        if !self.is_open() || mac(&self.key().await?, signed).verify_slice(tag).is_err() {
            return Ok(None);
        }
        let (Some(ends), Some(id)) = (signed.first_chunk(), signed.last_chunk()) else { return Ok(None) };
        let session = ConsoleSession { id: *id, ends_at: Timestamp::from_second(i64::from_be_bytes(*ends))? };
        Ok(Some(session).filter(|session| now < session.ends_at))
    }

    async fn key(&self) -> anyhow::Result<[u8; 32]> {
        let make = || self.stretch(self.settings.password.expose().to_owned());
        Ok(*self.key.get_or_try_init(make).await?)
    }

    /// Derives one key at a time. The thread that derives holds the permit, not the request: a client that disconnects
    /// must not let the next derivation start beside it.
    async fn stretch(&self, password: String) -> anyhow::Result<[u8; 32]> {
        let turn = Arc::clone(&self.turn).acquire_owned().await?;
        let stretched = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            stretch(&password)
        });
        stretched.await?.map_err(|error| anyhow::anyhow!("the console's key cannot be made: {error}"))
    }
}

/// How the cookie is written, by `http.public_url`: on https bound to this host and to TLS; otherwise, for
/// development, in the form that browsers accept.
#[derive(Clone, Copy)]
pub(crate) struct ConsoleCookie {
    https: bool,
}

impl ConsoleCookie {
    pub(crate) fn of(state: &ServerState) -> Self {
        ConsoleCookie { https: state.settings().https }
    }

    /// The header that deletes the cookie.
    pub(crate) fn forget(self) -> String {
        self.text("", Duration::ZERO)
    }

    fn name(self) -> &'static str {
        if self.https { "__Host-tenfold-console" } else { "tenfold-console" }
    }

    fn text(self, token: &str, lifetime: Duration) -> String {
        let secure = if self.https { "; Secure" } else { "" };
        let (name, seconds) = (self.name(), lifetime.as_secs());
        format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }
}

fn stretch(password: &str) -> Result<[u8; 32], argon2::Error> {
    let params = Params::new(19 * 1024, 2, 1, Some(32))?;
    let mut key = [0; 32];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(password.as_bytes(), SALT, &mut key)?;
    Ok(key)
}

fn mac(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text);
    mac
}

/// In a handler's signature: the request is signed in to the console. Otherwise a page redirects to the sign-in.
pub(crate) struct Operator {
    session: ConsoleSession,
}

impl FromRequestParts<ServerState> for Operator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Response> {
        let refused = |problem: Problem| problem.into_response();
        let access = Use::<Access>::from_request_parts(parts, state).await.map_err(refused)?;
        refuse_cross_site(&state.settings().origins, &parts.method, &parts.headers).map_err(refused)?;
        let now = state.database().clock().now();
        let session = access.session(&parts.headers, ConsoleCookie::of(state), now).await;
        let session = session.map_err(|error| refused(Problem::internal(error)))?;
        let cx = SystemContext::from_request_parts(parts, state).await.map_err(refused)?;
        match session {
            Some(session) if !access.signed_out.contains(&cx, session).await => {
                return Ok(Operator { session });
            }
            _ => {}
        }
        let mut response = (StatusCode::SEE_OTHER, [("location", "/console/sign-in")]).into_response();
        response.extensions_mut().insert(tenfold::http::Unrecorded);
        Err(response)
    }
}
