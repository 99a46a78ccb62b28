//! `http.operators`.

use std::net::SocketAddr;

use crate::config::{ConfigError, Loaded};

/// The address of the second port; none if it is empty.
pub(super) fn read_operators(
    loaded: &Loaded,
    listen: SocketAddr,
    text: &str,
) -> Result<Option<SocketAddr>, ConfigError> {
    const KEY: &str = "http.operators";
    if text.is_empty() {
        return Ok(None);
    }
    let Ok(address) = text.parse::<SocketAddr>() else {
        let allowed = "it must be an address and a port, such as 127.0.0.1:9090, or empty";
        return loaded.refuse(KEY, allowed).map(|()| None);
    };
    if address.port() != 0 && address.port() == listen.port() {
        loaded.refuse(KEY, "it must have another port than http.listen")?;
    }
    Ok(Some(address))
}
