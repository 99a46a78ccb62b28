//! Which revision of the protocol a request speaks, and whether its headers agree with it.
//!
//! A request of revision 2026-07-28 names it in `_meta` and in headers; each stands alone. Clients of earlier revisions begin with
//! `initialize`, and need nothing else here, since no session is kept. A server may serve both generations at one address
//! (modelcontextprotocol.io, 2026-07-28, Versioning and Compatibility).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tenfold::http::{HeaderMap, StatusCode};

use super::message::{RpcError, RpcRequest};

/// The revision whose requests name it.
pub(super) const MODERN: &str = "2026-07-28";
/// The revisions that begin with `initialize`, the newest first.
const HANDSHAKE: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";
const VERSION_HEADER: &str = "mcp-protocol-version";
/// Headers and body say different things.
const HEADER_MISMATCH: i64 = -32020;
const UNSUPPORTED_VERSION: i64 = -32022;

/// A generation of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// Revision 2026-07-28.
    Modern,
    /// Those that begin with `initialize`.
    Handshake,
}

/// The generation that a request speaks.
///
/// # Errors
/// It is of revision 2026-07-28 and lacks something, its headers say something else than its body, or its revision is not served.
pub(super) fn generation(request: &RpcRequest, headers: &HeaderMap) -> Result<Generation, RpcError> {
    let meta = request.params.get("_meta");
    let version = meta.and_then(|meta| meta.get(VERSION_KEY));
    let header = headers.get(VERSION_HEADER).map(|value| value.to_str().unwrap_or_default());
    let begins = request.method == "initialize";
    if version.is_none() || begins {
        return match header {
            None => Ok(Generation::Handshake),
            Some(_) if begins => Ok(Generation::Handshake),
            Some(known) if HANDSHAKE.contains(&known) => Ok(Generation::Handshake),
            Some(MODERN) => Err(lacking()),
            Some(other) => Err(unsupported(other)),
        };
    }
    let Some(version) = version.and_then(Value::as_str) else {
        return Err(RpcError::invalid_params(format!("`_meta` must have a text as {VERSION_KEY}")));
    };
    if !meta.and_then(|meta| meta.get(CAPABILITIES_KEY)).is_some_and(Value::is_object) {
        return Err(lacking());
    }
    agrees(headers, VERSION_HEADER, version)?;
    agrees(headers, "mcp-method", &request.method)?;
    if let Some(name) = request.params.get("name").and_then(Value::as_str)
        && request.method == "tools/call"
    {
        agrees(headers, "mcp-name", name)?;
    }
    if version == MODERN { Ok(Generation::Modern) } else { Err(unsupported(version)) }
}

/// The revision that answers `initialize`: the one that the client asks for if it is served, else the newest.
pub(super) fn negotiate(asked: Option<&str>) -> &'static str {
    HANDSHAKE.into_iter().find(|known| asked == Some(known)).unwrap_or(HANDSHAKE[0])
}

fn lacking() -> RpcError {
    RpcError::invalid_params(format!(
        "a request of revision {MODERN} has {VERSION_KEY} and {CAPABILITIES_KEY} in `_meta`"
    ))
}

fn unsupported(asked: &str) -> RpcError {
    let error = RpcError::new(StatusCode::BAD_REQUEST, UNSUPPORTED_VERSION, "Unsupported protocol version");
    error.with_data(json!({"supported": [MODERN], "requested": asked}))
}

/// Checks that a header repeats what the body says.
fn agrees(headers: &HeaderMap, name: &str, expected: &str) -> Result<(), RpcError> {
    let given = headers.get(name).and_then(|value| value.to_str().ok());
    if given.and_then(decoded).as_deref() == Some(expected) {
        return Ok(());
    }
    let message = match given {
        None => format!("Header mismatch: the header {name} is missing; it repeats `{expected}` of the body"),
        Some(_) => format!("Header mismatch: the header {name} must repeat `{expected}` of the body"),
    };
    Err(RpcError::new(StatusCode::BAD_REQUEST, HEADER_MISMATCH, message))
}

/// What a header says, which may be in base64.
fn decoded(value: &str) -> Option<String> {
    let Some(encoded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) else {
        return Some(value.to_owned());
    };
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}
