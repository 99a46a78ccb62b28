//! Stands in for the auth module: it knows one organization, whose people it names after their ids, and every token.

use std::sync::Arc;

use auth_api::{Auth, UserCard, UserId};
use tenfold::call::CallError;
use tenfold::data::{OrgId, Principal, Uuid};
use tenfold::http::{Authenticate, Problem};
use tenfold::prelude::*;

/// The organization that everybody acts for.
pub const ORGANIZATION: OrgId = OrgId(Uuid::from_u128(1));

struct People;

/// The module that provides it.
pub fn module() -> Module {
    Module::new("people")
        .service(|_| Box::pin(async { Ok(People) }))
        .provides::<dyn Auth>(|wiring| wiring.service::<People>())
        .authenticates(|wiring| -> Arc<dyn Authenticate> { wiring.service::<People>() })
}

#[tenfold::async_trait]
impl Auth for People {
    async fn user_cards(&self, _: &Context, ids: Vec<UserId>) -> Result<Vec<Option<UserCard>>, CallError> {
        let card = |id: UserId| UserCard { id, display_name: format!("Person {}", id.0) };
        Ok(ids.into_iter().map(|id| Some(card(id))).collect())
    }
}

#[tenfold::async_trait]
impl Authenticate for People {
    /// The token is what its bearer may do.
    async fn authenticate(&self, cx: &SystemContext, token: &str) -> Result<Option<Context>, Problem> {
        let [account, user, session] = [2, 3, 4].map(Uuid::from_u128);
        let permissions = std::sync::Arc::new(token.split(',').map(str::to_owned).collect());
        let principal = Principal { account, user, session, permissions };
        Ok(Some(cx.within(ORGANIZATION).acting_for(principal)))
    }
}
