//! What a transaction has changed so far.

use std::borrow::Cow;

use super::topic::{Subject, Topic};
use crate::ownership::OrgId;
use crate::value::Value;

/// Up to this many keys of a table are listed. A change of more is one of the table.
pub(crate) const MOST_KEYS: usize = 64;

/// Up to this many changes are listed by organization. Beyond, a change is one of the table for all organizations.
const MOST_CHANGES: usize = 256;

/// What a transaction has changed, to be said when it commits.
#[derive(Debug, Default)]
pub(crate) struct WriteSet {
    pub tables: Vec<WrittenTable>,
    pub signals: Vec<Cow<'static, str>>,
}

/// The changed rows of one table that belong to one organization.
#[derive(Debug)]
pub(crate) struct WrittenTable {
    /// `None` for a global table, and if the organizations are not known.
    pub tenant: Option<OrgId>,
    pub table: Cow<'static, str>,
    pub keys: WrittenKeys,
}

/// Which rows of a table were changed.
#[derive(Debug, PartialEq)]
pub(crate) enum WrittenKeys {
    /// Any of them.
    Any,
    /// The rows with these keys.
    These(Vec<Value>),
}

impl WriteSet {
    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.signals.is_empty()
    }

    /// Adds changed rows. Tables of the framework are left out: workers write them all the time, and nobody may watch
    /// them.
    pub(crate) fn add(
        &mut self,
        tenant: Option<OrgId>,
        table: impl AsRef<str> + Into<Cow<'static, str>>,
        keys: WrittenKeys,
    ) {
        if is_frameworks(table.as_ref()) {
            return;
        }
        let same = |known: &&mut WrittenTable| known.tenant == tenant && known.table == table.as_ref();
        let has_room = self.tables.len() < MOST_CHANGES;
        match self.tables.iter_mut().find(same) {
            Some(known) => known.keys.add(keys),
            None if has_room => {
                let mut written =
                    WrittenTable { tenant, table: table.into(), keys: WrittenKeys::These(Vec::new()) };
                written.keys.add(keys);
                self.tables.push(written);
            }
            None => {
                self.tables.retain(|known| known.table != table.as_ref());
                self.tables.push(WrittenTable { tenant: None, table: table.into(), keys: WrittenKeys::Any });
            }
        }
    }

    /// Adds a topic that the author names.
    pub(crate) fn add_topic(&mut self, topic: Topic) {
        match topic.0 {
            Subject::Table(tenant, table) => self.add(tenant, table, WrittenKeys::Any),
            Subject::Signal(name) if self.signals.contains(&name) => {}
            Subject::Signal(name) => self.signals.push(name),
        }
    }
}

impl WrittenKeys {
    fn add(&mut self, more: WrittenKeys) {
        match (&mut *self, more) {
            (WrittenKeys::These(known), WrittenKeys::These(more)) if more.len() <= MOST_KEYS => {
                for key in more {
                    if !known.contains(&key) {
                        known.push(key);
                    }
                }
                if known.len() > MOST_KEYS {
                    *self = WrittenKeys::Any;
                }
            }
            _ => *self = WrittenKeys::Any,
        }
    }
}

/// Whether a table belongs to the framework.
pub(crate) fn is_frameworks(table: &str) -> bool {
    table.starts_with("tenfold_")
}
