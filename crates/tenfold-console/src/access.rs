//! Access to the console: by an operator's name, password and code, or by the configured password.
//!
//! An operator's cookie is signed with a key of the operator's row, which is read at each request: who is removed or gets a new
//! password is signed out at once. While the database is unavailable, an operator whom this process knows may look, and not act.
//!
//! The sign-in by the configured password is for one who has no name. It is a signed cookie and needs no row. It is valid in all
//! processes with the same password, even while the database is unavailable, and a new password ends all sign-ins. Signing out stores a
//! row: see [`SignedOut`]. The signing key is derived from the password, see [`console_key`](tenfold::operators::console_key): commands
//! that know the password sign for themselves.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use tenfold::axum;
use tenfold::config::{ConfigError, Loaded, Secret, TimeSpan};
use tenfold::credentials::argon2id;
use tenfold::http::{
    ClientAddress, HeaderMap, IntoResponse as _, Response, ServerState, StatusCode, cookie, refuse_cross_site,
};
use tenfold::operators::{
    self, CONSOLE_COOKIE, CONSOLE_COOKIE_OF_HTTPS, CodeUse, ConsoleToken, NamedOperator, OperatorRole,
    is_same_key, sign_console_token,
};
use tenfold::prelude::*;

use crate::hash_door::{ConsoleAddress, HashDoor};
use crate::known::KnownOperators;
use crate::signed_out::{ConsoleSession, SignedOut};

/// A shorter password is refused at start.
const SHORTEST_PASSWORD: usize = 12;
/// How long a sign-in waits for other sign-ins.
const PATIENCE: Duration = Duration::from_secs(5);

/// The part of `[console]` that is about signing in.
#[derive(Deserialize)]
pub(crate) struct ConsoleSettings {
    password: Secret,
    session_lifetime: TimeSpan,
}

