//! Where a request comes from: the connection's peer, or, behind a proxy that the configuration trusts, what it says.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use ipnet::IpNet;
use serde::Deserialize;

use super::{Problem, ServerState};

/// Bits of an IPv6 address that tell networks apart: a provider gives a customer a /64 or more, and so one machine has
/// 2^64 addresses to come from.
const IPV6_NETWORK: u8 = 64;

/// The address at the other end of the connection. The server puts it into the extensions of each request, and
/// [`TestRequest::from_address`](crate::testing::TestRequest::from_address) does for tests.
#[derive(Clone, Copy, Debug)]
pub struct PeerAddress(pub IpAddr);

/// In a handler's signature: the address that the client has. It costs no statement.
///
/// It is the connection's peer. If `http.trusted_proxies` holds the peer, it is what the header of
/// `http.forwarded_header` says: its hops are read from the right, where the nearest proxy wrote, and the first that is no
/// trusted proxy is the client. What stands left of that is the client's own text, and ignored. A hop that is no address
/// (`unknown`, RFC 7239) ends the search at the proxy that reported it.
///
/// Which scheme the client used is not asked of any header: `http.public_url` says how browsers reach the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The address; an IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`) is given as IPv4.
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// What one client can choose its addresses from: the IPv4 address alone, or the /64 of an IPv6 address. What counts
    /// or shares by address counts by this.
    pub fn network(self) -> IpNet {
        match self.0 {
            IpAddr::V4(_) => IpNet::from(self.0),
            IpAddr::V6(_) => IpNet::new_assert(self.0, IPV6_NETWORK).trunc(),
        }
    }
}

impl FromRequestParts<ServerState> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<PeerAddress>();
        let peer = peer.ok_or_else(|| Problem::internal("the server gave the request no PeerAddress"))?;
        Ok(ClientAddress(state.settings().proxies.client(peer.0, &parts.headers)))
    }
}

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

    /// The hops of all lines, the nearest first; `None` stands for one that is no address.
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

/// An address with or without a port, an IPv6 address in brackets or not.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let plain = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = plain.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// Whose word about a client's address is taken; `http.trusted_proxies` and `http.forwarded_header`.
#[derive(Clone, Debug)]
pub struct Proxies {
    trusted: Arc<[IpNet]>,
    header: ForwardedHeader,
    /// Whether the log has said that an untrusted peer sends the header.
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

    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
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

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// Behind a proxy that is not named, everybody has one address, and one attacker's wait is everybody's.
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
