//! The `tenfold` command.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    tenfold_cli::run(tenfold_cli::Command::parse())
}
