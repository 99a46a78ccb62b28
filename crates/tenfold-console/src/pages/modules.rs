//! `/console/modules`: which module calls which, how often and how long, and which events go from one to another.

use axum::extract::Query;
use maud::{Markup, html};
use tenfold::axum;
use tenfold::data::CallSite;
use tenfold::http::{Response, ServerState, State};
use tenfold::jobs::Jobs;
use tenfold::telemetry::{CallRow, StatementRow, Summary, Telemetry, WorkKind, WorkRow};
use tenfold::{ApplicationFacts, Use};

use crate::access::Operator;
use crate::layout::{PagePeriod, errors, nothing, page};
use crate::module_graph::{GraphArc, ModuleGraph};
use crate::words;

pub(crate) async fn modules(
    _: Operator,
    State(state): State<ServerState>,
    Query(span): Query<PagePeriod>,
    facts: Use<ApplicationFacts>,
    jobs: Use<Jobs>,
) -> Response {
    let (telemetry, minutes) = (state.telemetry(), span.minutes());
    let traffic = ModuleTraffic::of(&facts, telemetry, &jobs, minutes);
    let content = html! {
        (span.choice("/console/modules"))
        p.verdict { (traffic.sentence(minutes)) }
        figure.graph {
            (traffic.graph().draw())
            figcaption {
                "On the right, solid: an arrow leads from a module to one that it may call, with the number of calls. "
                "On the left, dashed: an arrow leads from a module to one that listens to its events, with the number of deliveries. "
                "Both are those of this process, in the last " (minutes) " minutes."
            }
        }
        h2 { "Calls" }
        p.quiet { "By total time. Statements are those that the calling requests and jobs sent meanwhile." }
        (traffic.calls_table())
        h2 { "Events" }
        (traffic.events_table())
        h2 { "Modules" }
        (traffic.modules_table(&telemetry.statements(minutes)))
    };
    page("Modules", "/console/modules", &content)
}

/// What the modules had to do with each other.
struct ModuleTraffic<'a> {
    facts: &'a ApplicationFacts,
    calls: Vec<CallRow>,
    /// The name of an event, the kind of its deliveries, and their figures.
    events: Vec<(&'static str, &'static str, Summary)>,
}

impl<'a> ModuleTraffic<'a> {
    fn of(facts: &'a ApplicationFacts, telemetry: &Telemetry, jobs: &Jobs, minutes: usize) -> Self {
        let ran = telemetry.works(WorkKind::Job, minutes);
        let figures = |kind: &str| {
            let of_kind = |row: &&WorkRow| row.name == kind;
            ran.iter().find(of_kind).map(|row| row.summary.clone()).unwrap_or_default()
        };
        let events =
            jobs.deliveries().into_iter().map(|(event, kind)| (event, kind, figures(kind))).collect();
        ModuleTraffic { facts, calls: telemetry.calls(minutes), events }
    }

    fn sentence(&self, minutes: usize) -> Markup {
        let (mut calls, mut deliveries) = (Summary::default(), Summary::default());
        self.calls.iter().for_each(|row| calls.merge(&row.summary));
        self.events.iter().for_each(|(_, _, summary)| deliveries.merge(summary));
        let failed = |summary: &Summary| html! { @if summary.errors > 0 { " (" (errors(summary.errors, summary.error_share())) " failed)" } };
        html! {
            "In the last " (minutes) " minutes modules called each other "
            strong { (words::counted(calls.count, "time", "times")) } (failed(&calls)) ", and "
            "events were delivered " strong { (words::counted(deliveries.count, "time", "times")) } (failed(&deliveries)) "."
        }
    }

