//! The reference backend as a library, so that its tests start what `main` starts.

mod demo;
mod page;

use tenfold::App;

/// The application: its modules, those that are needed before those that need them.
pub fn app() -> App {
    App::new("app", env!("CARGO_PKG_VERSION"))
        .module(auth::module())
        .module(notifications::module())
        .module(billing::module())
        .module(files::module())
        .module(projects::module())
        .module(tenfold_console::module())
        .demo(demo::welcome)
        .demo_setting("console.password", auth::demo::PASSWORD)
        .front(page::routes)
}
