//! What telemetry learns of a request: where it goes and how it ends, and neither its path nor what was sent.

use hyper::StatusCode;
use tracing::Span;
use tracing::field::{Empty, display};

use crate::client::{OutboundAnswer, OutboundError, OutboundRequest};
use crate::url::OutboundUrl;

/// The span of a request, with the names of OpenTelemetry's conventions for HTTP clients.
pub(crate) struct CallSpan {
    span: Span,
    is_over: bool,
}

impl CallSpan {
    pub(crate) fn begin(url: &OutboundUrl, request: &OutboundRequest) -> Self {
        let span = tracing::info_span!(
            "http.client",
            otel.kind = "client",
            http.request.method = request.method.as_str(),
            server.address = url.host(),
            server.port = url.port(),
            url.template = request.operation,
            http.response.status_code = Empty,
            error.type = Empty,
        );
        CallSpan { span, is_over: false }
    }

    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// It failed if there is no answer, or one that says that the service is at fault or overloaded.
    pub(crate) fn end(mut self, answer: &Result<OutboundAnswer, OutboundError>) {
        self.is_over = true;
        let error = match answer {
            Ok(answer) => {
                let status = answer.status;
                self.span.record("http.response.status_code", status.as_u16());
                if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                    self.span.record("error.type", display(status.as_u16()));
                }
                return;
            }
            Err(OutboundError::Late { .. }) => "timeout",
            Err(OutboundError::Unreachable { .. }) => "unreachable",
            Err(OutboundError::TooLong { .. }) => "too_long",
            Err(OutboundError::Malformed { .. }) => "malformed",
        };
        self.span.record("error.type", error);
    }
}

impl Drop for CallSpan {
    /// What is dropped before its answer was given up, such as at the deadline of the request that waits for it.
    fn drop(&mut self) {
        if !self.is_over {
            self.span.record("error.type", "abandoned");
        }
    }
}
