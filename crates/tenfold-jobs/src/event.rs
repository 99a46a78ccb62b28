//! Events: what happened in one module, for listeners in others.
//!
//! The outbox of an event is one job per listener, written in the publisher's transaction. So a delivery has
//! attempts, backoff, parking and replay like any job, and nothing is lost between commit and delivery. A listener
//! may be called twice; [`JobContext::step`] makes its effect happen once.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::JobContext;
use crate::job::{RegisteredKind, Registry};

/// Something that happened. Its fields are stored as JSON; fields may be added but not removed. It needs no
/// listeners.
pub trait Event: Serialize + DeserializeOwned + Send + 'static {
    /// The stable name, `module.thing_happened`.
    const NAME: &'static str;
    /// Counts incompatible changes.
    const VERSION: u32 = 1;
}

/// The listeners of each event; the same in every process of an application.
#[derive(Clone, Default)]
pub struct Listeners {
    kinds: HashMap<&'static str, Vec<&'static str>>,
}

impl Listeners {
    /// Adds a listener. `kind` is the name of its deliveries, `module.on_thing_happened`. [`Registry::check`] reports
    /// a name that another listener or job has.
    pub fn on<E, F, W>(&mut self, registry: &mut Registry, kind: &'static str, listen: F)
    where
        E: Event,
        F: Fn(JobContext, E) -> W + Send + Sync + 'static,
        W: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let listen = Arc::new(listen);
        let run = Arc::new(move |job: JobContext, args: serde_json::Value| {
            let listen = Arc::clone(&listen);
            let work: futures_util::future::BoxFuture<'static, anyhow::Result<()>> = Box::pin(async move {
                let event: E = serde_json::from_value(args)
                    .map_err(|error| anyhow::anyhow!("the stored event is not a {}: {error}", E::NAME))?;
                listen(job, event).await
            });
            work
        });
        let of = std::any::type_name::<F>();
        registry.insert(
            kind.to_owned(),
            RegisteredKind { timeout: std::time::Duration::from_secs(5 * 60), run, of },
        );
        self.kinds.entry(E::NAME).or_default().push(kind);
    }

    /// The kinds of the deliveries of an event.
    pub(crate) fn of(&self, event: &str) -> &[&'static str] {
        self.kinds.get(event).map_or(&[], Vec::as_slice)
    }
}
