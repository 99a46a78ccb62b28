//! Requests to other services, for what the process sends by itself: a connection for each, over TCP or TLS, within a deadline.
//!
//! No redirect is followed: a service must not choose where else a request goes. Certificates are checked against the
//! authorities that the system trusts.
//!
//! Each request is a `tracing` span with the fields of OpenTelemetry's conventions for clients: telemetry counts it as a part of the request or
//! job that sends it, by host and [operation](OutboundRequest::operation).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use tenfold_outbound::{Method, OutboundClient, OutboundRequest, OutboundUrl};
//!
//! let url = OutboundUrl::parse("https://example.com/hooks")?;
//! let request = OutboundRequest::new(Method::POST, Duration::from_secs(10)).body("application/json", "{}".into());
//! let answer = OutboundClient::default().send(&url, request).await?;
//! assert!(answer.is_success());
//! # Ok(())
//! # }
//! ```

mod client;
mod span;
mod url;

pub use client::{OutboundAnswer, OutboundClient, OutboundError, OutboundRequest};
pub use hyper::Method;
pub use url::{OutboundUrl, OutboundUrlError};
