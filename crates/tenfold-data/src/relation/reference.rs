//! A key of another module's entity, which knows the keys that were loaded with it.
//!
//! No foreign key and no join crosses a module. A call does, and a loop would make one for each row. So a [`Ref`]
//! passes its peers' keys to the first call, and the others are answered from memory.

use std::fmt;
use std::sync::Arc;

use super::members::Members;
use super::peering::Peering;
use crate::row::{ReadError, Row};
use crate::value::{ColumnType, KeyType, Kind, Value};

/// A column that holds a key of another module: a field of an entity, marked `#[entity(peers)]`.
pub struct Ref<K: KeyType> {
    key: K,
    /// The keys that were loaded with it, and its own position among them.
    place: Option<(Arc<Members<K>>, u32)>,
}

impl<K: KeyType> Ref<K> {
    /// A key without peers.
    pub fn new(key: K) -> Self {
        Ref { key, place: None }
    }
}

/// The argument of a merged call: a key, and the keys that are likely to be requested next.
pub trait PeerKey<K> {
    /// The key.
    fn key(&self) -> K;
    /// The keys beside it. They may include the key itself.
    fn peers(&self) -> Vec<K>;
}

impl<K: KeyType> PeerKey<K> for K {
    fn key(&self) -> K {
        self.clone()
    }
    fn peers(&self) -> Vec<K> {
        Vec::new()
    }
}

impl<K: KeyType> PeerKey<K> for &Ref<K> {
    fn key(&self) -> K {
        self.key.clone()
    }
    fn peers(&self) -> Vec<K> {
        let Some((peers, _)) = &self.place else { return Vec::new() };
        peers.iter().filter(|peer| peer.is_held()).map(|peer| peer.value.clone()).collect()
    }
}

/// Makes the references of `rows` peers. Called by the derive.
#[doc(hidden)]
pub fn link_references<E, K: KeyType>(
    rows: &mut [&mut E],
    peering: Peering,
    field: impl Fn(&mut E) -> &mut Ref<K>,
) {
    for rows in rows.chunks_mut(peering.cohort_size) {
        let peers = Arc::new(Members::from_iter(rows.iter_mut().map(|row| field(row).key.clone())));
        for (index, row) in (0..).zip(rows) {
            let reference = field(row);
            *reference = Ref { key: reference.key.clone(), place: Some((Arc::clone(&peers), index)) };
        }
    }
}

impl<K: KeyType> Clone for Ref<K> {
    fn clone(&self) -> Self {
        if let Some((peers, index)) = &self.place {
            peers[*index as usize].join();
        }
        Ref { key: self.key.clone(), place: self.place.clone() }
    }
}

impl<K: KeyType> Drop for Ref<K> {
    fn drop(&mut self) {
        if let Some((peers, index)) = &self.place {
            peers[*index as usize].leave();
        }
    }
}

impl<K: KeyType> fmt::Debug for Ref<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

impl<K: KeyType> ColumnType for Ref<K> {
    const KIND: Kind = K::KIND;
    fn to_value(&self) -> Value {
        self.key.to_value()
    }
    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        K::read(row, index).map(Ref::new)
    }
}
