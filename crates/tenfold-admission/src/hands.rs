//! Shuffle sharding: each flow has a few of the lanes, chosen by its hash.
//!
//! A flow that fills its lanes leaves others some of theirs: of 64 lanes, two hands of 8 are the same with a
//! probability of 2 in 10 billion. The lanes are dealt like cards, as Kubernetes API Priority and Fairness does.

use crate::Flow;
use crate::random::mix;

/// How many lanes there are.
pub(crate) const LANES: usize = 64;
/// How many of them a flow has.
pub(crate) const HAND: usize = 8;

/// The lanes of a flow. `seed` keeps clients from choosing flows that share them.
pub(crate) fn hand(seed: u64, flow: Flow) -> [usize; HAND] {
    let mut deck: [usize; LANES] = std::array::from_fn(|lane| lane);
    let mut number = mix(seed ^ mix(flow.0));
    let mut hand = [0; HAND];
    for (dealt, card) in hand.iter_mut().enumerate() {
        let left = LANES - dealt;
        // The remainder is below 64, so nothing is cut off.
        let chosen = (number % left as u64) as usize;
        number = mix(number);
        *card = deck[chosen];
        deck[chosen] = deck[left - 1];
    }
    hand
}
