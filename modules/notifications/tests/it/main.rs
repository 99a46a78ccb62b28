//! The module alone, beside stand-ins for sessions and people: `cargo test -p tenfold-notifications`.

mod channels;
mod mails;
mod notifications;
mod people;
mod stop;

use tenfold::App;
use tenfold::testing::sessions;

/// An application of this module alone.
pub fn app() -> App {
    App::new("notifications-alone", "0.0.0")
        .module(sessions())
        .module(tenfold_mail::module())
        .module(people::module())
        .module(tenfold_notifications::module())
}
