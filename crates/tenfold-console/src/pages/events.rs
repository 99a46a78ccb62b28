//! `/console/events`: who listens to which event, and the deliveries that were given up.

use maud::{Markup, html};
use tenfold::http::Response;
use tenfold::jobs::admin::NotParked;
use tenfold::jobs::{JobId, Jobs};
use tenfold::prelude::*;

use super::job::{back_to, refused};
use super::shown::ShownJob;
use crate::access::{Acting, Operator};
use crate::layout::{actions, nothing, page};
use crate::words;

/// How many parked deliveries are listed.
const ROWS: usize = 50;

pub(crate) async fn events(operator: Operator, jobs: Use<Jobs>) -> Result<Response, Problem> {
    let parked: Vec<ShownJob> = jobs.parked(ROWS).await?.into_iter().map(ShownJob::from).collect();
    let content = html! {
        h2 { "Parked deliveries" }
        p.quiet { "Deliveries that were given up after their last attempt. A replay is one more attempt." }
        (table(&operator, &parked))
        h2 { "Listeners" }
        (listeners(&jobs.deliveries()))
    };
    Ok(page("Events", "/console/events", &content))
}

/// Delivers a parked event again.
pub(crate) async fn replay(
    acting: Acting,
    jobs: Use<Jobs>,
    Path(id): Path<JobId>,
) -> Result<Response, Problem> {
    acting.note("replays a delivery", &id.to_string()).await?;
    jobs.replay(id).await.map_err(refused::<NotParked>(Problem::conflict))?;
    Ok(back_to("/console/events"))
}

fn table(operator: &Operator, parked: &[ShownJob]) -> Markup {
    if parked.is_empty() {
        return nothing("None.");
    }
    html! {
        div.wide { table {
            thead { tr {
                th { "Listener" } th { "Organization" } th { "Given up (UTC)" } th { "Last error" }
                th { span.unseen { "Actions" } }
            } }
            tbody {
                @for delivery in parked {
                    tr {
                        td { a href={ "/console/jobs/" (delivery.id) } { code { (delivery.kind) } } }
                        td { @if let Some(organization) = delivery.org_id { code.id { (organization) } } }
                        td { (words::moment(delivery.when)) }
                        td.error { @if let Some(last) = delivery.errors.last() { (last.error) } }
                        td { (actions(operator, &html! {
                            form method="post" action={ "/console/events/" (delivery.id) "/replay" } { button { "Replay" } }
                        })) }
                    }
                }
            }
        } }
        @if parked.len() == ROWS { p.quiet { "There may be more than these " (ROWS) "." } }
    }
}

fn listeners(deliveries: &[(&str, &str)]) -> Markup {
    if deliveries.is_empty() {
        return nothing("No module listens to an event.");
    }
    html! {
        table {
            thead { tr { th { "Event" } th { "Listener" } } }
            tbody { @for (event, listener) in deliveries { tr { td { code { (event) } } td { code { (listener) } } } } }
        }
    }
}
