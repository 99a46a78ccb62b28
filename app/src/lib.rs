//! The reference backend as a library, so that its tests start the same application as `main`.

mod demo;
// carve:if page
mod page;
// carve:end

use tenfold::App;

/// The application. Cargo.toml lists its modules, each after the modules that it needs.
pub fn app() -> App {
    App::new("app", env!("CARGO_PKG_VERSION"))
        .commit(option_env!("SOURCE_COMMIT"))
        .modules(tenfold::modules!())
        // carve:if page
        .front(page::routes)
        // carve:end
        .demo(demo::welcome)
        .demo_setting("console.password", tenfold_auth::demo::PASSWORD)
}
