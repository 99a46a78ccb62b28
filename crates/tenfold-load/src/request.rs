//! One kind of request, ready to be sent as each of its callers.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::{HeaderMap, Request};
use http_body_util::Full;

use crate::arrivals::Arrival;
use crate::document::ApiOperation;

/// In a body or a query, this stands for a text that each request has of its own.
pub(crate) const UNIQUE: &str = "{unique}";

/// A step of the mix.
pub(crate) struct PreparedStep {
    pub operation: ApiOperation,
    pub weight: u32,
    pub query: Option<String>,
    pub body: PreparedBody,
    /// How long a stream stays open.
    pub hold: Duration,
    pub callers: Vec<StepCaller>,
}

/// Somebody who can call it.
pub(crate) struct StepCaller {
    pub authorization: Option<HeaderValue>,
    /// Parameters of the path, with the ids that this caller sees.
    pub ids: Vec<(String, Vec<String>)>,
    /// In place of the step's body.
    pub body: Option<Bytes>,
}

/// What is sent with it.
pub(crate) enum PreparedBody {
    Nothing,
    Json(String),
    Bytes(Bytes),
}

impl PreparedStep {
    /// The operation, with its query.
    pub(crate) fn name(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.operation.name),
            None => self.operation.name.clone(),
        }
    }

    /// The request that is due.
    pub(crate) fn request(
        &self,
        arrival: &Arrival,
        host: &HeaderValue,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let caller = &self.callers[arrival.account];
        let mut path = self.operation.path.clone();
        let mut choice = arrival.choice;
        for (parameter, ids) in &caller.ids {
            let count = ids.len() as u64;
            let id = usize::try_from(choice % count).unwrap_or_default();
            path = path.replace(&format!("{{{parameter}}}"), &ids[id]);
            choice /= count;
        }
        if let Some(query) = &self.query {
            path = format!("{path}?{}", unique(query, arrival));
        }
        let (body, content_type) = match (&caller.body, &self.body) {
            (Some(body), _) => (body.clone(), Some(JSON)),
            (None, PreparedBody::Nothing) => (Bytes::new(), None),
            (None, PreparedBody::Json(text)) => (unique(text, arrival).into(), Some(JSON)),
            (None, PreparedBody::Bytes(bytes)) => (bytes.clone(), Some("application/octet-stream")),
        };
        let mut request =
            Request::builder().method(&self.operation.method).uri(path).body(Full::new(body))?;
        let headers = request.headers_mut();
        headers.insert(HOST, host.clone());
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        authorize(headers, caller.authorization.as_ref());
        Ok(request)
    }
}

const JSON: &str = "application/json";

fn unique(text: &str, arrival: &Arrival) -> String {
    if !text.contains(UNIQUE) {
        return text.to_owned();
    }
    text.replace(UNIQUE, &format!("{:016x}", arrival.choice))
}

/// Sends a session along.
pub(crate) fn authorize(headers: &mut HeaderMap, authorization: Option<&HeaderValue>) {
    if let Some(authorization) = authorization {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
}
