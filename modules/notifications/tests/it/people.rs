//! Stands in for the auth module, and for a module that notifies people.

use tenfold::NotificationKind;
use tenfold::call::CallError;
use tenfold::prelude::*;
use tenfold_auth_api::{Auth, UserCard, UserContact, UserId};
use tenfold_files_api::{FILE_FAILED, FILE_READY};

/// A kind that comes by mail, too.
pub const SHARED: NotificationKind =
    NotificationKind::new("notes.shared", "A note is shared with you").by_mail();
/// The number of a user who reads German.
pub const GERMAN: u128 = 2;
/// The number of a user whose address is not confirmed.
pub const UNREACHABLE: u128 = 3;

struct People;

/// The module that provides people, and declares what they are told.
pub fn module() -> Module {
    Module::new("people")
        .service(|_| Box::pin(async { Ok(People) }))
        .provides::<dyn Auth>(|wiring| wiring.service::<People>())
        .notifies(SHARED)
        .notifies(FILE_READY)
        .notifies(FILE_FAILED)
}

#[tenfold::async_trait]
impl Auth for People {
    async fn user_cards(&self, _: &Context, ids: Vec<UserId>) -> Result<Vec<Option<UserCard>>, CallError> {
        let card = |id: UserId| UserCard { id, display_name: format!("Person {}", id.0) };
        Ok(ids.into_iter().map(|id| Some(card(id))).collect())
    }

    async fn user_contact(&self, _: &Context, user: UserId) -> Result<Option<UserContact>, CallError> {
        let number = user.0.as_u128();
        let locale = if number == GERMAN { "de-CH" } else { "en" };
        let contact = UserContact {
            email: format!("user{number}@acme.test"),
            locale: locale.to_owned(),
            organization: "Acme".to_owned(),
        };
        Ok((number != UNREACHABLE).then_some(contact))
    }
}
