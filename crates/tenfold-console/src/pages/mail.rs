//! `/console/mails/{id}`: one mail of the outbox, as its reader sees it.

use maud::html;
use tenfold::http::{HeaderValue, Html, IntoResponse as _, PAGE_POLICY, Response, Unrecorded, header};
use tenfold::prelude::*;
use tenfold_mail::{OutboxMail, OutboxMailId, admin};

use crate::access::Acting;
use crate::layout::page;
use crate::words;

/// What a mail may do in the console: look as it does, and open its links in another tab. It runs nothing, loads nothing, and is
/// of another origin than the console.
const MAIL_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                           frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox";

pub(crate) async fn mail(
    acting: Acting,
    cx: SystemContext,
    Path(id): Path<OutboxMailId>,
) -> Result<Response, Problem> {
    let mail = read(&acting, &cx, id).await?;
    let content = html! {
        dl {
            dt { "To" } dd { (mail.recipient) }
            dt { "From" } dd { (mail.sender) }
            dt { "Subject" } dd { (mail.subject) }
            dt { "Written" } dd { (words::moment(mail.created_at)) " UTC" }
        }
        h2 { "As HTML" }
        iframe.mail title="The mail as HTML" src={ "/console/mails/" (id) "/html" }
            sandbox="allow-popups allow-popups-to-escape-sandbox" {}
        h2 { "As text" }
        pre.mail { (mail.text) }
    };
    let mut response = page(&mail.subject, "/console/mails", &content);
    let policy = format!("{PAGE_POLICY}; frame-src 'self'");
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

/// The mail's own HTML, for the frame.
pub(crate) async fn html(
    acting: Acting,
    cx: SystemContext,
    Path(id): Path<OutboxMailId>,
) -> Result<Response, Problem> {
    let mut response = Html(read(&acting, &cx, id).await?.html).into_response();
    let policy = HeaderValue::from_static(MAIL_POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response.extensions_mut().insert(Unrecorded);
    Ok(response)
}

/// The mail, once the log says who reads it.
async fn read(acting: &Acting, cx: &SystemContext, id: OutboxMailId) -> Result<OutboxMail, Problem> {
    let mail = admin::find_mail(cx, id).await?.ok_or_else(|| Problem::not_found("mail"))?;
    acting.note("reads a mail", &format!("{} ({id})", mail.recipient)).await?;
    Ok(mail)
}
