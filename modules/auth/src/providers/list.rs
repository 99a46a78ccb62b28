//! `GET /v1/auth/providers`: with whom people can sign in.

use serde::Serialize;
use tenfold::prelude::*;
use utoipa::ToSchema;

use crate::service::Identity;

/// The providers of this service.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderList {
    /// By name. Empty where none is configured.
    items: Vec<ProviderView>,
}

/// A provider to sign in with.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderView {
    name: String,
    /// What people know it by.
    title: String,
    /// Where a browser begins to sign in with it: a path of this service, to be opened, not fetched.
    start: String,
}

/// The providers that people can sign in with, such as Google.
#[endpoint(get, "/v1/auth/providers", tag = "identity")]
pub(crate) async fn list_providers(identity: Use<Identity>) -> Result<Json<ProviderList>, Problem> {
    let view = |(name, title): (&String, &String)| ProviderView {
        name: name.clone(),
        title: title.clone(),
        start: format!("/v1/auth/providers/{name}/start"),
    };
    Ok(Json(ProviderList { items: identity.providers.titles.iter().map(view).collect() }))
}
