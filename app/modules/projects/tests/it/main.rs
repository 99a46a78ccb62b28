//! The module alone, beside a stand-in for the one that it needs: `cargo test -p projects`.

mod people;
mod tasks;

use tenfold::App;

// guide
/// An application of this module alone.
pub fn app() -> App {
    App::new("projects-alone", "0.0.0").module(people::module()).module(projects::module())
}
// end
