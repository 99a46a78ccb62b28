//! The module alone, beside a stand-in for sessions: `cargo test -p notifications`.

mod notifications;

use tenfold::App;
use tenfold::testing::sessions;

/// An application of this module alone.
pub fn app() -> App {
    App::new("notifications-alone", "0.0.0").module(sessions()).module(tenfold_notifications::module())
}