impl ConsoleSettings {
    pub(crate) fn read(loaded: &Loaded) -> Result<Self, ConfigError> {
        let settings: ConsoleSettings = loaded.section("console")?;
        let password = &settings.password;
        if !password.is_empty() && password.expose().chars().count() < SHORTEST_PASSWORD {
            let allowed = "it must have at least 12 characters; if it is empty, only operators can sign in";
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
    /// Anybody can try a password at the service's address: that must not keep out who comes to `http.operators`.
    service: HashDoor,
    operators: HashDoor,
    signed_out: SignedOut,
    known: KnownOperators,
}

/// What somebody types to sign in.
pub(crate) struct TypedCredentials {
    /// Empty for the configured password.
    pub name: String,
    pub password: String,
    pub code: String,
}

/// Why a sign-in was refused.
pub(crate) enum Refused {
    /// The configuration has no password.
    Closed,
    /// The name, the password or the code is wrong.
    Wrong,
    /// There were too many wrong attempts from this network, or too many wrong codes: nothing is tried before this time is over.
    Blocked(Duration),
    /// Too many sign-ins at once, in all or from one network.
    Busy,
}

impl Access {
    pub(crate) fn start(wiring: &Wiring) -> anyhow::Result<Self> {
        let settings = ConsoleSettings::read(wiring.settings())?;
        let (service, operators) = (HashDoor::new(), HashDoor::new());
        let (signed_out, known) = (SignedOut::default(), KnownOperators::default());
        Ok(Access { settings, service, operators, signed_out, known })
    }

    fn door(&self, address: ConsoleAddress) -> &HashDoor {
        match address {
            ConsoleAddress::Service => &self.service,
            ConsoleAddress::Operators => &self.operators,
        }
    }

    /// Whether the configuration has a password.
    pub(crate) fn has_password(&self) -> bool {
        !self.settings.password.is_empty()
    }

    /// The cookie of a signed-in browser.
    pub(crate) async fn sign_in(
        &self,
        cx: &SystemContext,
        client: ClientAddress,
        typed: TypedCredentials,
        (cookie, address): (ConsoleCookie, ConsoleAddress),
    ) -> anyhow::Result<Result<String, Refused>> {
        let door = self.door(address);
        // Before anything that was typed is looked at: the answer says nothing about it.
        if let Some(wait) = door.wrong.wait(client, cx.now()) {
            return Ok(Err(Refused::Blocked(wait)));
        }
        let Ok(_place) = door.enter(client) else { return Ok(Err(Refused::Busy)) };
        let checked = async {
            if typed.name.is_empty() {
                self.check_password(door, typed).await
            } else {
                check_operator(cx, door, typed).await
            }
        };
        let Ok(checked) = tokio::time::timeout(PATIENCE, checked).await else {
            return Ok(Err(Refused::Busy));
        };
        let (name, key) = match checked? {
            Ok(found) => found,
            Err(refused) => {
                if matches!(refused, Refused::Wrong) {
                    door.wrong.count(client, cx.now());
                }
                return Ok(Err(refused));
            }
        };
        let lifetime = self.settings.session_lifetime.as_std();
        let token = sign_console_token(&key, &name, cx.now() + lifetime)?;
        Ok(Ok(cookie.text(&token, lifetime)))
    }

    /// The key that signs the cookie, if this is the configured password.
    async fn check_password(
        &self,
        door: &HashDoor,
        typed: TypedCredentials,
    ) -> anyhow::Result<Result<(String, Vec<u8>), Refused>> {
        if !self.has_password() {
            return Ok(Err(Refused::Closed));
        }
        let (key, tried) =
            (door.key(self.settings.password.expose()).await?, door.stretch(typed.password).await?);
        Ok(if is_same_key(&key, &tried) { Ok((String::new(), key.to_vec())) } else { Err(Refused::Wrong) })
    }

    /// Ends the operator's sign-in on the server, so that a copy of its cookie is useless.
    pub(crate) async fn sign_out(&self, cx: &SystemContext, operator: &Operator) {
        if let Err(error) = self.signed_out.end(cx, operator.session).await {
            tracing::warn!(%error, "a sign-in to the console was ended in this process alone");
        }
    }

    /// The operator of a sign-in's token, if the token is signed, and the sign-in has not ended. A token that the configured password has not
    /// signed counts as a wrong sign-in.
    pub(crate) async fn operator(
        &self,
        cx: &SystemContext,
        token: &str,
        (client, address): (ClientAddress, ConsoleAddress),
    ) -> anyhow::Result<Option<Operator>> {
        let Some(token) = ConsoleToken::read(token) else { return Ok(None) };
        let door = self.door(address);
        let is_guess = token.name.is_empty() && !door.seen.was_right(&token);
        if is_guess && door.wrong.wait(client, cx.now()).is_some() {
            return Ok(None);
        }
        let Some((name, role, key)) = self.signer(cx, &token.name, door).await? else {
            return Ok(None);
        };
        let is_signed = token.is_signed(&key);
        if is_guess && is_signed {
            door.seen.remember_right(&token);
        } else if is_guess && door.seen.remember_wrong(&token) {
            door.wrong.count(client, cx.now());
            tracing::warn!("somebody showed the console a sign-in that its password has not signed");
        }
        let session = ConsoleSession { id: token.id, ends_at: token.ends_at };
        if !is_signed || session.ends_at <= cx.now() || self.signed_out.contains(cx, session).await {
            return Ok(None);
        }
        Ok(Some(Operator { session, name, role }))
    }

    /// Who has signed a cookie with this name, what that one may do, and the key.
    async fn signer(
        &self,
        cx: &SystemContext,
        name: &str,
        door: &HashDoor,
    ) -> anyhow::Result<Option<(String, OperatorRole, Vec<u8>)>> {
        if !name.is_empty() {
            let found = self.known.find(cx, name).await;
            return Ok(found.map(|NamedOperator { name, role, cookie_key, .. }| (name, role, cookie_key)));
        }
        // Without a password there are no sign-ins with it.
        if !self.has_password() {
            return Ok(None);
        }
        Ok(Some((
            String::new(),
            OperatorRole::Act,
            door.key(self.settings.password.expose()).await?.to_vec(),
        )))
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

    /// The token in a request's cookie, if there is one.
    fn token(self, headers: &HeaderMap) -> Option<&str> {
        cookie(headers, self.name())
    }

    /// The header that deletes the cookie.
    pub(crate) fn forget(self) -> String {
        self.text("", Duration::ZERO)
    }

    pub(crate) fn name(self) -> &'static str {
        if self.https { CONSOLE_COOKIE_OF_HTTPS } else { CONSOLE_COOKIE }
    }

    fn text(self, token: &str, lifetime: Duration) -> String {
        let secure = if self.https { "; Secure" } else { "" };
        let (name, seconds) = (self.name(), lifetime.as_secs());
        format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }
}

/// The name and the key that signs the cookie, if the password and the code are the operator's.
async fn check_operator(
    cx: &SystemContext,
    door: &HashDoor,
    typed: TypedCredentials,
) -> anyhow::Result<Result<(String, Vec<u8>), Refused>> {
    let decoy = door.decoy().await?;
    let turn = door.turn().await?;
    // Read after the wait, which may have been long.
    let operator = operators::find(cx, &typed.name).await?;
    let stored = operator.as_ref().map_or(decoy, |operator| &operator.password_hash).clone();
    let compared = tenfold::compute(move || {
        let _turn = turn;
        argon2id::matches(&typed.password, &stored)
    });
    let (true, Some(operator)) = (compared.await?, operator) else { return Ok(Err(Refused::Wrong)) };
    Ok(match operators::use_code(cx, &operator, &typed.code).await? {
        CodeUse::Used => Ok((operator.name, operator.cookie_key)),
        CodeUse::Wrong => Err(Refused::Wrong),
        CodeUse::Blocked(until) => {
            let wait = Duration::try_from(until.duration_since(cx.now())).unwrap_or_default();
            Err(Refused::Blocked(wait))
        }
    })
}

/// In a handler's signature: the request is signed in to the console. Otherwise a page redirects to the sign-in.
pub(crate) struct Operator {
    session: ConsoleSession,
    /// Empty for the one who has signed in with the configured password.
    name: String,
    role: OperatorRole,
}

impl FromRequestParts<ServerState> for Operator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Response> {
        let refused = |problem: Problem| problem.into_response();
        let access = Use::<Access>::from_request_parts(parts, state).await.map_err(refused)?;
        refuse_cross_site(&state.settings().origins, &parts.method, &parts.headers).map_err(refused)?;
        let cx = SystemContext::from_request_parts(parts, state).await.map_err(refused)?;
        let client = ClientAddress::from_request_parts(parts, state).await.map_err(refused)?;
        let token = ConsoleCookie::of(state).token(&parts.headers).unwrap_or_default();
        let operator = access.operator(&cx, token, (client, ConsoleAddress::of(state))).await;
        if let Some(operator) = operator.map_err(|error| refused(Problem::internal(error)))? {
            return Ok(operator);
        }
        let mut response = (StatusCode::SEE_OTHER, [("location", "/console/sign-in")]).into_response();
        response.extensions_mut().insert(tenfold::http::Unrecorded);
        Err(response)
    }
}

impl Operator {
    /// Whether the role allows to change things.
    pub(crate) fn may_act(&self) -> bool {
        self.role == OperatorRole::Act
    }

