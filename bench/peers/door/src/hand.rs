//! The routes by hand.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, body::Bytes};
use serde::Deserialize;
use uuid::Uuid;

use crate::postgres::Postgres;
use crate::sqlite::Sqlite;
use crate::token::Token;
use crate::upload;
use crate::views::{Accepted, Listing, SessionView, UserPatch, UserView};

/// What is stored.
pub enum Store {
    /// In a file.
    Sqlite(Arc<Sqlite>),
    /// On a server.
    Postgres(Postgres),
}

/// What the handlers share.
pub struct App {
    pub store: Store,
    pub blobs: PathBuf,
    pub owner: Arc<[String]>,
    key: Vec<u8>,
}

/// What is answered instead.
pub enum Fault {
    /// 401.
    Unauthenticated,
    /// 404.
    NotFound,
    /// 500.
    Broken(anyhow::Error),
}

/// What a handler gives.
pub type Answer<T> = Result<T, Fault>;

impl<E: Into<anyhow::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Fault::Broken(error.into())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        match self {
            Fault::Unauthenticated => StatusCode::UNAUTHORIZED.into_response(),
            Fault::NotFound => StatusCode::NOT_FOUND.into_response(),
            Fault::Broken(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
        }
    }
}

impl Store {
    /// Opens the one at an address.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(url: &str, inline: bool) -> anyhow::Result<Self> {
        match url.strip_prefix("sqlite:") {
            Some(path) => Ok(Store::Sqlite(Arc::new(Sqlite::open(path, inline)?))),
            None => Ok(Store::Postgres(Postgres::open(url)?)),
        }
    }
}

impl App {
    /// Reads the key of the tokens.
    ///
    /// # Errors
    /// When there is none.
    pub async fn new(store: Store, blobs: PathBuf, owner: Vec<String>) -> anyhow::Result<Self> {
        let key = match &store {
            Store::Sqlite(sqlite) => sqlite.key()?,
            Store::Postgres(postgres) => postgres.key().await?,
        };
        std::fs::create_dir_all(blobs.join("incoming"))?;
        Ok(App { store, blobs, owner: owner.into(), key })
    }

    fn token(&self, headers: &HeaderMap) -> Answer<Token> {
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let text = value.and_then(|value| value.strip_prefix("Bearer "));
        text.and_then(|text| Token::verify(text, &self.key)).ok_or(Fault::Unauthenticated)
    }
}

/// All of them.
pub fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/auth/session", get(session))
        .route("/v1/users", get(list))
        .route("/v1/users/{id}", get(user).patch(patch))
        .route("/v1/files", post(upload))
        .with_state(app)
}

async fn session(State(app): State<Arc<App>>, headers: HeaderMap) -> Answer<Json<SessionView>> {
    let (token, owner) = (app.token(&headers)?, Arc::clone(&app.owner));
    Ok(Json(match &app.store {
        Store::Sqlite(sqlite) => sqlite.read(move |reader| reader.session(&token, &owner)).await?,
        Store::Postgres(postgres) => postgres.client().await?.session(&token, &owner).await?,
    }))
}

async fn user(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Answer<Json<UserView>> {
    let (token, owner) = (app.token(&headers)?, Arc::clone(&app.owner));
    Ok(Json(match &app.store {
        Store::Sqlite(sqlite) => sqlite.read(move |reader| reader.user(&token, &owner, id)).await?,
        Store::Postgres(postgres) => postgres.client().await?.user(&token, &owner, id).await?,
    }))
}

#[derive(Deserialize)]
struct Page {
    limit: usize,
}

async fn list(
    State(app): State<Arc<App>>,
    Query(Page { limit }): Query<Page>,
    headers: HeaderMap,
) -> Answer<Json<Listing>> {
    let (token, owner) = (app.token(&headers)?, Arc::clone(&app.owner));
    Ok(Json(match &app.store {
        Store::Sqlite(sqlite) => sqlite.read(move |reader| reader.list(&token, &owner, limit)).await?,
        Store::Postgres(postgres) => postgres.client().await?.list(&token, &owner, limit).await?,
    }))
}

async fn patch(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    Json(patch): Json<UserPatch>,
) -> Answer<Json<UserView>> {
    let (token, owner) = (app.token(&headers)?, Arc::clone(&app.owner));
    Ok(Json(match &app.store {
        Store::Sqlite(sqlite) => sqlite.patch(token, owner, id, patch).await?,
        Store::Postgres(postgres) => postgres.client().await?.patch(&token, &owner, id, patch).await?,
    }))
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

async fn upload(
    State(app): State<Arc<App>>,
    Query(Name { name }): Query<Name>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<(StatusCode, Json<Accepted>)> {
    let token = app.token(&headers)?;
    let id = upload::run(&app, token, name, body).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { id, status: "processing" })))
}
