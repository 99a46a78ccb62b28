//! The heaviest of many keys in bounded memory.
//!
//! Space-Saving (Metwally, Agrawal and El Abbadi, 2005): a full table gives the slot of its lightest key to a new one,
//! which inherits its weight. A key that has more than a `capacity`-th of all weight is always in the table.

use std::collections::HashMap;
use std::hash::Hash;

/// The heaviest keys.
#[derive(Clone, Debug)]
pub struct SpaceSaving<K> {
    capacity: usize,
    places: HashMap<K, usize>,
    keys: Vec<K>,
    /// Dense, because the lightest is searched for each new key.
    weights: Vec<f64>,
    inherited: Vec<f64>,
}

/// One of the heaviest keys.
#[derive(Clone, Debug, PartialEq)]
pub struct HeavyHitter<K> {
    /// The key.
    pub key: K,
    /// Its weight; never less than the true one.
    pub weight: f64,
    /// By how much the weight may be too high.
    pub error: f64,
}

impl<K: Copy + Eq + Hash + Ord> SpaceSaving<K> {
    /// An empty table for this many keys, at least one.
    pub fn new(capacity: usize) -> Self {
        let (places, keys, weights, inherited) = (HashMap::new(), Vec::new(), Vec::new(), Vec::new());
        SpaceSaving { capacity: capacity.max(1), places, keys, weights, inherited }
    }

    /// Adds weight to a key; returns the key that lost its slot for it.
    pub fn add(&mut self, key: K, weight: f64) -> Option<K> {
        if let Some(place) = self.places.get(&key) {
            self.weights[*place] += weight;
            return None;
        }
        if self.keys.len() < self.capacity {
            self.places.insert(key, self.keys.len());
            self.keys.push(key);
            self.weights.push(weight);
            self.inherited.push(0.0);
            return None;
        }
        let first = (0, f64::INFINITY);
        let (place, least) =
            self.weights.iter().enumerate().fold(first, |(place, least), (index, weight)| {
                if *weight < least { (index, *weight) } else { (place, least) }
            });
        let evicted = std::mem::replace(&mut self.keys[place], key);
        self.places.remove(&evicted);
        self.places.insert(key, place);
        self.weights[place] = least + weight;
        self.inherited[place] = least;
        Some(evicted)
    }

    /// Forgets all keys, and keeps the memory for the next ones.
    pub fn clear(&mut self) {
        self.places.clear();
        self.keys.clear();
        self.weights.clear();
        self.inherited.clear();
    }

    /// Multiplies all weights by this factor, so that the past is forgotten.
    pub fn fade(&mut self, factor: f64) {
        self.weights.iter_mut().chain(&mut self.inherited).for_each(|weight| *weight *= factor);
    }

    /// The heaviest keys, the heaviest first.
    pub fn top(&self, most: usize) -> Vec<HeavyHitter<K>> {
        let slots = self.keys.iter().zip(&self.weights).zip(&self.inherited);
        let mut all: Vec<_> = slots
            .map(|((key, weight), error)| HeavyHitter { key: *key, weight: *weight, error: *error })
            .collect();
        all.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.key.cmp(&b.key)));
        all.truncate(most);
        all
    }
}
