use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{loaded::Loaded, setting::Setting};

/// The value of one setting, to compare it with that of another process.
pub(crate) enum SettingPrint {
    /// It may be shown.
    Shown(String),
    /// A secret is in it.
    Hidden(HiddenValue),
}

/// A value that nothing may show: it has no `Debug`.
pub(crate) struct HiddenValue(String);

impl HiddenValue {
    /// 128 bits of HMAC-SHA-256 over the value, in hex. A reader without the salt cannot try values against it.
    pub(crate) fn hash(&self, salt: &str) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(salt.as_bytes()).expect("HMAC takes keys of any length");
        let hash = mac.chain_update(self.0.as_bytes()).finalize().into_bytes();
        hex(&hash[..16])
    }
}

/// Bytes as text, two digits each.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Loaded {
    /// Every setting by its key, in a form that differs if the value does.
    pub(crate) fn fingerprints(&self) -> BTreeMap<String, SettingPrint> {
        let print = |setting: &Setting| match setting.value.hides(setting.secrecy) {
            true => {
                SettingPrint::Hidden(HiddenValue(format!("{}\0{}", setting.key, setting.value.exposed())))
            }
            false => SettingPrint::Shown(setting.value.shown(setting.secrecy)),
        };
        self.settings.iter().map(|setting| (setting.key.clone(), print(setting))).collect()
    }
}
