//! Requests that were admitted, and whose bodies there is no room for: they are refused, too, though a part of them has run.

use http::Method;
use tenfold_admission::RequestClass;
use tenfold_data::OrgId;
use tenfold_observe::telemetry::RefusedRequest;

use crate::http::buffers::BytesOf;
use crate::http::method_name::method_name;
use crate::http::state::ServerState;

/// Tells telemetry of such a request of this method and route, by the rules for those that are not admitted (`enter.rs`). It was for this
/// organization, if a session was found before its body.
pub(in super::super) fn count_refused_body(
    state: &ServerState,
    (method, route): (&Method, &str),
    organization: Option<OrgId>,
    bytes: BytesOf,
) {
    let (class, _) = state.route_classes().of(method, route);
    if bytes == BytesOf::All && class != RequestClass::BestEffort {
        let method = method_name(method);
        state.telemetry().refused(RefusedRequest { method, route, organization, for_bytes: true });
    }
}
