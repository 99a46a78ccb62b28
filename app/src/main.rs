//! The reference backend: the list of its modules.

use std::process::ExitCode;

fn main() -> ExitCode {
    app::app().run()
}
