//! Subscribers: a flag each, and the index by which a commit finds them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

use super::topic::{Subject, Topic};
use super::write_set::WriteSet;
use crate::ownership::OrgId;

/// Waits for changes of its topics. It is a flag and not a queue: changes between two looks count once. Dropping it ends
/// the subscription.
pub struct Watch {
    watchers: Arc<Watchers>,
    number: u64,
    flag: Arc<Notify>,
    topics: Vec<Topic>,
}

impl Watch {
    /// Ready once one of the topics may have changed since this was last ready, or since the subscription began. It may
    /// be ready although nothing changed: after a commit whose outcome is unknown, for example.
    ///
    /// Cancel safe: a change is not lost if the future is dropped.
    pub async fn changed(&mut self) {
        self.flag.notified().await;
    }

    /// Replaces the topics. Changes of the new ones count from now on.
    pub fn set(&mut self, topics: impl IntoIterator<Item = Topic>) {
        let topics: Vec<Topic> = topics.into_iter().collect();
        let mut index = self.watchers.write();
        index.remove(self.number, &self.topics);
        index.add(self.number, &self.flag, &topics);
        drop(index);
        self.topics = topics;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watchers.write().remove(self.number, &self.topics);
    }
}

/// All subscribers of a process.
#[derive(Default)]
pub(crate) struct Watchers {
    index: RwLock<TopicIndex>,
    next: AtomicU64,
}

/// The subscribers by their topics.
#[derive(Default)]
struct TopicIndex {
    tables: HashMap<Cow<'static, str>, OfTable>,
    signals: HashMap<Cow<'static, str>, Flags>,
}

#[derive(Default)]
struct OfTable {
    /// Those that watch the rows of all organizations.
    all: Flags,
    by_tenant: HashMap<OrgId, Flags>,
}

/// The flags of subscribers, by their numbers.
type Flags = HashMap<u64, Arc<Notify>>;

impl Watchers {
    pub(super) fn watch(self: &Arc<Self>, topics: Vec<Topic>) -> Watch {
        let (number, flag) = (self.next.fetch_add(1, Ordering::Relaxed), Arc::new(Notify::new()));
        self.write().add(number, &flag, &topics);
        Watch { watchers: Arc::clone(self), number, flag, topics }
    }

    /// Wakes the subscribers of what was written.
    pub(super) fn say(&self, writes: &WriteSet) {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        for written in &writes.tables {
            index.say_table(written.tenant, &written.table);
        }
        for signal in &writes.signals {
            index.signals.get(signal).into_iter().for_each(wake);
        }
    }

    /// Wakes all subscribers: anything may have changed.
    pub(super) fn say_everything(&self) {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.tables.values().for_each(OfTable::wake);
        index.signals.values().for_each(wake);
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, TopicIndex> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TopicIndex {
    /// Wakes the subscribers of a table. Without an organization the change may be one of any of them.
    fn say_table(&self, tenant: Option<OrgId>, table: &str) {
        let Some(of_table) = self.tables.get(table) else { return };
        match tenant {
            None => of_table.wake(),
            Some(tenant) => {
                wake(&of_table.all);
                of_table.by_tenant.get(&tenant).into_iter().for_each(wake);
            }
        }
    }

    fn add(&mut self, number: u64, flag: &Arc<Notify>, topics: &[Topic]) {
        for topic in topics {
            let flags = match topic.0.clone() {
                Subject::Signal(name) => self.signals.entry(name).or_default(),
                Subject::Table(None, table) => &mut self.tables.entry(table).or_default().all,
                Subject::Table(Some(tenant), table) => {
                    self.tables.entry(table).or_default().by_tenant.entry(tenant).or_default()
                }
            };
            flags.insert(number, Arc::clone(flag));
        }
    }

    fn remove(&mut self, number: u64, topics: &[Topic]) {
        for topic in topics {
            match &topic.0 {
                Subject::Signal(name) => remove_from(&mut self.signals, name, number),
                Subject::Table(tenant, table) => {
                    let Some(of_table) = self.tables.get_mut(table) else { continue };
                    match tenant {
                        Some(tenant) => remove_from(&mut of_table.by_tenant, tenant, number),
                        None => drop(of_table.all.remove(&number)),
                    }
                    if of_table.all.is_empty() && of_table.by_tenant.is_empty() {
                        self.tables.remove(table);
                    }
                }
            }
        }
    }
}

impl OfTable {
    fn wake(&self) {
        wake(&self.all);
        self.by_tenant.values().for_each(wake);
    }
}

/// Raises the flags. A flag that is raised already stays so.
fn wake(flags: &Flags) {
    flags.values().for_each(|flag| flag.notify_one());
}

/// Removes a flag, and the entry that becomes empty: topics come and go with the organizations that are online.
fn remove_from<K: Hash + Eq>(map: &mut HashMap<K, Flags>, key: &K, number: u64) {
    if let Some(flags) = map.get_mut(key) {
        flags.remove(&number);
        if flags.is_empty() {
            map.remove(key);
        }
    }
}
