//! A request without an answer as text, for a question to several processes.

use serde::{Deserialize, Serialize};
use tenfold_observe::telemetry::diagnosis::{PartKey, PartUse, WideEvent};

use super::page::{HexId, PartText};

/// Endpoint, when it began in microseconds since 1970, organization, user, trace, microseconds so far, parts.
#[derive(Serialize, Deserialize)]
pub(super) struct UnfinishedText(String, i64, HexId, HexId, HexId, u64, Vec<UsedText>);

/// Part, how often, microseconds, how often it failed.
#[derive(Serialize, Deserialize)]
struct UsedText(PartText, u32, u64, u32);

impl From<WideEvent> for UnfinishedText {
    fn from(event: WideEvent) -> Self {
        let [organization, user, trace] =
            [event.organization.unwrap_or(0), event.user.unwrap_or(0), event.trace].map(HexId::of);
        let used = |PartUse { part, times, time_us, failed }| UsedText(part.into(), times, time_us, failed);
        let parts = event.parts.into_iter().map(used).collect();
        UnfinishedText(event.name, event.at_us, organization, user, trace, event.duration_us, parts)
    }
}

impl UnfinishedText {
    /// The request; `None` if an id in it is none.
    pub(super) fn event(self) -> Option<WideEvent> {
        let UnfinishedText(name, at_us, organization, user, trace, duration_us, parts) = self;
        let named = |id: u128| (id != 0).then_some(id);
        let used = |UsedText(part, times, time_us, failed)| PartUse {
            part: PartKey::from(part),
            times,
            time_us,
            failed,
        };
        Some(WideEvent {
            at_us,
            name,
            organization: named(organization.id()?),
            user: named(user.id()?),
            duration_us,
            failed: false,
            error: None,
            trace: trace.id()?,
            waited_us: 0,
            parts: parts.into_iter().map(used).collect(),
        })
    }
}
