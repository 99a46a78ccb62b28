//! A module's own service in the signature of a handler.

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::problem::Problem;
use super::state::ServerState;

/// In a handler's signature: what the module built with `.service(…)`.
pub struct Use<T>(Arc<T>);

impl<T> Deref for Use<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Any + Send + Sync> FromRequestParts<ServerState> for Use<T> {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let missing = || Problem::internal(format!("no .service(…) built a {}", std::any::type_name::<T>()));
        state.service().map(Use).ok_or_else(missing)
    }
}
