//! How a command signs in to the console of a running application: as an operator, or by `console.password`.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tenfold_data::Clock;

use super::plain_http::{PlainAnswer, exchange, reachable};
use crate::config::{Loaded, Secret};
use crate::operators::{CONSOLE_COOKIE, CONSOLE_COOKIE_OF_HTTPS, console_key, sign_console_token};

/// For how long a token holds that a command signs for itself: also where the clocks of two machines differ.
const TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The environment of the commands that sign in as an operator; no settings.
pub(super) const OPERATOR_VARIABLES: &str = "TENFOLD_OPERATOR_";

/// The part of `[console]` that is needed to sign in.
#[derive(Deserialize)]
struct ConsolePassword {
    password: Secret,
}

/// The console has refused what it was shown. The same again would be refused again, and be counted.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct ConsoleRefusal(pub(super) String);

/// The console of an application, and what opens it.
pub(super) struct RemoteConsole {
    /// HOST:PORT.
    pub(super) host: String,
    /// Empty for `console.password`.
    name: String,
    password: Secret,
    code: String,
}

impl RemoteConsole {
    /// The console of the application that listens at `listen`, or of the one at the address `at`. `TENFOLD_OPERATOR_NAME`,
    /// `…_PASSWORD` and `…_CODE` sign in as an operator; without a name it is `console.password`.
    ///
    /// # Errors
    /// The application has no console, `at` is no address, or there is no password.
    pub(super) fn new(
        loaded: &Loaded,
        listen: SocketAddr,
        at: Option<&str>,
        command: &str,
    ) -> anyhow::Result<Self> {
        let console: ConsolePassword = loaded.section("console").with_context(|| {
            format!("`{command}` asks the console, so the application needs the module of tenfold-console")
        })?;
        let host = match at {
            Some(url) => host_of(url)?,
            None => reachable(listen).to_string(),
        };
        let (name, code) = (variable("NAME"), variable("CODE"));
        let password = if name.is_empty() { console.password } else { variable("PASSWORD").into() };
        anyhow::ensure!(
            !password.is_empty(),
            "`{command}` signs in to the console: set console.password, in app.toml or as TENFOLD_CONSOLE__PASSWORD; or \
             {OPERATOR_VARIABLES}NAME, {OPERATOR_VARIABLES}PASSWORD and {OPERATOR_VARIABLES}CODE in the environment"
        );
        Ok(RemoteConsole { host, name, password, code })
    }

    /// Whether it is opened with a code, which works once.
    pub(super) fn takes_code(&self) -> bool {
        !self.name.is_empty()
    }

    /// The token of a sign-in. With `console.password` it is signed here, and nobody is asked: a service that hangs would
    /// be too busy to check a password. Whether the password was right shows when the token is used.
    ///
    /// # Errors
    /// As an operator: the application does not answer; [`ConsoleRefusal`] if it refuses.
    pub(super) async fn token(&self) -> anyhow::Result<String> {
        if self.takes_code() {
            return self.sign_in().await;
        }
        let key = console_key(self.password.expose())?;
        sign_console_token(&key, "", Clock::system().now() + TOKEN_LIFETIME)
    }

    /// Asks for a page, signed in.
    ///
    /// # Errors
    /// The application does not answer; [`ConsoleRefusal`] if it refuses the sign-in.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<PlainAnswer> {
        let token = self.token().await?;
        // Which name the cookie has depends on `http.public_url` of the application.
        let cookie = format!("{CONSOLE_COOKIE}={token}; {CONSOLE_COOKIE_OF_HTTPS}={token}");
        let answer = exchange(&self.host, &format!("GET {path}"), &[("Cookie", &cookie)], "").await?;
        if answer.status == 303 {
            return Err(self.refused().into());
        }
        Ok(answer)
    }

    /// Signs in as an operator, and gives the token.
    async fn sign_in(&self) -> anyhow::Result<String> {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (name, password, code) =
            (encoded(&self.name), encoded(self.password.expose()), encoded(&self.code));
        let form = format!("name={name}&password={password}&code={code}");
        let kind = [("Content-Type", "application/x-www-form-urlencoded")];
        let signed_in = exchange(&self.host, "POST /console/sign-in", &kind, &form).await?;
        match signed_in.status {
            403 => return Err(self.refused().into()),
            429 => {
                let seconds = signed_in.header("retry-after").unwrap_or("60");
                let why = format!(
                    "its console has seen too many wrong sign-ins: start again in {seconds} s, with a new code"
                );
                return Err(ConsoleRefusal(why).into());
            }
            503 => {
                let why = "it is overloaded, and its console takes no sign-ins: ask again in a moment, or ask the address of http.operators, which \
                           has room of its own";
                return Err(ConsoleRefusal(why.to_owned()).into());
            }
            _ => {}
        }
        let cookie = signed_in.header("set-cookie").and_then(|cookie| cookie.split(';').next());
        let token = cookie.and_then(|cookie| Some(cookie.split_once('=')?.1.to_owned()));
        token.with_context(|| format!("its console answers {}", signed_in.status))
    }

    /// What the application has refused.
    pub(super) fn refused(&self) -> ConsoleRefusal {
        ConsoleRefusal(match self.takes_code() {
            true => format!(
                "{OPERATOR_VARIABLES}NAME, {OPERATOR_VARIABLES}PASSWORD or {OPERATOR_VARIABLES}CODE is wrong; a code works once, \
                 within 30 seconds or so: start again with a new one"
            ),
            false => "console.password is not its password, or its clock is an hour ahead".to_owned(),
        })
    }
}

fn variable(name: &str) -> String {
    std::env::var(format!("{OPERATOR_VARIABLES}{name}")).unwrap_or_default()
}

fn host_of(url: &str) -> anyhow::Result<String> {
    let host = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    let host = host.filter(|host| !host.is_empty() && !host.contains(['/', '@', '?', '\r', '\n', ' ']));
    let host = host.with_context(|| format!("`{url}` is no address: write http://HOST:PORT"))?;
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Ok(if has_port { host.to_owned() } else { format!("{host}:80") })
}