    /// The callers first, as modules come after those that they need.
    fn graph(&self) -> ModuleGraph<'a> {
        let modules: Vec<&str> = self.facts.modules.iter().rev().map(|module| module.name).collect();
        let place = |name: &str| modules.iter().position(|module| *module == name);
        let mut calls: Vec<GraphArc> = Vec::new();
        for module in &self.facts.modules {
            for needed in module.needs.iter().filter_map(|need| self.provider(need)) {
                let (Some(from), Some(to)) = (place(module.name), place(needed)) else { continue };
                if calls.iter().any(|arc| (arc.from, arc.to) == (from, to)) {
                    continue;
                }
                let mut sum = Summary::default();
                let between =
                    |row: &&CallRow| row.module == needed && self.caller(row.site) == Some(module.name);
                self.calls.iter().filter(between).for_each(|row| sum.merge(&row.summary));
                calls.push(graph_arc((from, to), &sum, &format!("{} calls {needed}", module.name)));
            }
        }
        let mut events: Vec<GraphArc> = Vec::new();
        for (publisher, listener) in self.listening() {
            let (Some(from), Some(to)) = (place(publisher), place(listener)) else { continue };
            let mut sum = Summary::default();
            let between = |(event, kind, _): &&(&'static str, &'static str, Summary)| {
                (self.owner(event), self.owner(kind)) == (Some(publisher), Some(listener))
            };
            self.events.iter().filter(between).for_each(|(_, _, summary)| sum.merge(summary));
            events.push(graph_arc((from, to), &sum, &format!("{listener} listens to {publisher}")));
        }
        ModuleGraph { modules, calls, events }
    }

    /// Publishers with their listeners, each pair once.
    fn listening(&self) -> Vec<(&'static str, &'static str)> {
        let pairs =
            self.events.iter().filter_map(|(event, kind, _)| Some((self.owner(event)?, self.owner(kind)?)));
        let mut pairs: Vec<_> = pairs.filter(|(publisher, listener)| publisher != listener).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    /// The module that provides an interface.
    fn provider(&self, interface: &str) -> Option<&'static str> {
        let provider = self.facts.modules.iter().find(|module| module.provides.contains(&interface));
        provider.map(|module| module.name)
    }

    /// The module whose folder has the file of a call.
    fn caller(&self, site: Option<CallSite>) -> Option<&'static str> {
        let file = site?.file();
        let has_it = |name: &str| {
            let inside = format!("{name}/src/");
            file.starts_with(&inside) || file.contains(&format!("/{inside}"))
        };
        self.facts.modules.iter().map(|module| module.name).find(|name| has_it(name))
    }

    /// The module that an event or a kind of job begins with; none for those of the framework.
    fn owner(&self, name: &str) -> Option<&'static str> {
        let first = name.split('.').next().unwrap_or_default();
        self.facts.modules.iter().map(|module| module.name).find(|module| *module == first)
    }

    fn calls_table(&self) -> Markup {
        if self.calls.is_empty() {
            return nothing("No calls in this period.");
        }
        html! {
            div.wide { table {
                thead { tr {
                    th { "From" } th { "To" } th { "Called at" } th.number { "Count" } th.number { "Failed" }
                    th.number { "p50" } th.number { "p99" } th.number { "In sum" } th.number { "Statements" }
                } }
                tbody {
                    @for row in &self.calls {
                        tr {
                            td { (self.caller(row.site).unwrap_or("elsewhere")) }
                            td { code { @if !row.module.is_empty() { (row.module) "." } (row.method) } }
                            td.place { @if let Some(site) = row.site { code { (words::site(site)) } } }
                            (figures(&row.summary))
                            td.number { (words::duration(row.summary.total)) }
                            td.number { (words::count(row.statements)) }
                        }
                    }
                }
            } }
        }
    }

    fn events_table(&self) -> Markup {
        if self.events.is_empty() {
            return nothing("No module listens to an event.");
        }
        html! {
            div.wide { table {
                thead { tr {
                    th { "From" } th { "To" } th { "Event" } th { "Listener" } th.number { "Deliveries" } th.number { "Failed" }
                    th.number { "p50" } th.number { "p99" }
                } }
                tbody {
                    @for (event, kind, summary) in &self.events {
                        tr {
                            td { (self.owner(event).unwrap_or("the framework")) }
                            td { (self.owner(kind).unwrap_or("the framework")) }
                            td { code { (event) } }
                            td { code { (kind) } }
                            (figures(summary))
                        }
                    }
                }
            } }
        }
    }

    fn modules_table(&self, statements: &[StatementRow]) -> Markup {
        html! {
            div.wide { table {
                thead { tr {
                    th { "Module" } th { "Provides" } th { "Needs" } th.number { "Statements" } th.number { "Failed" }
                    th.number { "p50" } th.number { "p99" }
                } }
                tbody {
                    @for module in &self.facts.modules {
                        @let sum = sum_of(module.name, statements);
                        tr {
                            td { (module.name) }
                            td { (interfaces(&module.provides)) }
                            td { (interfaces(&module.needs)) }
                            (figures(&sum))
                        }
                    }
                }
            } }
        }
    }
}

fn sum_of(module: &str, statements: &[StatementRow]) -> Summary {
    let mut sum = Summary::default();
    let own = statements.iter().filter(|row| row.statement.module == module);
    own.for_each(|row| sum.merge(&row.summary));
    sum
}

fn interfaces(names: &[&'static str]) -> Markup {
    html! {
        @for (index, name) in names.iter().enumerate() { @if index > 0 { ", " } code { (name) } }
        @if names.is_empty() { span.quiet { "–" } }
    }
}

/// The cells of a row that tell how often and how long.
fn figures(summary: &Summary) -> Markup {
    html! {
        td.number { (words::count(summary.count)) }
        td.number { (errors(summary.errors, summary.error_share())) }
        td.number { (words::maybe(summary.durations.quantile(0.5))) }
        td.number { (words::maybe(summary.durations.quantile(0.99))) }
    }
}

fn graph_arc((from, to): (usize, usize), sum: &Summary, what: &str) -> GraphArc {
    let failed =
        if sum.errors > 0 { format!(", {} failed", words::count(sum.errors)) } else { String::new() };
    let label = format!("{}{failed}", words::count(sum.count));
    let title = format!("{what}: {}{failed}", words::counted(sum.count, "time", "times"));
    GraphArc { from, to, label, title, is_bad: sum.errors > 0, is_used: sum.count > 0 }
}
