//! How it is told that anything may have changed. A file of its own, which migrations use.

use super::packed::Packed;
use super::texts::FeedTexts;
use crate::statement::Dialect;

/// The text that stores `$2` by the process `$1`, and what it stores. All processes are told if nobody has that id.
pub(crate) fn everything(dialect: Dialect) -> (&'static str, String) {
    (FeedTexts::of(dialect).insert, Packed { everything: true, ..Packed::default() }.text())
}
