use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{loaded::Loaded, setting::Setting};

impl Loaded {
    /// Every setting by its key, in a form that differs if the value does. A value that may be shown is itself. One with a secret in it is
    /// masked, with 16 bits of its hash: enough to see that it is another one, and far too few to find it.
    pub fn fingerprints(&self) -> BTreeMap<String, String> {
        self.settings.iter().map(|setting| (setting.key.clone(), fingerprint(setting))).collect()
    }
}

fn fingerprint(setting: &Setting) -> String {
    let shown = setting.value.shown(setting.secrecy);
    if !setting.value.hides(setting.secrecy) {
        return shown;
    }
    let hash =
        Sha256::new().chain_update(&setting.key).chain_update([0_u8]).chain_update(setting.value.exposed());
    let hash = hash.finalize();
    format!("{shown} ({:02x}{:02x})", hash[0], hash[1])
}
