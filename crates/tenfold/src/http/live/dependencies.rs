//! The tables that an answer came from, watched.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tenfold_data::{Database, OrgId, Scope, Topic, TraceContext, Watch};
use tenfold_jobs::jobs_changed;
use tokio::time::Instant;

use super::process::TableNames;

/// The tables behind an answer. It is due to be made again once one of them has changed.
pub(super) struct Dependencies {
    organizations: BTreeSet<OrgId>,
    tables: TableNames,
    watch: Watch,
    is_due: bool,
}

impl Dependencies {
    /// Those of an answer that was not made yet: it is due.
    pub(super) fn new(database: &Database, organizations: BTreeSet<OrgId>, tables: TableNames) -> Self {
        let watch = database.feed().watch(topics(&organizations, &tables));
        Dependencies { organizations, tables, watch, is_due: true }
    }

    /// Waits until the answer is due. Nothing is lost when the wait is given up.
    pub(super) async fn due(&mut self) {
        if !self.is_due {
            self.watch.changed().await;
            self.is_due = true;
        }
    }

    /// The answer is due, whatever the tables say.
    pub(super) fn make_due(&mut self) {
        self.is_due = true;
    }

    /// Whether the answer is due.
    pub(super) fn is_due(&mut self) -> bool {
        self.due().now_or_never().is_some()
    }

    /// The answer is about to be made: what changes from now on makes it due again.
    pub(super) fn begin(&mut self) {
        self.is_due = false;
    }

    /// The answer was made from these tables, for these organizations. Those that were not watched meanwhile may have
    /// changed, so with a new one it is due again.
    pub(super) fn read(&mut self, organizations: BTreeSet<OrgId>, tables: &TableNames) {
        let is_watched = organizations.is_subset(&self.organizations) && tables.is_subset(&self.tables);
        if is_watched && organizations.len() == self.organizations.len() {
            return;
        }
        self.organizations = organizations;
        self.tables.extend(tables.iter().cloned());
        self.watch.set(topics(&self.organizations, &self.tables));
        self.is_due |= !is_watched;
    }
}

/// The scope of one look, which notes the tables that its statements name.
pub(super) fn scope_of_look(database: &Database, deadline: Instant) -> Arc<Scope> {
    let scope = Scope::new(database.clone(), TraceContext::start_random(), Some(deadline));
    scope.note_tables();
    scope
}

fn topics(organizations: &BTreeSet<OrgId>, tables: &TableNames) -> Vec<Topic> {
    let of = |organization: &OrgId| {
        let organization = *organization;
        tables.iter().map(move |table| topic(organization, table))
    };
    organizations.iter().flat_map(of).collect()
}

/// The feed says nothing of the framework's own tables, which workers write all the time; jobs say themselves what is
/// new about them.
fn topic(organization: OrgId, table: &str) -> Topic {
    if table.starts_with("tenfold_") {
        return jobs_changed(Some(organization));
    }
    Topic::table(Some(organization), table.to_owned())
}
