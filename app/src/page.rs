//! The page at `/`: the files of `app/page`, compiled in, and what the page asks before sign-in.

use serde::Serialize;
use tenfold::axum::routing::get;
use tenfold::http::{Asset, IntoResponse, ServerState, State, StatusCode, assets, header};
use tenfold::prelude::*;
use tenfold_auth::Identity;

use crate::demo::{self, DemoAccount};

const PAGE: &[Asset] = &[
    Asset::page("/", include_str!("../page/index.html")),
    Asset::style("/page/page.css", include_str!("../page/page.css")),
    Asset::of("/page/mark.svg", "image/svg+xml", include_bytes!("../page/mark.svg")),
    Asset::script("/page/page.js", include_str!("../page/page.js")),
    Asset::script("/page/api.js", include_str!("../page/api.js")),
    Asset::script("/page/links.js", include_str!("../page/links.js")),
    Asset::script("/page/live.js", include_str!("../page/live.js")),
    Asset::script("/page/element.js", include_str!("../page/element.js")),
    Asset::script("/page/words.js", include_str!("../page/words.js")),
    Asset::script("/page/toast.js", include_str!("../page/toast.js")),
    Asset::script("/page/act.js", include_str!("../page/act.js")),
    Asset::script("/page/closing.js", include_str!("../page/closing.js")),
    Asset::script("/page/limited.js", include_str!("../page/limited.js")),
    Asset::script("/page/confirm.js", include_str!("../page/confirm.js")),
    Asset::script("/page/providers.js", include_str!("../page/providers.js")),
    Asset::script("/page/second-factor.js", include_str!("../page/second-factor.js")),
    Asset::script("/page/session.js", include_str!("../page/session.js")),
    Asset::script("/page/sign-up.js", include_str!("../page/sign-up.js")),
    Asset::script("/page/views.js", include_str!("../page/views.js")),
    Asset::script("/page/account.js", include_str!("../page/account.js")),
    Asset::script("/page/organization.js", include_str!("../page/organization.js")),
    Asset::script("/page/users.js", include_str!("../page/users.js")),
    // carve:if files
    Asset::script("/page/files.js", include_str!("../page/files.js")),
    Asset::script("/page/file-row.js", include_str!("../page/file-row.js")),
    Asset::script("/page/upload.js", include_str!("../page/upload.js")),
    // carve:end
    // carve:if notifications
    Asset::script("/page/notifications.js", include_str!("../page/notifications.js")),
    Asset::script("/page/preferences.js", include_str!("../page/preferences.js")),
    // carve:end
];

/// The page's routes. They are not part of the API, and its document does not list them.
pub(crate) fn routes() -> Routes {
    assets(PAGE).route("/page/start.json", get(start))
}

/// What the page needs to know first.
#[derive(Serialize)]
struct PageStart {
    /// Whether the browser's cookie is a live session.
    signed_in: bool,
    /// The accounts to sign in with without signing up: none, unless the process was started with demo data.
    demo: Option<Demo>,
    /// Where people ask about a suspended organization; may be empty.
    contact: String,
}

#[derive(Serialize)]
struct Demo {
    password: &'static str,
    accounts: &'static [DemoAccount],
}

/// Never a 401: opening the page without a session is not an error.
async fn start(
    State(state): State<ServerState>,
    session: Result<Context, Problem>,
    identity: Use<Identity>,
) -> impl IntoResponse {
    let demo = Demo { password: tenfold_auth::demo::PASSWORD, accounts: demo::ACCOUNTS };
    // A 403 is one of a session that is limited, such as in a closed organization: the page says so.
    let signed_in = session.as_ref().err().is_none_or(|refusal| refusal.status() == StatusCode::FORBIDDEN);
    let (demo, contact) = (state.is_demonstration().then_some(demo), identity.contact().to_owned());
    let start = PageStart { signed_in, demo, contact };
    ([(header::CACHE_CONTROL, "no-store")], Json(start))
}
