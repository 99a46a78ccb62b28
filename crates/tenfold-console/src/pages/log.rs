//! `/console/log`: what operators did.

use maud::html;
use tenfold::http::Response;
use tenfold::operators::last_acts;
use tenfold::prelude::*;

use crate::access::Operator;
use crate::layout::{nothing, page};
use crate::words;

/// The most entries that are shown.
const ROWS: usize = 200;

pub(crate) async fn log(_: Operator, cx: SystemContext) -> Result<Response, Problem> {
    let acts = last_acts(&cx, ROWS).await?;
    let content = html! {
        p.quiet { "What operators did, the newest first; kept for 400 days." }
        @if acts.is_empty() { (nothing("Nothing yet.")) } @else {
            div.wide { table {
                thead { tr { th { "When (UTC)" } th { "Operator" } th { "What" } th { "To what" } } }
                tbody {
                    @for act in &acts {
                        tr {
                            td { (words::moment(act.at)) }
                            td { @if act.operator.is_empty() { "console.password" } @else { (act.operator) } }
                            td { (act.act) }
                            td { (act.about) }
                        }
                    }
                }
            } }
            @if acts.len() == ROWS { p.quiet { "There may be more than these " (ROWS) "." } }
        }
    };
    Ok(page("Log", "/console/log", &content))
}
