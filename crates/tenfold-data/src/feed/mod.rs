//! The feed: a commit says what it changed, and those who wait for it are woken.
//!
//! A transaction collects what its statements change (`write_set.rs`). When it commits, it wakes the subscribers of
//! these tables (`watch.rs`). A transaction that is rolled back says nothing. If the outcome of a COMMIT is unknown,
//! what it may have changed is said. `hub.rs` has the seam for others that must know of each COMMIT.

pub(crate) mod hub;
mod topic;
mod watch;
pub(crate) mod write_set;

use std::sync::Arc;

use self::hub::Hub;
pub use self::topic::Topic;
pub use self::watch::Watch;
use crate::database::Database;
use crate::entity::Entity;
use crate::ownership::OrgId;

/// Says what commits have changed; cheap to clone.
///
/// ```
/// # use tenfold_data::{Database, OrgId, Topic};
/// # async fn look() {}
/// async fn follow(database: &Database, organization: OrgId) {
///     let mut watch = database.feed().watch([Topic::table(Some(organization), "notes_notes")]);
///     loop {
///         look().await; // first, because the subscription shows only what changes after it began
///         watch.changed().await;
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Feed {
    hub: Arc<Hub>,
}

impl Database {
    /// The feed of this database.
    pub fn feed(&self) -> Feed {
        Feed { hub: Arc::clone(self.hub()) }
    }
}

impl Topic {
    /// [`Topic::table`] for the table of an entity.
    pub fn of<E: Entity>(tenant: Option<OrgId>) -> Self {
        Topic::table(tenant, E::table().name)
    }
}

impl Feed {
    /// Subscribes to topics. Changes count from now on: subscribe first, and look then.
    pub fn watch(&self, topics: impl IntoIterator<Item = Topic>) -> Watch {
        self.hub.watchers.watch(topics.into_iter().collect())
    }
}
