//! `POST /v1/auth/verify/send`: the mail that confirms an address, once more.

use tenfold::http::{ClientAddress, Response};
use tenfold::prelude::*;

use super::{mail_link, own_account};
use crate::entities::Account;
use crate::links::LinkPurpose;
use crate::service::Identity;
use crate::sessions::limited::AnySession;

/// Mails the link to confirm your address again. Nothing is sent if it is confirmed. Follow it where you are signed in.
#[endpoint(post, "/v1/auth/verify/send", tag = "identity", answers(202), problems(429))]
pub(crate) async fn resend_verification(
    AnySession(cx): AnySession,
    system: SystemContext,
    client: ClientAddress,
    identity: Use<Identity>,
) -> Result<Response, Problem> {
    let account = Account::get(&system, own_account(&cx)?).await?;
    mail_link(&system, &identity, client, LinkPurpose::ConfirmAddress, account.email.clone()).await
}
