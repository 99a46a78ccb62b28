//! Where a request comes from: the connection's peer, or the address that a trusted proxy reports.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{Extensions, HeaderMap};
use ipnet::IpNet;

use super::problem::Problem;
use super::state::ServerState;

/// The network part of an IPv6 address, in bits: a provider assigns a customer a /64 or more, so one machine has 2^64
/// addresses to choose from.
const IPV6_NETWORK: u8 = 64;

/// The address at the other end of the connection. The server puts it into the extensions of each request, and
/// [`TestRequest::from_address`](crate::testing::TestRequest::from_address) does for tests.
#[derive(Clone, Copy, Debug)]
pub struct PeerAddress(pub IpAddr);

/// In a handler's signature: the client's address. It costs no statement.
///
/// It is the connection's peer. If `http.trusted_proxies` contains the peer, it is read from the header that
/// `http.forwarded_header` names: hops are read from the right, where the nearest proxy wrote, and the first hop that
/// is not a trusted proxy is the client. Everything to the left of it is the client's own text and is ignored. A hop
/// that is not an address (`unknown`, RFC 7239) ends the search at the proxy that reported it.
///
/// No header decides which scheme the client used: `http.public_url` says how browsers reach the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The address; an IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`) is given as IPv4.
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// The network from which one client can choose its addresses: the IPv4 address alone, or the /64 of an IPv6
    /// address. Limits per address use this.
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
        let client = client_of(&parts.extensions, &parts.headers, state);
        client.ok_or_else(|| Problem::internal("the server gave the request no PeerAddress"))
    }
}

/// The address of a request's client; nothing if the server did not say who the peer is.
pub(super) fn client_of(
    extensions: &Extensions,
    headers: &HeaderMap,
    state: &ServerState,
) -> Option<ClientAddress> {
    let peer = extensions.get::<PeerAddress>()?;
    Some(ClientAddress(state.settings().proxies.client(peer.0, headers)))
}
