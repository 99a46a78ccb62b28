//! The configuration of HTTP, as the layers use it.

use std::time::Duration;

use super::admission::gate::AdmissionOptions;
use super::buffers::BufferLimits;
use super::origins::Origins;
use super::proxies::Proxies;
use crate::config::Secret;

/// The session's cookie on `https`: the prefix binds it to this host, path `/` and TLS (RFC 6265bis).
const SECURE_COOKIE: &str = "__Host-tenfold";
/// The session's cookie on plain `http`, where browsers refuse `__Host-` cookies: development on loopback.
const PLAIN_COOKIE: &str = "tenfold";

/// The part of the configuration that the layer around the handlers needs.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// After this long a request is given up with a 503.
    pub deadline: Duration,
    /// The longest body that is read, in bytes.
    pub body_limit: usize,
    /// The most bytes that are held in memory for clients.
    pub(crate) buffers: BufferLimits,
    /// Connections at once. For one more, the longest idle one is closed; otherwise the new one waits.
    pub max_connections: usize,
    /// How long a client may take to send a request's head.
    pub header_timeout: Duration,
    /// How long the body of a request may take to arrive in whole.
    pub body_timeout: Duration,
    /// How long a connection may be without a request.
    pub idle_timeout: Duration,
    /// The minimum rate, in bytes per second, at which a client must send a body and read an answer.
    pub least_pace: u64,
    /// The window over which a client's rate is measured.
    pub pace_window: Duration,
    /// How long requests in flight may take once the process is stopping.
    pub shutdown_timeout: Duration,
    /// Whether answers report their cost.
    pub server_timing: bool,
    /// Whether clients reach the service by https, so that cookies can be `__Host-` and `Secure`.
    pub https: bool,
    /// Which pages are the service's own, and which others may use its API.
    pub origins: Origins,
    /// The password of `/metrics`; empty for none.
    pub metrics_password: Secret,
    /// Which proxies are trusted to report a client's address.
    pub proxies: Proxies,
    /// The bounds of what runs and waits at once.
    pub admission: AdmissionOptions,
    /// The bounds of live updates.
    pub live: LiveSettings,
}

/// The bounds of live updates.
#[derive(Clone, Copy, Debug)]
pub struct LiveSettings {
    /// The most resources that one `GET /v1/live` may watch.
    pub max_watches: usize,
    /// How many streams of the process look at the database at once. The others wait.
    pub looks_at_once: usize,
}

impl HttpSettings {
    /// The fewest bytes that a client must send or read in one `pace_window`.
    pub(crate) fn least_in_a_window(&self) -> u64 {
        let milliseconds = u64::try_from(self.pace_window.as_millis()).unwrap_or(u64::MAX);
        self.least_pace.saturating_mul(milliseconds) / 1000
    }

    /// The name of the session's cookie.
    pub fn session_cookie(&self) -> &'static str {
        if self.https { SECURE_COOKIE } else { PLAIN_COOKIE }
    }
}
