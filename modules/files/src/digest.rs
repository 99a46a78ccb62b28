//! SHA-256 of what was uploaded, and what the client says that it should be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use tenfold::http::{HeaderMap, StatusCode};
use tenfold::prelude::*;

/// A SHA-256 as hexadecimal digits.
pub(crate) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The checksum that a request announces: `Content-Digest: sha-256=:BASE64:` (RFC 9530), or `X-Checksum-Sha256: HEX`.
/// Digests by other algorithms are left alone, as the RFC says.
///
/// # Errors
/// 400 when a SHA-256 is announced that is none.
pub(crate) fn announced(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let malformed = || {
        Problem::bad_request(
            "a checksum is written `Content-Digest: sha-256=:BASE64:` or `X-Checksum-Sha256: HEX`, of 32 bytes",
        )
    };
    let text =
        |name: &str| headers.get(name).map(|value| value.to_str().map_err(|_| malformed())).transpose();
    if let Some(digests) = text("content-digest")? {
        let mut entries = digests.split(',').filter_map(|entry| entry.trim().split_once('='));
        if let Some((_, value)) = entries.find(|(name, _)| *name == "sha-256") {
            let encoded = value.strip_prefix(':').and_then(|value| value.strip_suffix(':'));
            let bytes = STANDARD.decode(encoded.ok_or_else(malformed)?).map_err(|_| malformed())?;
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            return if bytes.len() == 32 { Ok(Some(digits)) } else { Err(malformed()) };
        }
    }
    let Some(digits) = text("x-checksum-sha256")?.map(str::to_ascii_lowercase) else { return Ok(None) };
    let is_hash = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { Ok(Some(digits)) } else { Err(malformed()) }
}

/// 400: other bytes arrived than were announced.
pub(crate) fn mismatch(announced: &str, arrived: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "checksum-mismatch", "Other bytes arrived than were announced").detail(
        format!("the SHA-256 was announced as {announced}, and what arrived has {arrived}: nothing is stored, send it again"),
    )
}
