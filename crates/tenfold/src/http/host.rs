//! The host that a request is for.

use axum::extract::Request;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Version};

use super::problem::Problem;

/// Checks that a request names one host, as every request after HTTP/1.0 must (RFC 9112, section 3.2), and puts it
/// into the header `Host`, which HTTP/2 replaces by `:authority`.
///
/// # Errors
/// 400 when the request names no host or several, or when the text is not a host.
pub(super) fn check(request: &mut Request) -> Result<(), Problem> {
    let mut named = request.headers().get_all(HOST).iter();
    match (named.next(), named.next()) {
        (Some(_), Some(_)) => {
            Err(Problem::bad_request("the Host header is sent more than once: send it once"))
        }
        (Some(host), None) if is_host(host) => Ok(()),
        (Some(_), None) => {
            Err(Problem::bad_request("the Host header is not a name or address with an optional port"))
        }
        (None, _) => {
            let authority = request.uri().authority().map(Authority::as_str);
            match authority.and_then(|authority| HeaderValue::try_from(authority).ok()) {
                Some(host) if request.version() >= Version::HTTP_2 => {
                    request.headers_mut().insert(HOST, host);
                    Ok(())
                }
                _ if request.version() <= Version::HTTP_10 => Ok(()),
                _ => Err(Problem::bad_request("the Host header is missing: HTTP/1.1 requires it")),
            }
        }
    }
}

/// `name[:port]`, without credentials.
fn is_host(host: &HeaderValue) -> bool {
    let text = host.to_str().unwrap_or_default();
    !text.contains('@') && text.parse::<Authority>().is_ok()
}
