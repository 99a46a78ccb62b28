//! Which proxies are trusted to report a client's address.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;
use ipnet::IpNet;
use serde::Deserialize;

/// The header that trusted proxies write; `http.forwarded_header`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ForwardedHeader {
    /// `X-Forwarded-For: 192.0.2.1, 198.51.100.7`.
    XForwardedFor,
    /// `Forwarded: for=192.0.2.1, for="[2001:db8::1]:4711"` (RFC 7239).
    Forwarded,
}

impl ForwardedHeader {
    fn name(self) -> &'static str {
        match self {
            ForwardedHeader::XForwardedFor => "x-forwarded-for",
            ForwardedHeader::Forwarded => "forwarded",
        }
    }

    /// The hops of all header lines, the nearest first; `None` for a hop that is not an address.
    fn hops(self, headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
        let lines = headers.get_all(self.name()).into_iter().map(|line| line.to_str().unwrap_or_default());
        let mut hops: Vec<_> = lines.flat_map(|line| line.split(',')).map(|hop| self.hop(hop)).collect();
        hops.reverse();
        hops.into_iter()
    }

    fn hop(self, hop: &str) -> Option<IpAddr> {
        match self {
            ForwardedHeader::XForwardedFor => node(hop),
            ForwardedHeader::Forwarded => {
                let mut pairs = hop.split(';').filter_map(|pair| pair.trim().split_once('='));
                let (_, value) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
                node(value.trim_matches('"'))
            }
        }
    }
}

/// An address with or without a port; an IPv6 address may be in brackets.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let plain = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = plain.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// Which proxies are trusted to report a client's address; `http.trusted_proxies` and `http.forwarded_header`.
#[derive(Clone, Debug)]
pub struct Proxies {
    trusted: Arc<[IpNet]>,
    header: ForwardedHeader,
    /// Whether the log has already reported that an untrusted peer sends the header.
    told: Arc<AtomicBool>,
}

/// An address or a network, as `http.trusted_proxies` lists them.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ProxyNetwork(IpNet);

impl TryFrom<String> for ProxyNetwork {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let wanted = "expected addresses such as 10.0.0.7 or networks such as 10.0.0.0/8 or fd00::/8";
        network.map(ProxyNetwork).map_err(|_| wanted.to_owned())
    }
}

impl Proxies {
    pub(crate) fn new(trusted: &[ProxyNetwork], header: ForwardedHeader) -> Self {
        let trusted = trusted.iter().map(|network| network.0).collect();
        Proxies { trusted, header, told: Arc::default() }
    }

    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            self.tell_once(client, headers);
            return client;
        }
        for hop in self.header.hops(headers) {
            let Some(hop) = hop else { break };
            client = hop;
            if !self.trusts(hop) {
                break;
            }
        }
        client
    }

    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// Behind an unlisted proxy all clients share one address, so one attacker exhausts the limits of all of them.
    fn tell_once(&self, peer: IpAddr, headers: &HeaderMap) {
        let name = self.header.name();
        if headers.contains_key(name) && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                client.address = %peer,
                "{name} is ignored: its sender is not in http.trusted_proxies; if it is your proxy, add it there"
            );
        }
    }
}
