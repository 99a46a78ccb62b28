//! `/console/sign-in` and `/console/sign-out`.

use axum::extract::Form;
use axum::extract::rejection::FormRejection;
use maud::{Markup, html};
use serde::Deserialize;
use tenfold::axum;
use tenfold::config::Secret;
use tenfold::http::{
    ClientAddress, HeaderValue, IntoResponse as _, OwnOrigin, Response, ServerState, State, StatusCode,
    Unrecorded, header,
};
use tenfold::prelude::*;

use crate::access::{Access, ConsoleCookie, Operator, Refused, TypedCredentials};
use crate::hash_door::ConsoleAddress;
use crate::layout::outside;

#[derive(Deserialize)]
pub(crate) struct ConsoleSignIn {
    #[serde(default)]
    name: String,
    password: Secret,
    #[serde(default)]
    code: String,
}

pub(crate) async fn form(access: Use<Access>) -> Response {
    show(&access, None)
}

pub(crate) async fn sign_in(
    cx: SystemContext,
    State(state): State<ServerState>,
    _: OwnOrigin,
    client: ClientAddress,
    access: Use<Access>,
    form: Result<Form<ConsoleSignIn>, FormRejection>,
) -> Result<Response, Problem> {
    let Ok(Form(ConsoleSignIn { name, password, code })) = form else {
        let fields =
            "the form has a field `password`, and may have `name` and `code`, of up to http.body_limit";
        return Err(Problem::bad_request(fields));
    };
    let is_named = !name.is_empty();
    let wrong = if is_named { "Wrong name, password or code." } else { "Wrong password." };
    let typed = TypedCredentials { name, password: password.expose().to_owned(), code };
    let at = (ConsoleCookie::of(&state), ConsoleAddress::of(&state));
    let signed_in = access.sign_in(&cx, client, typed, at).await?;
    Ok(match signed_in {
        Ok(cookie) => see("/console", &cookie),
        Err(Refused::Closed) => show(&access, None),
        Err(Refused::Wrong) => {
            tracing::warn!(is_named, "somebody tried a wrong password at the console");
            status(StatusCode::FORBIDDEN, show(&access, Some(wrong)))
        }
        Err(Refused::Blocked(wait)) => {
            tracing::warn!(is_named, "somebody has to wait after wrong attempts at the console");
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let unit = if seconds == 1 { "second" } else { "seconds" };
            let blocked = format!("Too many wrong attempts. Try again in {seconds} {unit}.");
            let mut answer = status(StatusCode::TOO_MANY_REQUESTS, show(&access, Some(&blocked)));
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
            answer
        }
        Err(Refused::Busy) => {
            let busy = "Too many sign-ins at once. Try again in a moment.";
            status(StatusCode::SERVICE_UNAVAILABLE, show(&access, Some(busy)))
        }
    })
}

pub(crate) async fn sign_out(
    cx: SystemContext,
    State(state): State<ServerState>,
    access: Use<Access>,
    operator: Operator,
) -> Response {
    access.sign_out(&cx, &operator).await;
    see("/console/sign-in", &ConsoleCookie::of(&state).forget())
}

fn see(path: &'static str, cookie: &str) -> Response {
    let mut response =
        (StatusCode::SEE_OTHER, [(header::LOCATION, path), (header::SET_COOKIE, cookie)]).into_response();
    response.extensions_mut().insert(Unrecorded);
    response
}

fn status(status: StatusCode, mut response: Response) -> Response {
    *response.status_mut() = status;
    response
}

fn show(access: &Access, wrong: Option<&str>) -> Response {
    outside("Sign in", &ask(access.has_password(), wrong))
}

fn ask(has_password: bool, wrong: Option<&str>) -> Markup {
    html! {
        p { "The console shows every organization’s requests and jobs. Operators are added by "
            code { "app operator add" } "." }
        @if has_password {
            p.quiet { "Without a name and a code it takes the password of " code { "console.password" } "." }
        } @else {
            p.quiet { "The configuration has no " code { "console.password" } ", so it takes a name and a code. For a password without a \
                name set at least 12 characters, in " code { "app.toml" } " or as " code { "TENFOLD_CONSOLE__PASSWORD" }
                ", and start again." }
        }
        form.sign-in method="post" action="/console/sign-in" {
            label for="name" { "Name" }
            input #name name="name" autocomplete="username" autocapitalize="none" maxlength="40";
            label for="password" { "Password" }
            input #password name="password" type="password" autocomplete="current-password" required autofocus
                aria-describedby="wrong";
            label for="code" { "Code of your authenticator application" }
            input #code name="code" autocomplete="one-time-code" inputmode="numeric" maxlength="10";
            button.primary { "Sign in" }
            p #wrong.bad role="alert" { @if let Some(wrong) = wrong { (wrong) } }
        }
    }
}
