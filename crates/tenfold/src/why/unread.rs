//! Pages of the history that this build cannot read.

use serde::de::IgnoredAny;
use tenfold_data::Timestamp;

/// How long a page is of, in seconds, unless one before it could not be written.
const PAGE_S: i64 = 10;

/// Why a page cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnreadPage {
    /// It is well-formed, and has something that this build does not know.
    OtherBuild,
    Damaged,
}

impl UnreadPage {
    pub(super) fn of(text: &str) -> Self {
        match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => UnreadPage::OtherBuild,
            Err(_) => UnreadPage::Damaged,
        }
    }
}

/// The hours whose pages cannot be read.
#[derive(Default)]
pub(super) struct UnreadTime {
    seconds: i64,
    /// When the last of these pages ended, in seconds since 1970.
    until: i64,
    is_damaged: bool,
}

impl UnreadTime {
    /// Adds a page by its end; `before` is the end of the one before it. Both are in seconds since 1970, and ends never fall.
    pub(super) fn add(&mut self, why: UnreadPage, before: i64, ends_at: i64) {
        self.seconds += (ends_at - before).clamp(1, PAGE_S);
        self.until = ends_at;
        self.is_damaged |= why == UnreadPage::Damaged;
    }

    /// What an operator should know of it; `None` if all was read.
    pub(super) fn text(&self, file: &str) -> Option<String> {
        if self.seconds == 0 {
            return None;
        }
        let until = Timestamp::from_second(self.until).unwrap_or_default();
        let length = match self.seconds {
            seconds if seconds < 3_600 => format!("{} min", (seconds + 59) / 60),
            seconds => format!("{}.{} hours", seconds / 3_600, seconds % 3_600 / 360),
        };
        let why = if self.is_damaged {
            "some of it is damaged"
        } else {
            "a newer build wrote it, which can read it"
        };
        Some(format!(
            "some {length} of the history for `why` in {file}, until {until}, cannot be read: {why}. What was recorded then is missing in answers"
        ))
    }
}
