//! `[live]`.

use serde::Deserialize;

use crate::config::{ConfigError, Loaded};
use crate::http::LiveSettings;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LiveSection {
    max_watches: usize,
    looks_at_once: usize,
}

/// Reads and checks the section.
pub(super) fn read_live(loaded: &Loaded) -> Result<LiveSettings, ConfigError> {
    let live: LiveSection = loaded.section("live")?;
    loaded.within("live.max_watches", live.max_watches, 1..=1000)?;
    loaded.within("live.looks_at_once", live.looks_at_once, 1..=1000)?;
    Ok(LiveSettings { max_watches: live.max_watches, looks_at_once: live.looks_at_once })
}
