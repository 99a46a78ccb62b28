//! `/notifications/stop`: the link in a mail that stops mails of its kinds.
//!
//! A GET shows a page that asks, since programs that look for malware follow links, too. A POST acts: that of the page, and the one that a
//! program for mails sends by itself when its user presses its button (RFC 8058). Neither needs a session.

use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use tenfold::axum::extract::Query as PageWords;
use tenfold::axum::routing::get;
use tenfold::http::{Html, IntoResponse as _, Response, StatusCode};
use tenfold::prelude::*;
use tenfold_auth_api::{AuthClient, UserId};

use crate::channels::{Channels, choose};
use crate::stop_token::StopToken;

/// Where it is.
pub(crate) const PATH: &str = "/notifications/stop";

/// What the link carries.
#[derive(Deserialize)]
struct StopLink {
    #[serde(default)]
    token: String,
}

/// The page's routes. They are not part of the API.
pub(crate) fn routes() -> Routes {
    Routes::new().route(PATH, get(ask).post(stop))
}

async fn ask(channels: Use<Channels>, PageWords(link): PageWords<StopLink>) -> Response {
    let Some(token) = StopToken::verify(&link.token, &channels.key) else { return unknown() };
    let content = html! {
        p { "You will get no more mails of this kind:" }
        ul { @for kind in titles(&channels, &token) { li { (kind) } } }
        form method="post" action={ (PATH) "?token=" (link.token) } { button.primary { "Stop these mails" } }
    };
    page("Stop mails", &content)
}

async fn stop(
    cx: SystemContext,
    channels: Use<Channels>,
    auth: AuthClient,
    PageWords(link): PageWords<StopLink>,
) -> Result<Response, Problem> {
    let Some(token) = StopToken::verify(&link.token, &channels.key) else { return Ok(unknown()) };
    let cx = cx.within(token.organization);
    // Nothing is stored for a person who has left, or in an organization that was erased.
    let found = auth.user_cards(&cx, vec![UserId(token.user)]).await?;
    if found.iter().any(Option::is_some) {
        cx.transaction(async |tx| -> Result<(), DataError> {
            for kind in &token.kinds {
                choose(tx, token.user, kind, [None, Some(false)]).await?;
            }
            Ok(())
        })
        .await?;
    }
    let content = html! {
        p { "You get no more mails of this kind. You can turn them on again under " a href="/#account" { "Account" } "." }
    };
    Ok(page("Stopped", &content))
}

/// What the kinds are called; a kind that is gone, by its name.
fn titles<'a>(channels: &'a Channels, token: &'a StopToken) -> Vec<&'a str> {
    let title = |name: &'a String| channels.kind(name).map_or(&**name, |kind| kind.title());
    token.kinds.iter().map(title).collect()
}

fn unknown() -> Response {
    let content = html! { p { "This link is not whole: copy all of it from the mail, or choose under "
    a href="/#account" { "Account" } " which mails you get." } };
    (StatusCode::NOT_FOUND, page("Unknown link", &content)).into_response()
}

fn page(title: &str, content: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/look.css";
            }
            body { main { h1 { (title) } (content) } }
        }
    };
    Html(markup.into_string()).into_response()
}
