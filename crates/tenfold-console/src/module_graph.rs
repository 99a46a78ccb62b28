//! The graph of modules as SVG, made of attributes only: the page's policy forbids inline styles. The modules stand in a column, so that
//! a phone shows it, too; calls are arcs on the right, events dashed arcs on the left. An arc that spans more rows is wider, so arcs with
//! the same middle do not touch.

use maud::{Markup, html};

/// Heights and widths, in the picture's own units.
const ROW: usize = 40;
const BOX: usize = 28;
const LETTER: usize = 9;
const ARROW: usize = 9;
/// How far an arc reaches: this, and so much for each row that it spans.
const REACH: usize = 18;
const REACH_A_ROW: usize = 15;
/// What is between an arc and its label.
const GAP: usize = 5;

/// What leads from one module to another.
pub(crate) struct GraphArc {
    /// Their places in the list of modules.
    pub from: usize,
    pub to: usize,
    /// How much there was.
    pub label: String,
    /// The whole sentence.
    pub title: String,
    /// Whether something failed.
    pub is_bad: bool,
    /// Whether there was anything.
    pub is_used: bool,
}

/// The modules, and what leads from one to another.
pub(crate) struct ModuleGraph<'a> {
    pub modules: Vec<&'a str>,
    pub calls: Vec<GraphArc>,
    pub events: Vec<GraphArc>,
}

/// On which side of the modules arcs are.
#[derive(Clone, Copy)]
enum GraphSide {
    /// Where the modules begin.
    Left(usize),
    /// Where they end.
    Right(usize),
}

impl GraphSide {
    /// A place that is so far from the modules.
    fn away(self, distance: usize) -> usize {
        match self {
            GraphSide::Left(edge) => edge.saturating_sub(distance),
            GraphSide::Right(edge) => edge + distance,
        }
    }

    fn anchor(self) -> &'static str {
        match self {
            GraphSide::Left(_) => "end",
            GraphSide::Right(_) => "start",
        }
    }
}

impl ModuleGraph<'_> {
    pub(crate) fn draw(&self) -> Markup {
        let longest = self.modules.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let width = longest * LETTER + 20;
        let left = room(&self.events);
        let (all, height) = (left + width + room(&self.calls), self.modules.len() * ROW);
        html! {
            svg viewBox={ "0 0 " (all) " " (height) } role="img"
                aria-label="The modules and what leads from one to another; the tables below have the same" {
                @for (row, name) in self.modules.iter().enumerate() {
                    @let top = row * ROW + (ROW - BOX) / 2;
                    rect.module x=(left) y=(top) width=(width) height=(BOX) rx="6" {}
                    text.module x=(left + width / 2) y=(middle(row)) text-anchor="middle" dominant-baseline="central" { (name) }
                }
                // The labels last, so that no arc runs over one.
                @for call in &self.calls { (arc(call, GraphSide::Right(left + width), "call")) }
                @for event in &self.events { (arc(event, GraphSide::Left(left), "event")) }
                @for call in &self.calls { (label(call, GraphSide::Right(left + width))) }
                @for event in &self.events { (label(event, GraphSide::Left(left))) }
            }
        }
    }
}

/// What the arcs of a side and their labels need.
fn room(arcs: &[GraphArc]) -> usize {
    let needs = |arc: &GraphArc| ARROW + reach(arc) + GAP + (arc.label.chars().count() + 1) * LETTER;
    arcs.iter().map(needs).max().unwrap_or(4)
}

fn reach(arc: &GraphArc) -> usize {
    REACH + REACH_A_ROW * arc.from.abs_diff(arc.to)
}

fn middle(row: usize) -> usize {
    row * ROW + ROW / 2
}

/// Where an arc begins and ends: in the upper half of one module, and in the lower half of another.
fn ends(arc: &GraphArc) -> (usize, usize) {
    (middle(arc.from) - BOX / 4, middle(arc.to) + BOX / 4)
}

/// A curve with an arrow at its end.
fn arc(arc: &GraphArc, side: GraphSide, kind: &str) -> Markup {
    let (start, end) = ends(arc);
    // A cubic curve reaches three quarters of the way to its control points.
    let control = side.away(ARROW + reach(arc) * 4 / 3);
    let (edge, head) = (side.away(0), side.away(ARROW));
    let path = format!("M {edge} {start} C {control} {start} {control} {end} {head} {end}");
    let arrow = format!("{edge},{end} {head},{} {head},{}", end - 5, end + 5);
    html! {
        g.arc.bad[arc.is_bad].idle[!arc.is_used] {
            title { (arc.title) }
            path class=(kind) d=(path) {}
            polygon points=(arrow) {}
        }
    }
}

/// How much there was, beside the middle of the arc.
fn label(arc: &GraphArc, side: GraphSide) -> Markup {
    let (start, end) = ends(arc);
    html! {
        g.arc.bad[arc.is_bad].idle[!arc.is_used] {
            text x=(side.away(ARROW + reach(arc) + GAP)) y=(usize::midpoint(start, end)) text-anchor=(side.anchor())
                dominant-baseline="central" { (arc.label) }
        }
    }
}
