//! Requests that were admitted, and whose bodies there is no room for: they are refused, too, though a part of them has run.

use http::Method;
use tenfold_data::OrgId;

use super::enter::tell_refused;
use crate::http::buffers::BytesOf;
use crate::http::state::ServerState;

/// Tells telemetry of such a request of this method and route, by the rules for those that are not admitted. It was for this
/// organization, if a session was found before its body.
pub(in super::super) fn count_refused_body(
    state: &ServerState,
    (method, route): (&Method, &str),
    organization: Option<OrgId>,
    bytes: BytesOf,
) {
    let (class, _) = state.route_classes().of(method, route);
    tell_refused(state, (method, route), (class, organization), Some(bytes));
}
