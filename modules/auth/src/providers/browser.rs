//! The routes that browsers are sent to.

use tenfold::prelude::*;

/// They answer with pages and redirects, and no programs, so the document of the API does not have them.
pub(crate) fn routes() -> Routes {
    let routes = Routes::new();
    #[cfg(feature = "providers")]
    let routes = {
        use tenfold::axum::routing::get;

        use super::{begin, callback};

        routes
            .route("/v1/auth/providers/{name}/start", get(begin::start))
            .route("/v1/auth/providers/{name}/callback", get(callback::callback))
    };
    routes
}
