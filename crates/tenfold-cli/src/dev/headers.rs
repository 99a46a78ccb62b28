//! What a proxy changes in a request and in an answer (RFC 9110, section 7.6.1).

use http::header::{
    CONNECTION, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Response, Uri, Version};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// The protocol that a request or an answer switches to.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let names = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let mut names = names.flat_map(|value| value.split(','));
    let switches = names.any(|name| name.trim().eq_ignore_ascii_case("upgrade"));
    headers.get(UPGRADE).filter(|_| switches).cloned()
}

/// Makes `request` one for the application. `Host` and `Origin` stay as the client sent them: the application tells its
/// own pages from others by them.
pub(super) fn for_application<B>(request: &mut Request<B>, host: &str) {
    pass(request.headers_mut());
    // The client of HTTP/1.0 may leave it out.
    if !request.headers().contains_key(HOST)
        && let Ok(host) = HeaderValue::try_from(host)
    {
        request.headers_mut().insert(HOST, host);
    }
    *request.version_mut() = Version::HTTP_11;
    // `GET http://host/path` is for a proxy on the client's side.
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
}

/// Makes `answer` one for the client.
pub(super) fn for_client<B>(answer: &mut Response<B>) {
    pass(answer.headers_mut());
}

/// Removes what concerns one connection, except a switch of protocols.
fn pass(headers: &mut HeaderMap) {
    let upgrade = upgrade(headers);
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        PROXY_CONNECTION,
        TE,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
    if let Some(protocol) = upgrade {
        headers.insert(UPGRADE, protocol);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

#[cfg(test)]
mod tests {
    use http::header::{CONNECTION, HOST, ORIGIN, UPGRADE};
    use http::{Request, Version};

    use super::for_application;

    #[test]
    fn what_concerns_one_connection_is_not_passed_on() {
        let request = Request::get("http://app.test/a?b")
            .version(Version::HTTP_10)
            .header(CONNECTION, "close, X-Mine")
            .header("x-mine", "1")
            .header("keep-alive", "timeout=5")
            .header("transfer-encoding", "chunked")
            .header(ORIGIN, "http://localhost:3000");
        let mut request = request.body(()).expect("a request");
        for_application(&mut request, "127.0.0.1:8080");
        assert_eq!((request.uri().to_string().as_str(), request.version()), ("/a?b", Version::HTTP_11));
        let names: Vec<&str> = request.headers().keys().map(|name| name.as_str()).collect();
        assert_eq!(names, [ORIGIN.as_str(), HOST.as_str()]);
    }

    #[test]
    fn a_switch_of_protocols_is_passed_on() {
        let request =
            Request::get("/").header(CONNECTION, "keep-alive, Upgrade").header(UPGRADE, "websocket");
        let mut request = request.header(HOST, "app.test").body(()).expect("a request");
        for_application(&mut request, "127.0.0.1:8080");
        assert_eq!(request.headers()[UPGRADE], "websocket");
        assert_eq!(request.headers()[CONNECTION], "upgrade");
        assert_eq!(request.headers()[HOST], "app.test");
    }
}
