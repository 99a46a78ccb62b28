//! Origins: the service's own, and those whose pages may use the API from a browser.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use http::Uri;

/// Which pages belong to the service, and which others may use its API with a user's session.
#[derive(Clone, Debug)]
pub struct Origins {
    https: bool,
    public: Option<String>,
    listed: Arc<[String]>,
    loopback: bool,
}

impl Origins {
    /// `public_url` is where browsers reach the service, or empty; `listed` are origins as [`origin`] gives them;
    /// `loopback` lets pages of any loopback port in, as long as they ask for a loopback host themselves.
    pub(crate) fn new(public_url: &str, listed: Vec<String>, loopback: bool) -> Self {
        let public: Option<Uri> = public_url.parse().ok();
        let public =
            public.and_then(|url| origin(&format!("{}://{}", url.scheme_str()?, url.authority()?)).ok());
        Origins { https: public_url.starts_with("https://"), public, listed: listed.into(), loopback }
    }

    /// Whether any page elsewhere may use the API.
    pub(super) fn lets_others_in(&self) -> bool {
        self.loopback || !self.listed.is_empty()
    }

    /// Whether pages of other loopback ports may use the API.
    pub(crate) fn lets_loopback_in(&self) -> bool {
        self.loopback
    }

    /// Whether a page of `from` is the service's own when the request names `host`: scheme, host and port agree.
    pub(super) fn is_own(&self, from: &str, host: &str) -> bool {
        let scheme = if self.https { "https" } else { "http" };
        let Ok(from) = origin(from) else { return false };
        self.public.as_ref() == Some(&from) || origin(&format!("{scheme}://{host}")).as_ref() == Ok(&from)
    }

    /// Whether the browser that names this origin cannot be deceived about the address behind its name (DNS rebinding): it is that
    /// of `http.public_url`, a loopback name or an address. A foreign page whose name was pointed at this service names itself as
    /// `Origin` and as `Host`, so that the two agree says nothing.
    pub fn cannot_be_rebound(&self, from: &str) -> bool {
        let Ok(from) = origin(from) else { return false };
        let is_address = || {
            let url = from.parse::<Uri>().ok();
            let host = url.as_ref().and_then(Uri::host).unwrap_or_default();
            host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
        };
        self.public.as_ref() == Some(&from) || is_loopback(&from) || is_address()
    }

    /// Whether a page of `from` may use the API at `host`.
    ///
    /// A loopback page must also address the service by a loopback name. So a page on a visitor's own machine may
    /// not use a service that a proxy exposes publicly, nor one whose name an attacker's DNS points at loopback.
    pub(super) fn may_use_the_api(&self, from: &str, host: &str) -> bool {
        let is_local = || is_loopback(from) && is_loopback(&format!("http://{host}"));
        self.listed.iter().any(|listed| listed == from) || (self.loopback && is_local())
    }
}

/// An origin as browsers write it: `scheme://host[:port]` in lower case, without the scheme's default port.
///
/// # Errors
/// Says what is wrong, without repeating the text.
pub(crate) fn origin(text: &str) -> Result<String, &'static str> {
    if text == "*" || text == "null" {
        return Err("`*` and `null` would allow every page: list each origin");
    }
    let lower = text.to_ascii_lowercase();
    let (scheme, authority) = lower.split_once("://").ok_or(EXPECTED)?;
    let own_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return Err(EXPECTED),
    };
    let parsed: Uri = authority.parse().map_err(|_| EXPECTED)?;
    // `*.example.com` and `user@example.com` are authorities, too.
    let is_host = |host: &str| !host.is_empty() && !host.contains(['*', '%']) && !authority.contains('@');
    if !parsed.authority().is_some_and(|parsed| parsed.as_str() == authority && is_host(parsed.host())) {
        return Err(EXPECTED);
    }
    let has_bad_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.ends_with(']') && port.parse::<u16>().is_err());
    if has_bad_port {
        return Err(EXPECTED);
    }
    Ok(format!("{scheme}://{}", authority.strip_suffix(own_port).unwrap_or(authority)))
}

const EXPECTED: &str = "each must be the origin of a page: scheme://host or scheme://host:port with http or https, no path and no `*`";

fn is_loopback(origin: &str) -> bool {
    let Ok(url) = origin.parse::<Uri>() else { return false };
    let Some(host) = url.host() else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{Origins, origin};

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, expected) in [
            ("https://app.example.com", "https://app.example.com"),
            ("https://APP.example.com:443", "https://app.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("http://[::1]", "http://[::1]"),
            ("http://app.test:80", "http://app.test"),
        ] {
            assert_eq!(origin(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_exact_origin_is_refused() {
        for text in [
            "*",
            "null",
            "",
            "app.example.com",
            "https://",
            "https://*.example.com",
            "https://app.example.com/",
            "https://app.example.com/path",
            "https://user@app.example.com",
            "ftp://app.example.com",
            "https://app.example.com:",
            "https://app.example.com:99999",
            "https://app.example.com?x",
            "https://a b.test",
            "https://app.example.com,https://b.test",
        ] {
            assert!(origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn own_means_the_same_scheme_host_and_port() {
        let plain = Origins::new("", Vec::new(), false);
        let public = Origins::new("https://app.test/", Vec::new(), false);
        for (origins, from, host, own) in [
            (&plain, "http://app.test", "app.test", true),
            (&plain, "http://app.test", "app.test:80", true),
            (&plain, "http://app.test", "APP.test", true),
            (&plain, "https://app.test", "app.test", false),
            (&plain, "http://app.test:81", "app.test", false),
            (&plain, "http://app.test", "app.test:81", false),
            (&plain, "null", "app.test", false),
            (&public, "https://app.test", "app.test", true),
            (&public, "https://app.test", "app.test:443", true),
            (&public, "http://app.test", "app.test", false),
            (&public, "https://app.test", "127.0.0.1:8080", true),
            (&public, "https://other.test", "other.test", true),
        ] {
            assert_eq!(origins.is_own(from, host), own, "{from} at {host}");
        }
    }

    #[test]
    fn a_name_that_anybody_can_point_here_can_be_rebound() {
        let origins = Origins::new("https://app.test", Vec::new(), false);
        for (from, safe) in [
            ("https://app.test", true),
            ("http://localhost:8080", true),
            ("http://127.0.0.1:8080", true),
            ("http://10.0.0.7:8080", true),
            ("http://[fd00::7]:8080", true),
            ("http://app.test", false),
            ("http://evil.test:8080", false),
            ("http://127.0.0.1.evil.test", false),
            ("null", false),
        ] {
            assert_eq!(origins.cannot_be_rebound(from), safe, "{from}");
        }
    }

    #[test]
    fn loopback_is_for_those_that_name_loopback() {
        let origins = Origins::new("", Vec::new(), true);
        for (from, host, allowed) in [
            ("http://localhost:3000", "localhost:8080", true),
            ("http://localhost:3000", "127.0.0.1:8080", true),
            ("https://[::1]:3000", "app.localhost:8080", true),
            ("http://localhost:3000", "app.example.com", false),
            ("http://localhost.evil.test", "localhost:8080", false),
            ("http://evil.test", "localhost:8080", false),
            ("http://127.0.0.1.evil.test", "localhost:8080", false),
            ("null", "localhost:8080", false),
        ] {
            assert_eq!(origins.may_use_the_api(from, host), allowed, "{from} at {host}");
        }
    }
}
