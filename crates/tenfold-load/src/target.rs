//! The application that is loaded, by its address.

use std::fmt;
use std::net::SocketAddr;

use anyhow::Context as _;
use http::Uri;

/// Where the application answers: `http://HOST:PORT`.
#[derive(Clone, Debug)]
pub struct LoadTarget {
    host: String,
    address: SocketAddr,
}

impl LoadTarget {
    /// The application on this machine that listens at an address of its settings.
    ///
    /// # Errors
    /// When others can be reached by that address: `--target` must name them.
    pub fn of_listener(listen: SocketAddr) -> anyhow::Result<Self> {
        let mut address = listen;
        if listen.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        anyhow::ensure!(
            address.ip().is_loopback(),
            "http.listen is {listen}, which is not loopback: name the application that gets the load with --target"
        );
        Ok(LoadTarget { host: address.to_string(), address })
    }

    /// Looks up the host of an address such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When it has another form, or the host is not known.
    pub async fn find(url: &str) -> anyhow::Result<Self> {
        let wrong = || format!("`{url}` is not a target: write http://HOST or http://HOST:PORT");
        let uri: Uri = url.parse().with_context(wrong)?;
        anyhow::ensure!(
            uri.scheme_str() != Some("https"),
            "`{url}` is not a target: the load is sent without TLS, so name the application behind the proxy, http://HOST:PORT"
        );
        let is_plain =
            uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/") && uri.query().is_none();
        let authority = uri.authority().filter(|authority| is_plain && !authority.as_str().contains('@'));
        let authority = authority.with_context(wrong)?;
        let name = authority.host().trim_start_matches('[').trim_end_matches(']');
        let addresses = tokio::net::lookup_host((name, authority.port_u16().unwrap_or(80))).await;
        let mut addresses = addresses.with_context(|| format!("the host of {url} is not known"))?;
        let address = addresses.next().with_context(|| format!("the host of {url} has no address"))?;
        Ok(LoadTarget { host: authority.to_string(), address })
    }

    /// Whether it is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.address.ip().is_loopback()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// For the header `Host`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for LoadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.host)
    }
}
