//! The listeners of events, and how they are called.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tenfold_data::Database;

use crate::context::JobContext;
use crate::declared::DeclaredKinds;
use crate::enqueue::{Outgoing, Published, deliver};
use crate::event::Event;
use crate::job::RegisteredKind;
use crate::later::TryLater;
use crate::registry::Registry;
use crate::rows::DEFAULT_QUEUE;

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
                let event = read::<E>(job.version(), args)?;
                listen(job, event).await
            });
            work
        });
        registry.insert(
            kind.to_owned(),
            RegisteredKind {
                timeout: Duration::from_secs(5 * 60),
                run,
                queue: DEFAULT_QUEUE,
                of: std::any::type_name::<F>(),
            },
        );
        self.kinds.entry(E::NAME).or_default().push(kind);
    }

    /// Declares the listeners to the database's transactions, which store a delivery for each when an event is published.
    /// [`Jobs::new`](crate::Jobs::new) calls this too; call it directly for events that are published earlier.
    pub fn declare(&self, database: &Database) {
        database.companion::<DeclaredKinds>().set_listeners(&self.kinds);
    }

    /// All deliveries: an event's name and the kind.
    pub(crate) fn all(&self) -> Vec<(&'static str, &'static str)> {
        let mut all: Vec<_> =
            self.kinds.iter().flat_map(|(event, kinds)| kinds.iter().map(|kind| (*event, *kind))).collect();
        all.sort_unstable();
        all
    }
}

fn read<E: Event>(version: i64, fields: serde_json::Value) -> anyhow::Result<E> {
    let version = u32::try_from(version)?;
    if version > E::VERSION {
        // During a deployment another process may know it.
        let newer = format!("{} has version {version}, and this process knows {}", E::NAME, E::VERSION);
        return Err(TryLater::because("waiting for a worker that knows its version").caused_by(newer).into());
    }
    let fields = if version < E::VERSION { E::upcast(version, fields)? } else { fields };
    serde_json::from_value(fields)
        .map_err(|error| anyhow::anyhow!("the stored event is not a {}: {error}", E::NAME))
}

/// How events run that an older version stored, which delivered them with a job.
pub(crate) fn deliver_stored() -> RegisteredKind {
    RegisteredKind {
        timeout: Duration::from_secs(60),
        queue: DEFAULT_QUEUE,
        of: "an event of an older version",
        run: Arc::new(|job, args| {
            Box::pin(async move {
                let Published { name, version, event } = serde_json::from_value(args)?;
                let outgoing = Outgoing { name, version: i64::from(version), order: None, args: event };
                let organization = job.cx().ok().map(|cx| cx.tenant());
                job.step_in("deliver", async |tx| {
                    match organization {
                        Some(organization) => deliver(&tx.within(organization), Ok(outgoing)).await?,
                        None => deliver(tx, Ok(outgoing)).await?,
                    }
                    Ok(())
                })
                .await
            })
        }),
    }
}
