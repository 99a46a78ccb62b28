//! The frame around every page, and elements that several pages share.

use maud::{DOCTYPE, Markup, html};
use serde::{Deserialize, Deserializer};
use tenfold::http::{Html, Response};
use tenfold::telemetry::Work;

use crate::access::Operator;
use crate::unrecorded::unrecorded;
use crate::words;

/// The pages in the navigation bar.
const PAGES: [(&str, &str); 13] = [
    ("/console", "Overview"),
    ("/console/endpoints", "Endpoints"),
    ("/console/statements", "Statements"),
    ("/console/modules", "Modules"),
    ("/console/deploys", "Deploys"),
    ("/console/cache", "Cache"),
    ("/console/jobs", "Jobs"),
    ("/console/queues", "Queues"),
    ("/console/events", "Events"),
    ("/console/mails", "Mails"),
    ("/console/traces", "Traces"),
    ("/console/people", "People"),
    ("/console/log", "Log"),
];

/// The periods that a page can show, in minutes.
const SPANS: [usize; 3] = [5, 15, 60];

/// The period of a page, from its query string.
#[derive(Clone, Copy, Deserialize)]
pub(crate) struct PagePeriod {
    #[serde(default, deserialize_with = "number_if_it_is_one")]
    minutes: Option<usize>,
}

/// Anything else is as if it were left out: an operator looks at a page, and writes no address.
pub(crate) fn number_if_it_is_one<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<usize>, D::Error> {
    Ok(String::deserialize(deserializer)?.parse().ok())
}

impl PagePeriod {
    /// One of the available periods; any other number becomes the nearest of them.
    pub(crate) fn minutes(self) -> usize {
        let asked = self.minutes.unwrap_or(SPANS[1]);
        SPANS.into_iter().min_by_key(|span| span.abs_diff(asked)).unwrap_or(SPANS[1])
    }

    /// The links to choose the period.
    pub(crate) fn choice(self, path: &str) -> Markup {
        html! {
            nav.spans aria-label="How far back" {
                @for span in SPANS {
                    @let current = (span == self.minutes()).then_some("true");
                    a href={ (path) "?minutes=" (span) } aria-current=[current] { (span) " min" }
                }
            }
        }
    }
}

/// A whole page. `path` is that of its entry in the navigation bar.
pub(crate) fn page(title: &str, path: &str, content: &Markup) -> Response {
    let bar = html! {
        nav.pages aria-label="Pages" {
            @for (target, name) in PAGES {
                @let current = (target == path).then_some("page");
                a href=(target) aria-current=[current] { (name) }
            }
        }
        div.tools {
            button #live type="button" aria-pressed="true" title="The page refreshes every three seconds" { "Live" }
            form method="post" action="/console/sign-out" { button { "Sign out" } }
        }
    };
    document(title, &bar, content)
}

/// A page that needs no sign-in.
pub(crate) fn outside(title: &str, content: &Markup) -> Response {
    document(title, &html! {}, content)
}

fn document(title: &str, bar: &Markup, content: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Console" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/look.css";
                link rel="stylesheet" href="/console/console.css";
                script type="module" src="/console/console.js" {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header { strong { a href="/console" { "Console" } } (bar) }
                main #main tabindex="-1" { h1 { (title) } (content) }
            }
        }
    };
    // Otherwise a page that reloads itself would soon show mostly its own requests.
    unrecorded(Html(markup.into_string()))
}

/// Forms that change something, for an operator with the role `act`. With the role `look` they would answer 403, so they are not shown.
pub(crate) fn actions(operator: &Operator, forms: &Markup) -> Markup {
    html! { @if operator.may_act() { div.actions { (forms) } } }
}

/// Shown in place of an empty table.
pub(crate) fn nothing(what: &str) -> Markup {
    html! { p.quiet { (what) } }
}

/// In how many requests or jobs something repeated, with a link to one of them.
pub(crate) fn repeats(repeats: u64, trace: Option<&Work>) -> Markup {
    let times = words::counted(repeats, "N+1", "N+1s");
    html! {
        @match trace {
            _ if repeats == 0 => "none",
            Some(work) => span.bad { a href={ "/console/traces/" (work.beginning.trace_id) } { (times) } },
            None => span.bad { (times) },
        }
    }
}

/// How many failed, shown by a word too and not by colour alone.
pub(crate) fn errors(errors: u64, share: f64) -> Markup {
    html! {
        @if errors == 0 { "none" } @else { span.bad { (words::count(errors)) " (" (words::percent(share)) ")" } }
    }
}
