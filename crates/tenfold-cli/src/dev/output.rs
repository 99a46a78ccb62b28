//! What processes write: passed on to the terminal at once, and the last lines kept for the pages.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::watch;

/// Lines that are kept of one process.
const KEPT_LINES: usize = 500;
/// Bytes that are kept of one line.
const KEPT_BYTES: usize = 2048;

/// The last lines of one process, from its standard output and its standard error.
#[derive(Default)]
pub(super) struct OutputTail {
    lines: Mutex<VecDeque<String>>,
    /// How many lines there were.
    count: watch::Sender<usize>,
}

impl OutputTail {
    /// The last lines, the newest last, without colours.
    pub(super) fn last(&self, most: usize) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(lines.len().saturating_sub(most)).cloned().collect()
    }

    /// The lines after the first `count`, at most as many as are kept.
    pub(super) fn since(&self, count: usize) -> Vec<String> {
        self.last(self.count().saturating_sub(count))
    }

    /// How many lines there were so far.
    pub(super) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits for a line after the first `count` that contains `text`, for `limit` at most: a process may write it on
    /// another thread than the one that answers.
    pub(super) async fn says(&self, text: &str, count: usize, limit: Duration) -> bool {
        let mut counted = self.count.subscribe();
        let is_said = counted.wait_for(|now| self.last(now - count).iter().any(|line| line.contains(text)));
        matches!(tokio::time::timeout(limit, is_said).await, Ok(Ok(_)))
    }

    /// Passes what `from` gives on to `to` until it ends, and keeps its lines.
    pub(super) async fn pass_on(&self, from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while let Ok(bytes) = from.fill_buf().await {
            if bytes.is_empty() {
                break;
            }
            for byte in bytes {
                match byte {
                    b'\n' => self.keep(&std::mem::take(&mut line)),
                    _ if line.len() < KEPT_BYTES => line.push(*byte),
                    _ => {}
                }
            }
            // A closed terminal must not block the process.
            let _ = to.write_all(bytes).await;
            let _ = to.flush().await;
            let taken = bytes.len();
            from.consume(taken);
        }
        if !line.is_empty() {
            self.keep(&line);
        }
    }

    fn keep(&self, line: &[u8]) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(plain(&String::from_utf8_lossy(line)));
        drop(lines);
        self.count.send_modify(|count| *count += 1);
    }
}

/// `text` without the escape sequences that colour it in a terminal (ECMA-48, CSI).
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.trim_start_matches(|c: char| !('\u{40}'..='\u{7e}').contains(&c));
        rest = rest.get(1..).unwrap_or_default();
    }
    plain + rest
}

/// `lines` without the frames of backtraces that lie outside the workspace: most are the runtime's.
///
/// A frame is `  12: name`, and `at ./src/main.rs:5:9` on the next line if its place is known.
pub(super) fn own_frames(lines: Vec<String>) -> Vec<String> {
    let is_frame = |line: &str| {
        let number = line.trim_start().split_once(": ").map(|(number, _)| number);
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut kept = Vec::new();
    let mut lines = lines.into_iter().peekable();
    while let Some(line) = lines.next() {
        if !is_frame(&line) {
            kept.push(line);
        } else if let Some(place) = lines.next_if(|next| next.trim_start().starts_with("at "))
            && place.trim_start().starts_with("at ./")
        {
            kept.extend([line, place]);
        }
    }
    kept
}

/// Writes a line of this command to standard error.
pub(super) fn say(text: &str) {
    use std::io::Write as _;
    // A closed terminal cannot be helped.
    let _ = writeln!(std::io::stderr(), "[dev] {text}");
}

#[cfg(test)]
mod tests {
    use super::{own_frames, plain};

    #[test]
    fn colours_are_left_out() {
        let coloured = "\u{1b}[1m\u{1b}[38;5;9merror\u{1b}[0m: `é` \u{1b}[";
        assert_eq!(plain(coloured), "error: `é` ");
        assert_eq!(plain("a[1m"), "a[1m");
    }

    #[test]
    fn frames_of_others_are_left_out() {
        let lines = ["x panicked at src/a.rs:1:1:", "   0: core::panic", "             at /rustc/1/a.rs:1:2"];
        let lines = lines.into_iter().chain([
            "   1: mine",
            "             at ./src/a.rs:1:1",
            "  2: __libc_start",
            "12:30 x",
        ]);
        let kept = own_frames(lines.map(str::to_owned).collect());
        assert_eq!(
            kept,
            ["x panicked at src/a.rs:1:1:", "   1: mine", "             at ./src/a.rs:1:1", "12:30 x"]
        );
    }
}
