//! A stream of an endpoint of its own, which says what to send.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use tenfold_data::{Context, OrgId};
use tokio::time::Instant;

use super::super::problem::Problem;
use super::super::state::ServerState;
use super::dependencies::{Dependencies, scope_of_look};
use super::stream::{Seen, StreamSubject};
use super::{LiveEvent, News};

/// What an endpoint's function finds.
pub(super) struct QueryStream<F> {
    query: F,
    last_id: Option<String>,
    dependencies: Dependencies,
}

impl<F> QueryStream<F> {
    pub(super) fn new(state: &ServerState, tenant: OrgId, query: F, last_id: Option<String>) -> Self {
        let learnt = state.live().learnt(std::any::type_name::<F>());
        let dependencies = Dependencies::new(state.database(), BTreeSet::from([tenant]), learnt);
        QueryStream { query, last_id, dependencies }
    }
}

impl<F, W> StreamSubject for QueryStream<F>
where
    F: Fn(Context, Option<String>) -> W + Send + Sync + 'static,
    W: Future<Output = Result<News, Problem>> + Send,
{
    async fn due(&mut self) {
        self.dependencies.due().await;
    }

    fn make_due(&mut self) {
        self.dependencies.make_due();
    }

    async fn look(&mut self, state: &ServerState, cx: &Context) -> Result<Seen, Problem> {
        self.dependencies.begin();
        let scope = scope_of_look(state.database(), Instant::now() + state.settings().deadline);
        let look = (self.query)(cx.in_scope(Arc::clone(&scope)), self.last_id.clone());
        let news = scope.drive(look).await?;
        let tables = scope.noted_tables();
        state.live().learn(std::any::type_name::<F>(), &tables);
        self.dependencies.read(BTreeSet::from([cx.tenant()]), &tables);
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
        Ok(Seen { text: events.iter().map(LiveEvent::text).collect(), is_last })
    }
}
