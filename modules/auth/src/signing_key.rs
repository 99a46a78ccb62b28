//! The key that signs tokens. It is made once and stored, so that all processes have the same.

use tenfold::prelude::*;

use crate::entities::{TokenKey, TokenKeyRow};
use crate::token::SigningKey;

/// The newest signing key. Two processes that start at once both try to store one; the primary key lets one win.
pub(crate) async fn signing_key(cx: &SystemContext) -> Result<SigningKey, DataError> {
    const CURRENT: i64 = 1;
    if let Some(key) = TokenKey::find(cx, CURRENT).await? {
        return Ok(SigningKey::new(&key.secret));
    }
    let mut secret = vec![0; 32];
    getrandom::fill(&mut secret).map_err(|error| DataError::Settings(format!("no random bytes: {error}")))?;
    let key = TokenKeyRow { id: CURRENT, secret, created_at: cx.now() };
    match cx.transaction(async |tx| key.insert(tx).await).await {
        Ok(key) => Ok(SigningKey::new(&key.secret)),
        Err(error) if error.is_conflict() => {
            let key = TokenKey::get(cx, CURRENT).await?;
            Ok(SigningKey::new(&key.secret))
        }
        Err(error) => Err(error),
    }
}
