//! What is recorded for `app why`: `[why]`.

use serde::Deserialize;
use tenfold_observe::telemetry::diagnosis::JournalLimits;

use crate::config::{ByteSize, ConfigError, Loaded};
use crate::why::days::DayBounds;
use crate::why::history::HistorySettings;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhySection {
    record: bool,
    plans: bool,
    series: usize,
    seconds: usize,
    minutes: usize,
    events: usize,
    history: String,
    history_size: ByteSize,
    history_hours: usize,
    history_hours_size: ByteSize,
}

/// What is recorded in memory, whether plans are kept, and the file that keeps the records.
pub(super) type WhySettings = (Option<JournalLimits>, bool, Option<HistorySettings>);

/// Checks the bounds.
pub(super) fn read_why(loaded: &Loaded) -> Result<WhySettings, ConfigError> {
    let section: WhySection = loaded.section("why")?;
    let WhySection { record, plans, series, seconds, minutes, events, .. } = section;
    loaded.within("why.series", series, 10..=10_000)?;
    loaded.within("why.seconds", seconds, 10_000..=100_000_000)?;
    loaded.within("why.minutes", minutes, 100..=1_000_000)?;
    loaded.within("why.events", events, 1_000..=10_000_000)?;
    let sizes = ByteSize::mib(1)..=ByteSize::gib(1);
    loaded.within("why.history_size", section.history_size, sizes.clone())?;
    loaded.within("why.history_hours", section.history_hours, 1_000..=10_000_000)?;
    loaded.within("why.history_hours_size", section.history_hours_size, sizes)?;
    let limits = record.then_some(JournalLimits { series, seconds, minutes, events });
    let days = DayBounds { hours: section.history_hours, bytes: section.history_hours_size.as_u64() };
    let bytes = section.history_size.as_u64();
    let history = HistorySettings { file: section.history, bytes, days };
    let is_kept = record && !history.file.is_empty();
    Ok((limits, record && plans, is_kept.then_some(history)))
}
