//! A stream of an endpoint of its own, which says what to send.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tenfold_admission::{Refusal, RequestClass};
use tenfold_data::{Context, OrgId};
use tokio::time::Instant;

use super::super::problem::Problem;
use super::super::state::ServerState;
use super::dependencies::{Dependencies, scope_of_look};
use super::process::TableNames;
use super::stream::{Seen, StreamSubject};
use super::turn::LookTurn;
use super::{LiveEvent, News};

/// What an endpoint's function finds.
pub(super) struct QueryStream<F> {
    query: Arc<F>,
    last_id: Option<String>,
    dependencies: Dependencies,
    has_begun: bool,
    /// The turn that it waits for.
    turn: Option<BoxFuture<'static, Result<LookTurn, Refusal>>>,
    /// The look that is being made. It is never given up for another one: the function may keep what it has told.
    running: Option<BoxFuture<'static, Result<(News, TableNames), Problem>>>,
}

impl<F, W> QueryStream<F>
where
    F: Fn(Context, Option<String>) -> W + Send + Sync + 'static,
    W: Future<Output = Result<News, Problem>> + Send + 'static,
{
    pub(super) fn new(state: &ServerState, tenant: OrgId, query: F, last_id: Option<String>) -> Self {
        let learnt = state.live().learnt(std::any::type_name::<F>());
        let dependencies = Dependencies::new(state.database(), BTreeSet::from([tenant]), learnt);
        let query = Arc::new(query);
        QueryStream { query, last_id, dependencies, has_begun: false, turn: None, running: None }
    }

    /// Waits until it may look.
    async fn turn(&mut self, state: &ServerState, organization: OrgId) -> Result<LookTurn, Refusal> {
        let kind = std::any::type_name::<F>().to_owned();
        let class = if self.has_begun { RequestClass::BestEffort } else { RequestClass::Normal };
        let wait = || LookTurn::wait(state.clone(), organization, kind, class).boxed();
        let turn = self.turn.get_or_insert_with(wait);
        let turn = turn.await;
        self.turn = None;
        turn
    }

    /// Begins to look.
    fn begin(
        &mut self,
        turn: LookTurn,
        state: &ServerState,
        cx: &Context,
    ) -> BoxFuture<'static, Result<(News, TableNames), Problem>> {
        self.has_begun = true;
        self.dependencies.begin();
        let scope = scope_of_look(state.database(), Instant::now() + state.settings().deadline);
        let (query, cx, last_id) =
            (Arc::clone(&self.query), cx.in_scope(Arc::clone(&scope)), self.last_id.clone());
        async move {
            let news = turn.run(scope.drive(query(cx, last_id))).await?;
            Ok((news, scope.noted_tables()))
        }
        .boxed()
    }

    /// What it has found.
    fn seen(&mut self, news: News) -> Seen {
        let (events, is_last) = match news {
            News::More(events) => (events, false),
            News::Last(events) => (events, true),
            News::Part(events) => {
                self.dependencies.make_due();
                (events, false)
            }
        };
        if let Some(last) = events.last() {
            self.last_id = Some(last.id.clone());
        }
        Seen { text: events.iter().map(LiveEvent::text).collect(), is_last, retry_after: None }
    }
}

impl<F, W> StreamSubject for QueryStream<F>
where
    F: Fn(Context, Option<String>) -> W + Send + Sync + 'static,
    W: Future<Output = Result<News, Problem>> + Send + 'static,
{
    fn make_due(&mut self) {
        self.dependencies.make_due();
    }

    async fn look(&mut self, state: &ServerState, cx: &Context) -> Option<Seen> {
        if self.running.is_none() {
            self.dependencies.due().await;
            match self.turn(state, cx.tenant()).await {
                Ok(turn) => self.running = Some(self.begin(turn, state, cx)),
                Err(Refusal { retry_after }) => return Some(Seen::nothing_before(retry_after)),
            }
        }
        let found = self.running.as_mut()?.await;
        self.running = None;
        let (news, tables) = found.ok()?;
        state.live().learn(std::any::type_name::<F>(), &tables);
        self.dependencies.read(BTreeSet::from([cx.tenant()]), &tables);
        Some(self.seen(news))
    }
}
