//! Where a request comes from: the connection's peer, or, behind a proxy that the configuration trusts, what it says.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use ipnet::IpNet;

use super::problem::Problem;
use super::state::ServerState;

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
