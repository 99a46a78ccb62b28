//! The token of the link in a mail that stops mails of its kinds.
//!
//! It names the person and the kinds, and carries a MAC (RFC 2104), so no row has to be kept for a mail. It turns off mails of these kinds and
//! does nothing else, so it does not expire: somebody may open an old mail.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tenfold::prelude::*;
use uuid::Uuid;

use crate::entities::{StopKeyRecord, StopKeyRecordRow};

/// The key is for these links alone; this also keeps its MACs apart from those of a later kind of link.
const PURPOSE: &[u8] = b"notifications.stop.1";
/// The bytes of an id, and of the half of the MAC that is kept.
const PART: usize = 16;

/// The key that signs the tokens.
pub(crate) struct StopKey(Vec<u8>);

/// Whose mails of which kinds a link stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StopToken {
    pub organization: OrgId,
    pub user: Uuid,
    pub kinds: Vec<String>,
}

impl StopKey {
    fn mac(&self, signed: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(PURPOSE);
        mac.update(signed);
        mac
    }
}

impl StopToken {
    /// The text that stands in the link.
    pub(crate) fn sign(&self, key: &StopKey) -> String {
        let kinds = self.kinds.join("\n");
        let mut bytes =
            [self.organization.0.as_bytes(), &self.user.as_bytes()[..], kinds.as_bytes()].concat();
        let mac = key.mac(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&mac[..PART]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token that this application signed; anything else is `None`.
    pub(crate) fn verify(text: &str, key: &StopKey) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (signed, mac) = bytes.split_at_checked(bytes.len().checked_sub(PART)?)?;
        // Compares in constant time.
        key.mac(signed).verify_truncated_left(mac).ok()?;
        let (organization, rest) = signed.split_at_checked(PART)?;
        let (user, kinds) = rest.split_at_checked(PART)?;
        Some(StopToken {
            organization: OrgId(Uuid::from_slice(organization).ok()?),
            user: Uuid::from_slice(user).ok()?,
            kinds: std::str::from_utf8(kinds).ok()?.split('\n').map(str::to_owned).collect(),
        })
    }
}

/// The key, which is made once and stored, so that all processes have the same. Two that start at once both try to store one; the primary key
/// lets one win.
pub(crate) async fn stop_key(cx: &SystemContext) -> Result<StopKey, DataError> {
    const CURRENT: i64 = 1;
    if let Some(key) = StopKeyRecord::find(cx, CURRENT).await? {
        return Ok(StopKey(key.secret.clone()));
    }
    let mut secret = vec![0; 32];
    getrandom::fill(&mut secret).map_err(|error| DataError::Settings(format!("no random bytes: {error}")))?;
    let key = StopKeyRecordRow { id: CURRENT, secret, created_at: cx.now() };
    match cx.transaction(async |tx| key.insert(tx).await).await {
        Ok(key) => Ok(StopKey(key.secret)),
        Err(error) if error.is_conflict() => {
            let key = StopKeyRecord::get(cx, CURRENT).await?;
            Ok(StopKey(key.secret.clone()))
        }
        Err(error) => Err(error),
    }
}
