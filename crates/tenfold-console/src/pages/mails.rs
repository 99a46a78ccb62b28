//! `/console/mails`: the outbox, and the addresses that get no mails.

use maud::{Markup, html};
use serde::Deserialize;
use tenfold::axum::Form;
use tenfold::http::Response;
use tenfold::prelude::*;
use tenfold_mail::{OutboxMail, SuppressedAddress, admin};

use super::job::back_to;
use crate::access::{Acting, Operator};
use crate::layout::{actions, nothing, page};
use crate::words;

/// The most rows that each table shows.
const ROWS: usize = 100;

pub(crate) async fn mails(operator: Operator, cx: SystemContext) -> Result<Response, Problem> {
    let outbox = admin::list_mails(&cx, ROWS).await?;
    let suppressed = admin::list_suppressed(&cx, ROWS).await?;
    let content = html! {
        p.quiet { "Mails are kept here while " code { "mail.url" } " is " code { "outbox:" } ". Their links work." }
        (outbox_table(&operator, &outbox))
        h2 { "Addresses that get no mails" }
        p.quiet { "A mail server has refused them for good." }
        (suppressed_table(&operator, &suppressed))
    };
    Ok(page("Mails", "/console/mails", &content))
}

/// Which address may get mails again.
#[derive(Deserialize)]
pub(crate) struct AllowedAddress {
    address: String,
}

/// Lets mails to an address through again.
pub(crate) async fn allow(
    acting: Acting,
    cx: SystemContext,
    Form(AllowedAddress { address }): Form<AllowedAddress>,
) -> Result<Response, Problem> {
    acting.note("lets mails to an address through", &address).await?;
    admin::allow_address(&cx, &address).await?;
    Ok(back_to("/console/mails"))
}

fn outbox_table(operator: &Operator, mails: &[OutboxMail]) -> Markup {
    if mails.is_empty() {
        return nothing("The outbox is empty.");
    }
    html! {
        div.wide { table {
            thead { tr { th { "Subject" } th { "To" } th { "Written (UTC)" } } }
            tbody {
                @for mail in mails {
                    tr {
                        td {
                            // Its links let one act as its reader.
                            @if operator.may_act() { a href={ "/console/mails/" (mail.id) } { (mail.subject) } }
                            @else { (mail.subject) }
                        }
                        td { (mail.recipient) }
                        td { (words::moment(mail.created_at)) }
                    }
                }
            }
        } }
        @if mails.len() == ROWS { p.quiet { "There may be more than these " (ROWS) "." } }
    }
}

fn suppressed_table(operator: &Operator, addresses: &[SuppressedAddress]) -> Markup {
    if addresses.is_empty() {
        return nothing("None.");
    }
    html! {
        div.wide { table {
            thead { tr { th { "Address" } th { "Since (UTC)" } th { "Why" } th { span.unseen { "Actions" } } } }
            tbody {
                @for suppressed in addresses {
                    tr {
                        td { (suppressed.address) }
                        td { (words::moment(suppressed.created_at)) }
                        td.error { (suppressed.reason) }
                        td { (actions(operator, &html! { form method="post" action="/console/mails/allow" {
                            input type="hidden" name="address" value=(suppressed.address);
                            button { "Allow" }
                        } })) }
                    }
                }
            }
        } }
    }
}
