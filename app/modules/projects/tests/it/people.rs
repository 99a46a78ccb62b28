//! Stands in for the auth module: it names people after their ids.

use tenfold::call::CallError;
use tenfold::prelude::*;
use tenfold_auth_api::{Auth, UserCard, UserContact, UserId};

struct People;

/// The module that provides it.
pub fn module() -> Module {
    Module::new("people")
        .service(|_| Box::pin(async { Ok(People) }))
        .provides::<dyn Auth>(|wiring| wiring.service::<People>())
}

#[tenfold::async_trait]
impl Auth for People {
    async fn user_cards(&self, _: &Context, ids: Vec<UserId>) -> Result<Vec<Option<UserCard>>, CallError> {
        let card = |id: UserId| UserCard { id, display_name: format!("Person {}", id.0) };
        Ok(ids.into_iter().map(|id| Some(card(id))).collect())
    }

    async fn user_contact(&self, _: &Context, _: UserId) -> Result<Option<UserContact>, CallError> {
        Ok(None)
    }
}
