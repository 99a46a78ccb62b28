//! Programs that make a result nicer, and whose absence does no harm.

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a program whose failure leaves a project that works all the same.
pub(crate) fn attempt(folder: &Path, program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _ = command.status();
}