    /// The same operator, if the role allows to change things.
    ///
    /// # Errors
    /// A 403 that says how to get the role.
    pub(crate) fn acting(self, cx: SystemContext) -> Result<Acting, Problem> {
        if self.may_act() {
            return Ok(Acting { cx, name: self.name });
        }
        let refused = Problem::new(StatusCode::FORBIDDEN, "operator-may-look", "You may look, and not act");
        Err(refused.detail(MAY_LOOK))
    }
}

/// What an operator does who may look and wants to act.
pub(crate) const MAY_LOOK: &str = "ask for the role: app operator add NAME --role act";

/// In a handler's signature: an [`Operator`] who may change things, and see what lets one act as another, such as the links in mails.
/// Otherwise a 403.
pub(crate) struct Acting {
    cx: SystemContext,
    name: String,
}

impl Acting {
    /// Notes in the log what is about to be done, and to what.
    ///
    /// # Errors
    /// It cannot be noted: then it must not be done.
    pub(crate) async fn note(&self, act: &str, about: &str) -> Result<(), DataError> {
        tracing::info!(operator = self.name, act, about, "an operator acts");
        operators::record_act(&self.cx, &self.name, act, about).await
    }
}

impl FromRequestParts<ServerState> for Acting {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Response> {
        let operator = Operator::from_request_parts(parts, state).await?;
        let cx = SystemContext::from_request_parts(parts, state).await.map_err(Problem::into_response)?;
        operator.acting(cx).map_err(Problem::into_response)
    }
}
