//! What a subscriber of the feed waits for.

use std::borrow::Cow;

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
    /// The rows of a table that belong to this organization. Without one: all rows of the table, whoever owns them.
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

/// A kind of [`Topic`]: a table, for all organizations, or a signal. It is declared to be told to other processes
/// ([`Feed::tell`](crate::Feed::tell)).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopicKind(pub(super) Topic);

impl TopicKind {
    /// A table.
    pub fn table(table: impl Into<Cow<'static, str>>) -> Self {
        TopicKind(Topic::table(None, table))
    }

    /// A signal of this name.
    pub fn signal(name: impl Into<Cow<'static, str>>) -> Self {
        TopicKind(Topic::signal(name))
    }
}
