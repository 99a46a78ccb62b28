//! How the database runs a statement, as the pages show it.

use maud::{Markup, html};
use tenfold::telemetry::diagnosis::PlanPair;

/// The plans of a statement, before and now beside each other if they differ. Closed at first, unless something changed.
pub(crate) fn plans(plans: &PlanPair) -> Markup {
    html! {
        @match (&plans.before, &plans.now) {
            (None, None) => {}
            _ if plans.differ() => details open { summary { strong { "Its plan has changed" } } (both(plans)) },
            (Some(_), Some(now)) => details { summary { "The same plan as before" } pre { (now) } },
            (Some(before), None) => details { summary { "Its plan before" } pre { (before) } },
            (None, Some(now)) => details { summary { "Its plan" } pre { (now) } },
        }
    }
}

fn both(plans: &PlanPair) -> Markup {
    html! {
        div.plans {
            @for (title, plan) in [("Before", &plans.before), ("Now", &plans.now)] {
                @if let Some(plan) = plan { div { p.quiet { (title) } pre { (plan) } } }
            }
        }
    }
}
