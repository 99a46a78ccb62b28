//! Tokens that were signed with the key of the configured password, or were not, as far as this process remembers.
//!
//! A token is a guess of the password: if its signature is right, the password was. So a wrong one counts as a wrong sign-in, once for a browser that
//! shows the same one again and again after the password has changed. While a network has to wait, its tokens are not looked at, but for
//! those that were right before.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tenfold::operators::ConsoleToken;

/// How many right and how many wrong tokens are remembered.
const MOST: usize = 256;

/// The last tokens that were looked at.
#[derive(Default)]
pub(crate) struct SeenTokens {
    right: Mutex<VecDeque<[u8; 32]>>,
    wrong: Mutex<VecDeque<[u8; 32]>>,
}

impl SeenTokens {
    /// Whether the token was right before.
    pub(crate) fn was_right(&self, token: &ConsoleToken) -> bool {
        self.right.lock().unwrap_or_else(PoisonError::into_inner).contains(&token.fingerprint())
    }

    /// Remembers a right one.
    pub(crate) fn remember_right(&self, token: &ConsoleToken) {
        remember(&self.right, token);
    }

    /// Remembers a wrong one; whether it is new.
    pub(crate) fn remember_wrong(&self, token: &ConsoleToken) -> bool {
        remember(&self.wrong, token)
    }
}

fn remember(tokens: &Mutex<VecDeque<[u8; 32]>>, token: &ConsoleToken) -> bool {
    let (fingerprint, mut tokens) =
        (token.fingerprint(), tokens.lock().unwrap_or_else(PoisonError::into_inner));
    if tokens.contains(&fingerprint) {
        return false;
    }
    if tokens.len() >= MOST {
        tokens.pop_front();
    }
    tokens.push_back(fingerprint);
    true
}
