//! One resource that a client shows: a GET of this API, made again after each change of what it was made from.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{ACCEPT, HOST};
use http::{Request, StatusCode};
use sha2::{Digest as _, Sha256};
use tenfold_admission::{Refusal, RequestClass};
use tenfold_data::{Context, OrgId};
use tokio::time::Instant;
use tower::ServiceExt as _;

use super::super::problem::Problem;
use super::super::request_deadline::RequestDeadline;
use super::super::state::ServerState;
use super::dependencies::{Dependencies, scope_of_look};
use super::joined::{JoinedLook, LookKey};
use super::process::{LookOutcome, TableNames};
use super::turn::LookTurn;

/// The longest answer that can be watched, in bytes.
const LONGEST: usize = 64 << 20;
/// How much of a hash tells one answer from another.
const PRINT: usize = 9;

/// A resource that a client shows.
pub(super) struct Resource {
    /// As the client gave it.
    pub path: String,
    /// A print of its last answer; two answers that differ have different ones.
    pub print: Arc<str>,
    dependencies: Dependencies,
    /// Its path in the document, `/v1/files/{id}`.
    template: String,
    /// The look that it waits for.
    look: Option<JoinedLook<LookOutcome>>,
}

/// What a look at a resource again gives.
pub(super) enum Relook {
    Same,
    Changed,
    /// The service cannot answer now.
    Failed,
    /// It was not made, and the resource is still due.
    Refused(Refusal),
}

/// An answer to the GET of a resource.
struct ResourceAnswer {
    status: StatusCode,
    body: Bytes,
    tables: TableNames,
}

impl Resource {
    /// The resource at a path that fits this template; nobody has looked at it yet.
    pub(super) fn new(state: &ServerState, tenant: OrgId, path: String, template: &str) -> Self {
        let learnt = state.live().learnt(template);
        let dependencies = Dependencies::new(state.database(), BTreeSet::from([tenant]), learnt);
        Resource { path, print: "".into(), dependencies, template: template.to_owned(), look: None }
    }

    /// Looks at it for the first time, as a part of the request for the stream.
    ///
    /// # Errors
    /// What the caller would be answered, with the path.
    pub(super) async fn begin(
        &mut self,
        router: &Router,
        state: &ServerState,
        cx: &Context,
    ) -> Result<(), Problem> {
        self.dependencies.begin();
        let answer = answer(&self.path, router, state, cx).await?;
        state.live().learn(&self.template, &answer.tables);
        self.dependencies.read(BTreeSet::from([cx.tenant()]), &answer.tables);
        self.print = answer.print();
        if answer.status.is_success() { Ok(()) } else { Err(self.refused(&answer)) }
    }

    /// Waits until it may have changed. Nothing is lost when the wait is given up.
    pub(super) async fn due(&mut self) {
        if self.look.is_none() {
            self.dependencies.due().await;
        }
    }

    /// Whether it may have changed.
    pub(super) fn is_due(&mut self) -> bool {
        self.look.is_some() || self.dependencies.is_due()
    }

    /// It may have changed, whatever the database says; a look that has been asked for no longer counts.
    pub(super) fn make_due(&mut self) {
        self.look = None;
        self.dependencies.make_due();
    }

    /// Looks at it again, once it is the look's turn. Nothing is lost when the wait is given up.
    pub(super) async fn look(&mut self, router: &Router, state: &ServerState, cx: &Context) -> Relook {
        let look = match &mut self.look {
            Some(look) => look,
            None => {
                // What changes from now on makes it due again, also while the look waits.
                self.dependencies.begin();
                let joined = self.join(router, state, cx);
                self.look.insert(joined)
            }
        };
        let outcome = look.await;
        self.look = None;
        match outcome.unwrap_or(LookOutcome::Failed) {
            LookOutcome::Answered { print, tables } => {
                self.dependencies.read(BTreeSet::from([cx.tenant()]), &tables);
                let known = std::mem::replace(&mut self.print, print);
                if self.print == known { Relook::Same } else { Relook::Changed }
            }
            LookOutcome::Failed => Relook::Failed,
            LookOutcome::Refused(refusal) => {
                self.dependencies.make_due();
                Relook::Refused(refusal)
            }
        }
    }

