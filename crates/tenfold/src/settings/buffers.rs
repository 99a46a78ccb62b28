//! What is held in memory for clients: `http.buffer_limit` and `http.connection_buffer_limit`.

use crate::config::{ByteSize, ConfigError, Loaded};
use crate::http::BufferLimits;

/// Checks the bounds. A whole body must fit, with what it takes to collect it.
pub(super) fn read_buffers(
    loaded: &Loaded,
    body: ByteSize,
    all: ByteSize,
    connection: ByteSize,
) -> Result<BufferLimits, ConfigError> {
    loaded.within("http.buffer_limit", all, ByteSize::mib(1)..=ByteSize::gib(64))?;
    loaded.within("http.connection_buffer_limit", connection, ByteSize::kib(128)..=ByteSize::gib(16))?;
    if connection.as_u64() / 2 < body.as_u64() {
        let least = format!("it must be at least twice http.body_limit, which is {body}");
        loaded.refuse("http.connection_buffer_limit", &least)?;
    }
    if all.as_u64() / 2 < connection.as_u64() {
        let least = format!("it must be at least twice http.connection_buffer_limit, which is {connection}");
        loaded.refuse("http.buffer_limit", &least)?;
    }
    Ok(BufferLimits { all: all.as_usize(), connection: connection.as_usize() })
}
