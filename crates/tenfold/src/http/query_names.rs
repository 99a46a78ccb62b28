//! The query parameters of each operation.

use std::collections::{BTreeSet, HashMap};

use axum::extract::MatchedPath;
use http::Method;
use http::request::Parts;

use super::problem::Problem;

/// The names of the parameters of each operation, by its method and path.
#[derive(Default)]
pub(crate) struct QueryNames(pub(super) HashMap<(Method, String), BTreeSet<String>>);

impl QueryNames {
    /// Refuses a parameter that the operation does not have.
    pub(super) fn check(&self, parts: &Parts) -> Result<(), Problem> {
        let Some(path) = parts.extensions.get::<MatchedPath>() else { return Ok(()) };
        let method = if parts.method == Method::HEAD { Method::GET } else { parts.method.clone() };
        let Some(known) = self.0.get(&(method, path.as_str().to_owned())) else { return Ok(()) };
        let sent = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        for pair in sent {
            let name = pair.split('=').next().unwrap_or_default();
            if !known.contains(name) {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                return Err(Problem::bad_request(format!(
                    "{name:?} is not a parameter of this operation; it takes {}",
                    known.join(", ")
                )));
            }
        }
        Ok(())
    }
}
