//! `POST /v1/auth/forgot`: a person who forgot the password.

use tenfold::http::{ClientAddress, Response};
use tenfold::prelude::*;

use super::{MailRequest, mail_link};
use crate::links::LinkPurpose;
use crate::service::Identity;

/// Mails a link to choose a new password.
///
/// The answer is the same whether or not there is such an account.
#[endpoint(post, "/v1/auth/forgot", tag = "identity", answers(202), problems(429),
    example(body = {"email": "owner@acme.test"}))]
pub(crate) async fn forgot_password(
    cx: SystemContext,
    client: ClientAddress,
    identity: Use<Identity>,
    Json(whom): Json<MailRequest>,
) -> Result<Response, Problem> {
    mail_link(&cx, &identity, client, LinkPurpose::ResetPassword, whom.email.into_inner()).await
}
