//! The reference backend: the list of its modules.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tenfold_allocator::Allocator = tenfold_allocator::ALLOCATOR;

fn main() -> ExitCode {
    app::app().run()
}
