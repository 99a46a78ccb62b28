//! The SHA-256 of an upload, and the checksum that the client announces.

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
/// Digests of other algorithms are ignored, as the RFC says, but must be well formed.
///
/// # Errors
/// 400 for a malformed checksum.
pub(crate) fn announced(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    if let Some(digest) = content_digest(headers)? {
        return Ok(Some(digest));
    }
    let Some(digits) = headers.get("x-checksum-sha256") else { return Ok(None) };
    let digits = digits.to_str().map_err(|_| malformed())?.to_ascii_lowercase();
    let is_hash = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { Ok(Some(digits)) } else { Err(malformed()) }
}

/// The SHA-256 of `Content-Digest`, a dictionary of byte sequences (RFC 8941): the last of several counts, and several
/// header lines form one dictionary.
fn content_digest(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut found = None;
    for digests in headers.get_all("content-digest") {
        for entry in digests.to_str().map_err(|_| malformed())?.split(',') {
            let (name, value) = entry.trim().split_once('=').ok_or_else(malformed)?;
            let is_name = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '*')
                && name.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte)
                });
            let encoded = value.strip_prefix(':').and_then(|value| value.strip_suffix(':'));
            let bytes = STANDARD.decode(encoded.ok_or_else(malformed)?).map_err(|_| malformed())?;
            if !is_name || (name == "sha-256" && bytes.len() != 32) {
                return Err(malformed());
            }
            if name == "sha-256" {
                found = Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
            }
        }
    }
    Ok(found)
}

fn malformed() -> Problem {
    Problem::bad_request(
        "write a checksum as `Content-Digest: sha-256=:BASE64:` or `X-Checksum-Sha256: HEX`, of 32 bytes",
    )
}

/// 400: the received bytes do not match the announced checksum.
pub(crate) fn mismatch(announced: &str, arrived: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "checksum-mismatch", "Checksum mismatch").detail(
        format!("the announced SHA-256 is {announced}, the received bytes have {arrived}: nothing was stored, send them again"),
    )
}
