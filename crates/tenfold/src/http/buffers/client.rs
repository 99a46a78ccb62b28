//! What the answers to one client take over all of its connections.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tenfold_admission::Flow;

/// The clients that have a request in progress or hold an answer.
#[derive(Default)]
pub(super) struct BufferClients(Mutex<HashMap<Flow, Weak<BufferClient>>>);

impl BufferClients {
    /// The account of this client. It ends when nothing refers to it.
    pub(super) fn of(self: &Arc<Self>, flow: Flow) -> Arc<BufferClient> {
        let mut clients = self.lock();
        if let Some(client) = clients.get(&flow).and_then(Weak::upgrade) {
            return client;
        }
        let client = Arc::new(BufferClient {
            flow,
            held: AtomicUsize::new(0),
            in_vain: AtomicU64::new(0),
            all: Arc::clone(self),
        });
        clients.insert(flow, Arc::downgrade(&client));
        client
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Flow, Weak<BufferClient>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An organization, or a network whose requests have no token: what its answers take that are still in memory.
pub(in super::super) struct BufferClient {
    flow: Flow,
    held: AtomicUsize,
    /// When a search last found no stalled connection of it.
    pub(super) in_vain: AtomicU64,
    all: Arc<BufferClients>,
}

impl BufferClient {
    pub(super) fn flow(&self) -> Flow {
        self.flow
    }

    /// In bytes.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    pub(super) fn adds(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn gives_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for BufferClient {
    fn drop(&mut self) {
        let mut clients = self.all.lock();
        // A request that came meanwhile may have opened another account.
        if clients.get(&self.flow).is_some_and(|client| client.strong_count() == 0) {
            clients.remove(&self.flow);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_shared_while_it_is_used_and_then_gone() {
        let clients: Arc<BufferClients> = Arc::default();
        let client = clients.of(Flow(1));
        client.adds(10);
        assert_eq!((clients.of(Flow(1)).held(), clients.of(Flow(2)).held()), (10, 0));
        assert_eq!(clients.lock().len(), 1);
        drop(client);
        assert_eq!(clients.lock().len(), 0);
    }
}
