//! Commands on standard input, each a line.

use std::io::{BufRead as _, IsTerminal as _};

use tokio::sync::mpsc::UnboundedSender;

use super::output::say;
use super::supervisor::DevEvent;

/// What the lines mean.
pub(super) const HELP: &str = "r: build and restart   s: reseed the demo   q: quit   (then Enter)";

/// Reads commands until standard input ends. A thread does: tokio's would keep the command from ending.
pub(super) fn read(events: UnboundedSender<DevEvent>) {
    // The terminal stops a process in the background that reads from it.
    let stdin = std::io::stdin();
    if stdin.is_terminal() && !is_in_the_foreground() {
        return;
    }
    std::thread::spawn(move || {
        for line in stdin.lock().lines().map_while(Result::ok) {
            let event = match line.trim() {
                "r" => DevEvent::Restart,
                "s" => DevEvent::Reseed,
                "q" => DevEvent::Quit,
                _ => {
                    say(HELP);
                    continue;
                }
            };
            if events.send(event).is_err() {
                return;
            }
        }
    });
}

fn is_in_the_foreground() -> bool {
    rustix::termios::tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}
