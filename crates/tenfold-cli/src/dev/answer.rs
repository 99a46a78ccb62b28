//! The answers that this command gives itself: pages for people, problems (RFC 9457) for programs.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, CACHE_CONTROL, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use serde_json::{Value, json};

use super::failure::Failure;
use super::page;
use super::state::{DevState, DevWork};

/// The body of an answer, the application's or our own.
pub(super) type Body = BoxBody<Bytes, hyper::Error>;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// What is known of a request before its body is read.
#[derive(Clone)]
pub(super) struct RequestHead {
    method: Method,
    headers: HeaderMap,
    /// Whether a browser asks for a page.
    pub(super) is_navigation: bool,
}

impl RequestHead {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let (method, headers) = (request.method().clone(), request.headers().clone());
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let wants_html = text(ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/html"));
        let is_page = text("sec-fetch-mode").map_or(wants_html, |mode| mode == "navigate" && wants_html);
        let is_navigation = is_page && (method == Method::GET || method == Method::HEAD);
        RequestHead { method, headers, is_navigation }
    }

    /// Whether the request may see what this command shows: sources and output. A name that an attacker's DNS points at
    /// loopback is refused while `listens_on` is loopback; otherwise `--listen` has let others in.
    pub(super) fn may_see(&self, listens_on: IpAddr) -> bool {
        let host = self.headers.get(HOST).and_then(|host| host.to_str().ok());
        !listens_on.is_loopback() || host.is_some_and(is_loopback)
    }

    /// Lets a page of another loopback port, a frontend's development server, read the answer.
    fn share(&self, mut answer: Response<Body>) -> Response<Body> {
        let host = self.headers.get(HOST).and_then(|host| host.to_str().ok());
        let origin = self.headers.get(ORIGIN).filter(|origin| {
            let origin = origin.to_str().unwrap_or_default().parse::<Uri>();
            origin.is_ok_and(|origin| origin.authority().is_some_and(|from| is_loopback(from.as_str())))
        });
        let headers = answer.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Origin, Accept"));
        if let Some(origin) = origin.filter(|_| host.is_some_and(is_loopback)) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            if self.method == Method::OPTIONS {
                let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
                let asked = self.headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
                headers.extend(asked.map(|asked| (ACCESS_CONTROL_ALLOW_HEADERS, asked)));
            }
        }
        answer
    }

    /// A page for a browser, a problem for everybody else. The preflight of a request that will get a problem passes:
    /// otherwise the page that asked could not read it.
    fn answer(&self, page: impl FnOnce() -> String, problem: impl FnOnce() -> Value) -> Response<Body> {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let mut answer = if self.is_navigation {
            html(unavailable, page())
        } else if self.method == Method::OPTIONS {
            let mut passes = Response::new(Empty::new().map_err(|never| match never {}).boxed());
            *passes.status_mut() = StatusCode::NO_CONTENT;
            passes
        } else {
            of_text(unavailable, "application/problem+json", problem().to_string())
        };
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        self.share(answer)
    }

    /// Why the application does not answer.
    pub(super) fn failed(&self, number: u64, failure: &Failure) -> Response<Body> {
        let problem = || {
            let mut problem = problem(failure.stage.kind(), failure.stage.title(), &failure.detail);
            problem["errors"] = json!(failure.errors);
            problem["output"] = json!(failure.output);
            problem
        };
        self.answer(|| page::failed(number, failure), problem)
    }

    /// The application is not ready yet.
    pub(super) fn working(&self, number: u64, work: DevWork) -> Response<Body> {
        let detail = "the application was not ready within the time that a request waits";
        self.answer(|| page::working(number, work), || problem("dev-not-ready", work.title(), detail))
    }

    /// The application was given the request, and ended the connection.
    pub(super) fn unanswered(&self, why: &str) -> Response<Body> {
        let mut problem = problem("dev-unanswered", "The application gave no answer", why);
        problem["status"] = json!(StatusCode::BAD_GATEWAY.as_u16());
        self.share(of_text(StatusCode::BAD_GATEWAY, "application/problem+json", problem.to_string()))
    }
}

/// The page of the state, at [`page::PREFIX`].
pub(super) fn state(number: u64, state: &DevState) -> Response<Body> {
    let text = match state {
        DevState::Working(work) => page::working(number, *work),
        DevState::Failed(failure) => page::failed(number, failure),
        DevState::Ready(upstream) => page::ready(number, &upstream.output.last(usize::MAX)),
    };
    html(StatusCode::OK, text)
}

/// A page.
pub(super) fn html(status: StatusCode, text: String) -> Response<Body> {
    let mut answer = of_text(status, "text/html; charset=utf-8", text);
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    answer
}

/// A request that this command does not serve.
pub(super) fn refused(status: StatusCode, detail: &str) -> Response<Body> {
    let mut problem = problem("dev-refused", status.canonical_reason().unwrap_or("Refused"), detail);
    problem["status"] = json!(status.as_u16());
    of_text(status, "application/problem+json", problem.to_string())
}

/// A body of text that nobody may cache.
pub(super) fn of_text(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut answer = Response::new(Full::from(text).map_err(|never| match never {}).boxed());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn problem(kind: &str, title: &str, detail: &str) -> Value {
    let status = StatusCode::SERVICE_UNAVAILABLE.as_u16();
    json!({"type": format!("urn:tenfold:problem:{kind}"), "title": title, "status": status, "detail": detail})
}

/// Whether `host[:port]` is a name or an address of this machine's loopback.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_names_and_addresses_of_this_machine_are_loopback() {
        for host in
            ["localhost", "LOCALHOST:8080", "app.localhost:1", "127.0.0.1:80", "127.1.2.3", "[::1]:8080"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["attacker.test", "localhost.attacker.test", "10.0.0.1:80", "[::2]", "a b", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
