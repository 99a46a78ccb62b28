//! Stands in for the modules around this one: auth and billing, which it needs, and one that listens to it.

use tenfold::call::CallError;
use tenfold::data::Uuid;
use tenfold::prelude::*;
use tenfold::testing::TestSession;
use tenfold_auth_api::{Auth, UserCard, UserContact, UserId};
use tenfold_billing_api::{Billing, StorageQuota};
use tenfold_files_api::FileFailed;

use crate::OWNER;

struct StandIns;

/// The number of the organization that may store 1 KiB.
const SMALL: u128 = 7;

/// The jobs that tell another module of a file that failed.
pub const ON_FILE_FAILED: &str = "stand_ins.on_file_failed";

/// The module that provides them.
pub fn module() -> Module {
    Module::new("stand_ins")
        .service(|_| Box::pin(async { Ok(StandIns) }))
        .provides::<dyn Auth>(|wiring| wiring.service::<StandIns>())
        .provides::<dyn Billing>(|wiring| wiring.service::<StandIns>())
        .on::<FileFailed, _, _>(ON_FILE_FAILED, |_, _| async { Ok(()) })
}

/// The token of an owner whose organization may store 1 KiB.
pub fn owner_with_a_kib() -> String {
    TestSession::new(OWNER).of_organization(SMALL).token()
}

#[tenfold::async_trait]
impl Auth for StandIns {
    async fn user_cards(&self, _: &Context, ids: Vec<UserId>) -> Result<Vec<Option<UserCard>>, CallError> {
        let card = |id: UserId| UserCard { id, display_name: format!("Person {}", id.0) };
        Ok(ids.into_iter().map(|id| Some(card(id))).collect())
    }

    async fn user_contact(&self, _: &Context, _: UserId) -> Result<Option<UserContact>, CallError> {
        Ok(None)
    }
}

#[tenfold::async_trait]
impl Billing for StandIns {
    async fn storage(&self, cx: &Context) -> Result<StorageQuota, CallError> {
        let is_small = cx.tenant() == OrgId(Uuid::from_u128(SMALL));
        let limit_bytes = if is_small { 1 << 10 } else { 1 << 30 };
        Ok(StorageQuota { plan: "free".to_owned(), limit_bytes })
    }
}
