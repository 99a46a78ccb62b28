//! The module alone, beside stand-ins for what it needs: `cargo test -p projects`.

mod list;
mod people;
mod tasks;
mod versions;

use serde_json::Value;
use tenfold::App;
use tenfold::testing::{TestSession, sessions};

// guide
/// An application of this module alone.
pub fn app() -> App {
    let app = App::new("projects-alone", "0.0.0").module(sessions()).module(people::module());
    app.module(projects::module())
}
// end

/// The token of somebody who may do everything here.
pub const WRITER: &str = "projects.read,projects.write";

/// The token of somebody of the same organization who may only look.
pub const READER: &str = "projects.read";

/// The token of somebody of another organization who may do everything there.
pub fn stranger() -> String {
    TestSession::new(WRITER).of_organization(2).token()
}

/// A JSON string's text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
