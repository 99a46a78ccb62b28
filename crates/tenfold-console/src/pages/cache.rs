//! `/console/cache`: what this process keeps of rows, and how often that spares a statement.

use std::time::Duration;

use maud::{Markup, html};
use tenfold::data::CacheFigures;
use tenfold::http::{Response, ServerState, State};
use tenfold::prelude::*;

use super::job::back_to;
use crate::access::{Acting, Operator};
use crate::layout::{actions, nothing, page};
use crate::words;

pub(crate) async fn cache(operator: Operator, State(state): State<ServerState>) -> Response {
    page("Cache", "/console/cache", &content(&operator, &state.database().cache_figures()))
}

/// Lets all processes forget their rows.
pub(crate) async fn clear(acting: Acting, State(state): State<ServerState>) -> Result<Response, Problem> {
    acting.note("clears the cache", "").await?;
    state.database().feed().say_everything().await?;
    Ok(back_to("/console/cache"))
}

fn content(operator: &Operator, figures: &CacheFigures) -> Markup {
    if figures.max_bytes == 0 {
        return nothing("This process has no cache: cache.size is 0.");
    }
    html! {
        p.verdict { (verdict(figures)) }
        (actions(operator, &html! { form method="post" action="/console/cache/clear" { button { "Clear" } } }))
        @if operator.may_act() {
            p.quiet { "It lets all processes forget their rows: after changes that the application did not make." }
        }
        h2 { "Since the process started" }
        table { tbody {
            @for (what, figure, meaning) in lines(figures) {
                tr { th scope="row" { (what) } td.number { (figure) } td.quiet { (meaning) } }
            }
        } }
    }
}

fn verdict(figures: &CacheFigures) -> Markup {
    html! {
        @if figures.reads() == 0 { "No row of a cached entity was asked for yet. " } @else {
            "Of " (words::counted(figures.reads(), "row", "rows")) " that were asked for by key, "
            strong { (words::percent(figures.hit_ratio())) } " were in memory. "
        }
        @match figures.certificate_age {
            Some(age) => { "What other processes have changed was last read " (words::duration(age)) " ago." },
            None => { strong.bad { "What other processes have changed was never read, so nothing is kept." } },
        }
    }
}

/// In nines: a sample of a thousand rows without a difference shows three of them at least.
fn coherence(figures: &CacheFigures) -> String {
    let Some(coherence) = figures.coherence() else { return "–".to_owned() };
    let least = 1.0 / figures.samples as f64;
    let nines = -(1.0 - coherence).max(least).log10();
    let at_least = if figures.stale == 0 { " or more" } else { "" };
    format!("{nines:.1} nines{at_least}")
}

/// Each figure with what it means.
fn lines(figures: &CacheFigures) -> Vec<(&'static str, String, &'static str)> {
    let average = figures.load_time.as_secs_f64() / figures.load_statements.max(1) as f64;
    let kib = |bytes: u64| format!("{} KiB", words::count(bytes.div_ceil(1024)));
    let count = words::count;
    vec![
        ("Hits", count(figures.hits), "rows from memory"),
        ("Loads", count(figures.loads), "rows from the database, to be kept"),
        ("Shared loads", count(figures.shared), "rows that another request had just asked for"),
        ("Bypasses for a commit", count(figures.fenced), "a commit under way may have changed the row"),
        (
            "Bypasses without news",
            count(figures.uncertified),
            "the process did not know what others have changed",
        ),
        ("Refused fills", count(figures.refused), "the row may have changed while it was loaded"),
        ("Too large", count(figures.large), "rows that were not kept for their size"),
        ("Expired", count(figures.expired), "rows that were loaded again because of their age"),
        ("Samples", count(figures.samples), "rows from memory that were read again from the database"),
        ("Stale samples", count(figures.stale), "of these, the ones that differed"),
        ("Coherence", coherence(figures), "which part of the samples was the same"),
        ("Statements", count(figures.load_statements), "each loads the missing rows of a page"),
        ("Average statement", words::duration(Duration::from_secs_f64(average)), "how long one took"),
        ("Rows now", count(figures.rows), "stale ones included"),
        ("Memory now", kib(figures.bytes), "about"),
        ("Memory at most", kib(figures.max_bytes), "cache.size"),
    ]
}
