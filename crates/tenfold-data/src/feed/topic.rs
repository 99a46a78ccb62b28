//! What a subscriber of the feed waits for.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::ownership::OrgId;

/// Something that a commit can change: the rows of a table, or a named signal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Topic(pub(super) Subject);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Table(Option<OrgId>, Cow<'static, str>),
    Signal(Cow<'static, str>),
}

impl Topic {
    /// The rows of a table that belong to this organization. Without one: all rows of the table.
    ///
    /// A global table has no organizations: each change of it reaches all watchers of the table. Tables of the framework
    /// (`tenfold_…`) are never said: workers write them all the time. [`Topic::signal`] is for those.
    pub fn table(tenant: Option<OrgId>, table: impl Into<Cow<'static, str>>) -> Self {
        Topic(Subject::Table(tenant, table.into()))
    }

    /// A signal of this name, which transactions say with [`Tx::signal`](crate::Tx::signal). By convention the name
    /// begins with its owner, such as `tenfold.jobs/files.process_upload`.
    pub fn signal(name: impl Into<Cow<'static, str>>) -> Self {
        Topic(Subject::Signal(name.into()))
    }
}

/// Kinds of topics that are told to other processes ([`Feed::tell`](crate::Feed::tell)): a table, for all organizations,
/// or a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicKind(pub(super) Kinds);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kinds {
    Table(Cow<'static, str>),
    Signal(Cow<'static, str>),
    EveryTable,
    EverySignal,
}

impl TopicKind {
    /// A table.
    pub fn table(table: impl Into<Cow<'static, str>>) -> Self {
        TopicKind(Kinds::Table(table.into()))
    }

    /// A signal of this name.
    pub fn signal(name: impl Into<Cow<'static, str>>) -> Self {
        TopicKind(Kinds::Signal(name.into()))
    }

    /// Every table but those of the framework.
    pub fn every_table() -> Self {
        TopicKind(Kinds::EveryTable)
    }

    /// Every signal.
    pub fn every_signal() -> Self {
        TopicKind(Kinds::EverySignal)
    }
}

/// What was declared to be told.
#[derive(Default)]
pub(super) struct ToldKinds {
    tables: NameSet,
    signals: NameSet,
}

#[derive(Default)]
struct NameSet {
    has_all: bool,
    names: HashSet<Cow<'static, str>>,
}

impl ToldKinds {
    pub(super) fn add(&mut self, kind: TopicKind) {
        match kind.0 {
            Kinds::Table(name) => drop(self.tables.names.insert(name)),
            Kinds::Signal(name) => drop(self.signals.names.insert(name)),
            Kinds::EveryTable => self.tables.has_all = true,
            Kinds::EverySignal => self.signals.has_all = true,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        [&self.tables, &self.signals].into_iter().all(|set| !set.has_all && set.names.is_empty())
    }

    pub(super) fn has_every_table(&self) -> bool {
        self.tables.has_all
    }

    pub(super) fn has_table(&self, name: &str) -> bool {
        self.tables.has(name)
    }

    pub(super) fn has_signal(&self, name: &str) -> bool {
        self.signals.has(name)
    }
}

impl NameSet {
    fn has(&self, name: &str) -> bool {
        self.has_all || self.names.contains(name)
    }
}
