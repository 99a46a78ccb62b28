//! The configuration of HTTP, as the layers use it.

use std::time::Duration;

use super::origins::Origins;
use super::proxies::Proxies;
use crate::config::Secret;

/// The session's cookie on `https`: the prefix binds it to this host, path `/` and TLS (RFC 6265bis).
const SECURE_COOKIE: &str = "__Host-tenfold";
/// The session's cookie on plain `http`, which browsers give no `__Host-` cookie for: development on loopback.
const PLAIN_COOKIE: &str = "tenfold";

/// What the layer around the handlers needs to know of the configuration.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// After this long a request is given up with a 503.
    pub deadline: Duration,
    /// The longest body that is read, in bytes.
    pub body_limit: usize,
    /// Connections at once; for one more, the one that is idle longest is closed, or it waits.
    pub max_connections: usize,
    /// How long a client may take to send a request's head.
    pub header_timeout: Duration,
    /// How long the body of a request may take to arrive in whole.
    pub body_timeout: Duration,
    /// How long a connection may be without a request.
    pub idle_timeout: Duration,
    /// The least bytes a second at which a client must send a body and take an answer.
    pub least_pace: u64,
    /// Over how long a client's pace is measured.
    pub pace_window: Duration,
    /// How long requests in flight may take once the process is stopping.
    pub shutdown_timeout: Duration,
    /// Whether answers say what they cost.
    pub server_timing: bool,
    /// Whether clients reach the service by https, so that cookies can be `__Host-` and `Secure`.
    pub https: bool,
    /// Which pages of a browser are the service's own, and which others may use its API.
    pub origins: Origins,
    /// What `/metrics` asks for; empty for nothing.
    pub metrics_password: Secret,
    /// Whose word about a client's address is taken.
    pub proxies: Proxies,
}

impl HttpSettings {
    /// The least bytes that a client must send or take in one `pace_window`.
    pub(crate) fn least_in_a_window(&self) -> u64 {
        let milliseconds = u64::try_from(self.pace_window.as_millis()).unwrap_or(u64::MAX);
        self.least_pace.saturating_mul(milliseconds) / 1000
    }

    /// The name of the session's cookie.
    pub fn session_cookie(&self) -> &'static str {
        if self.https { SECURE_COOKIE } else { PLAIN_COOKIE }
    }
}
