//! The reference backend as a library, so that its tests start what `main` starts.

mod demo;
mod page;

use tenfold::App;

/// The application. Its modules are listed in Cargo.toml, those that are needed before those that need them.
pub fn app() -> App {
    App::new("app", env!("CARGO_PKG_VERSION"))
        .modules(tenfold::modules!())
        .demo(demo::welcome)
        .demo_setting("console.password", auth::demo::PASSWORD)
        .front(page::routes)
}
