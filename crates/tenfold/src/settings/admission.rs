//! `[admission]`.

use serde::Deserialize;

use crate::config::{ConfigError, Loaded, TimeSpan};
use crate::http::AdmissionOptions;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdmissionSection {
    enabled: bool,
    min_limit: usize,
    max_limit: usize,
    max_waiting: usize,
    overload_wait: TimeSpan,
    max_wait: TimeSpan,
}

/// Reads and checks the section. Nobody waits for longer than a request may take.
pub(super) fn read_admission(loaded: &Loaded, deadline: TimeSpan) -> Result<AdmissionOptions, ConfigError> {
    let section: AdmissionSection = loaded.section("admission")?;
    loaded.within("admission.max_limit", section.max_limit, 1..=1_000_000)?;
    loaded.within("admission.min_limit", section.min_limit, 0..=section.max_limit)?;
    loaded.within("admission.max_waiting", section.max_waiting, 0..=1_000_000)?;
    loaded.within("admission.max_wait", section.max_wait, TimeSpan::milliseconds(10)..=TimeSpan::hours(1))?;
    if section.max_wait > deadline {
        let most = format!("it must be at most http.deadline, which is {deadline}");
        loaded.refuse("admission.max_wait", &most)?;
    }
    let waits = TimeSpan::milliseconds(1)..=section.max_wait;
    loaded.within("admission.overload_wait", section.overload_wait, waits)?;
    Ok(AdmissionOptions {
        enabled: section.enabled,
        min_limit: Some(section.min_limit).filter(|limit| *limit > 0),
        max_limit: section.max_limit,
        max_waiting: section.max_waiting,
        overload_wait: section.overload_wait.as_std(),
        max_wait: section.max_wait.as_std(),
    })
}
