//! Events: what happened in one module, for listeners in others.
//!
//! The outbox of an event is one job per listener, written in the publisher's transaction. So a delivery has
//! attempts, backoff, parking and replay like any job, and nothing is lost between commit and delivery. A listener
//! may be called twice; [`JobContext::effect_once`](crate::JobContext::effect_once) makes its effect happen once.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Something that happened. Its fields are stored as JSON. A field may be added if it has a default; any other change
/// needs a new [`Event::VERSION`]. It needs no listeners.
pub trait Event: Serialize + DeserializeOwned + Send + 'static {
    /// The stable name, `module.thing_happened`.
    const NAME: &'static str;
    /// Counts incompatible changes; [`Event::upcast`] reads the events of earlier versions.
    const VERSION: u32 = 1;

    /// The fields of an event of an earlier version, as they are now.
    ///
    /// # Errors
    /// The version cannot be read. The delivery is retried, and parked in the end.
    fn upcast(version: u32, fields: serde_json::Value) -> anyhow::Result<serde_json::Value> {
        anyhow::bail!(
            "{} has no upcast of version {version} to {}: {} fields",
            Self::NAME,
            Self::VERSION,
            fields.as_object().map_or(0, serde_json::Map::len)
        )
    }

    /// Events with the same key reach each listener one after the other, in the order of their commits: the key is often
    /// the id of what the event is about. A parked delivery does not hold up the next ones.
    fn order_key(&self) -> Option<String> {
        None
    }
}
