//! `/console/sign-in` and `/console/sign-out`.

use axum::extract::Form;
use axum::extract::rejection::FormRejection;
use maud::{Markup, html};
use serde::Deserialize;
use tenfold::axum;
use tenfold::config::Secret;
use tenfold::http::{
    IntoResponse as _, OwnOrigin, Response, ServerState, State, StatusCode, Unrecorded, header,
};
use tenfold::prelude::*;

use crate::access::{Access, ConsoleCookie, Operator, Refused};
use crate::layout::outside;

#[derive(Deserialize)]
pub(crate) struct ConsoleSignIn {
    password: Secret,
}

pub(crate) async fn form(access: Use<Access>) -> Response {
    show(&access, None)
}

pub(crate) async fn sign_in(
    State(state): State<ServerState>,
    _: OwnOrigin,
    access: Use<Access>,
    form: Result<Form<ConsoleSignIn>, FormRejection>,
) -> Result<Response, Problem> {
    let Ok(Form(ConsoleSignIn { password })) = form else {
        return Err(Problem::bad_request("the form has a field `password`, of up to http.body_limit"));
    };
    let now = state.database().clock().now();
    let signed_in = access.sign_in(password.expose().to_owned(), ConsoleCookie::of(&state), now).await?;
    Ok(match signed_in {
        Ok(cookie) => see("/console", &cookie),
        Err(Refused::Closed) => show(&access, None),
        Err(Refused::Wrong) => {
            tracing::warn!("somebody tried a wrong password at the console");
            status(StatusCode::FORBIDDEN, show(&access, Some("Wrong password.")))
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
    let content = if access.is_open() { ask(wrong) } else { closed() };
    outside("Sign in", &content)
}

fn ask(wrong: Option<&str>) -> Markup {
    html! {
        p { "The console shows every organization’s requests and jobs. Its password is set in the configuration, "
            code { "console.password" } "." }
        form.sign-in method="post" action="/console/sign-in" {
            label for="password" { "Password" }
            input #password name="password" type="password" autocomplete="current-password" required autofocus
                aria-describedby="wrong";
            button.primary { "Sign in" }
            p #wrong.bad role="alert" { @if let Some(wrong) = wrong { (wrong) } }
        }
    }
}

fn closed() -> Markup {
    html! {
        p { "Nobody can sign in: the console has no password. Set " code { "console.password" }
            ", at least 12 characters, in " code { "app.toml" } " or as " code { "TENFOLD_CONSOLE__PASSWORD" }
            ", and start again." }
    }
}