    /// A look that has not begun: one that another stream of this caller waits for, or one of its own.
    fn join(&self, router: &Router, state: &ServerState, cx: &Context) -> JoinedLook<LookOutcome> {
        let (path, template) = (self.path.clone(), self.template.clone());
        let (router, state, cx) = (router.clone(), state.clone(), cx.clone());
        let joinable = Arc::clone(&state.live().joinable);
        joinable.join(LookKey::new(&cx, &path), |joinable| {
            let turn = LookTurn::wait(state.clone(), cx.tenant(), template.clone(), RequestClass::BestEffort);
            async move {
                let turn = match turn.await {
                    Ok(turn) => turn,
                    Err(refusal) => return LookOutcome::Refused(refusal),
                };
                drop(joinable);
                let answer = turn.run(answer(&path, &router, &state, &cx)).await;
                turn.finish();
                // An answer that is gone, or that the caller may no longer read, is news; an outage is not.
                let Some(answer) = answer.ok().filter(|answer| !answer.status.is_server_error()) else {
                    return LookOutcome::Failed;
                };
                state.live().learn(&template, &answer.tables);
                LookOutcome::Answered { print: answer.print(), tables: Arc::new(answer.tables) }
            }
        })
    }

    /// The problem that the caller gets, with the path that it is about.
    fn refused(&self, answer: &ResourceAnswer) -> Problem {
        let (kind, title) = match answer.status {
            StatusCode::BAD_REQUEST => ("bad-request", "Malformed request"),
            StatusCode::FORBIDDEN => ("forbidden", "Permission denied"),
            StatusCode::NOT_FOUND => ("not-found", "Not found"),
            _ => ("cannot-watch", "The resource cannot be read"),
        };
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let why = body["detail"].as_str().or_else(|| body["title"].as_str()).unwrap_or_default();
        Problem::new(answer.status, kind, title).detail(format!("watch={}: {why}", self.path))
    }
}

impl ResourceAnswer {
    fn print(&self) -> Arc<str> {
        let hash = Sha256::new().chain_update(self.status.as_str()).chain_update(&self.body).finalize();
        URL_SAFE_NO_PAD.encode(&hash[..PRINT]).into()
    }
}

/// Makes the GET within this process, past the layer around requests: it is a part of the stream's work.
async fn answer(
    path: &str,
    router: &Router,
    state: &ServerState,
    cx: &Context,
) -> Result<ResourceAnswer, Problem> {
    let limit = state.settings().deadline;
    let deadline = Instant::now() + limit;
    let scope = scope_of_look(state.database(), deadline);
    let request = Request::get(path)
        .header(HOST, "live")
        .header(ACCEPT, "application/json")
        .extension(Arc::clone(&scope))
        .extension(RequestDeadline::until(deadline))
        .extension(cx.in_scope(Arc::clone(&scope)))
        .body(Body::empty())
        .map_err(Problem::internal)?;
    let answer = async {
        let response = router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        let status = response.status();
        let body = to_bytes(response.into_body(), LONGEST).await.map_err(Problem::internal)?;
        Ok::<_, Problem>((status, body))
    };
    let driven = AssertUnwindSafe(tokio::time::timeout_at(deadline, scope.drive(answer))).catch_unwind();
    let (status, body) = match driven.await {
        Ok(Ok(answer)) => answer?,
        Ok(Err(_)) => return Err(Problem::deadline(limit)),
        Err(_) => return Err(Problem::internal(format!("the GET of {path} panicked"))),
    };
    Ok(ResourceAnswer { status, body, tables: scope.noted_tables() })
}
