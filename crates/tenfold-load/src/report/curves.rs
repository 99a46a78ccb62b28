//! Curves as SVG, which needs no script.

use std::fmt::Write as _;

/// A picture of curves over one axis.
pub(super) struct Curves {
    pub title: &'static str,
    pub x_label: &'static str,
    pub y_label: &'static str,
    /// Marks of the axis: the place and the text there.
    pub x_marks: Vec<(f64, String)>,
    pub y_axis: AxisKind,
    pub lines: Vec<CurveLine>,
}

/// One curve.
pub(super) struct CurveLine {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

#[derive(Clone, Copy)]
pub(super) enum AxisKind {
    /// From zero.
    Linear,
    /// By powers of ten.
    Logarithmic,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 44.0;
/// Lines of more than this have colours that repeat.
const COLOURS: usize = 7;

impl Curves {
    /// The picture with its title and a legend; nothing if there is nothing to draw.
    pub(super) fn html(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points).copied();
        if points().next().is_none() {
            return String::new();
        }
        let x_end = self.x_marks.iter().map(|(x, _)| *x).chain(points().map(|(x, _)| x)).fold(0.0, f64::max);
        let (low, high, marks) = self.y_axis.range(points().map(|(_, y)| y));
        let x = |value: f64| LEFT + value / x_end.max(f64::MIN_POSITIVE) * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| {
            let place = (self.y_axis.place(value.max(low)) - self.y_axis.place(low))
                / (self.y_axis.place(high) - self.y_axis.place(low));
            HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM)
        };
        let title = escaped(self.title);
        let mut svg = format!(
            "<h2>{title}</h2>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n"
        );
        // Writing to a text cannot fail, here and below.
        for (value, mark) in marks {
            let at = y(value);
            let _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{:.1}\"/>", WIDTH - RIGHT);
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{mark}</text>",
                LEFT - 6.0,
                at + 4.0
            );
        }
        for (value, mark) in &self.x_marks {
            let (at, low) = (x(*value), HEIGHT - BOTTOM);
            let _ = writeln!(svg, "<path class=\"grid\" d=\"M{at:.1} {TOP}V{low:.1}\"/>");
            let _ = writeln!(
                svg,
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{mark}</text>",
                low + 16.0
            );
        }
        for (number, line) in self.lines.iter().enumerate() {
            let place = |(at, value): &(f64, f64)| format!("{:.1},{:.1}", x(*at), y(*value));
            let places = line.points.iter().map(place).collect::<Vec<_>>().join(" ");
            let (colour, name) = (number % COLOURS, escaped(&line.name));
            let _ = writeln!(
                svg,
                "<polyline class=\"c{colour}\" points=\"{places}\"><title>{name}</title></polyline>"
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            WIDTH / 2.0,
            HEIGHT - 8.0,
            self.x_label
        );
        let _ = writeln!(svg, "<text x=\"4\" y=\"11\">{}</text>\n</svg>", self.y_label);
        svg + &self.legend()
    }

    fn legend(&self) -> String {
        let entry = |(number, line): (usize, &CurveLine)| {
            format!("<span><i class=\"c{}\"></i>{}</span>", number % COLOURS, escaped(&line.name))
        };
        let entries: String = self.lines.iter().enumerate().map(entry).collect();
        format!("<p class=\"legend\">{entries}</p>\n")
    }
}

impl AxisKind {
    /// Lowest and highest value, and the marks between them.
    fn range(self, values: impl Iterator<Item = f64> + Clone) -> (f64, f64, Vec<(f64, String)>) {
        let most = values.clone().fold(0.0, f64::max);
        match self {
            AxisKind::Linear => {
                let high = if most > 0.0 { most * 1.05 } else { 1.0 };
                let step = step(high / 4.0);
                let marks = (0..=5).map(|number| step * f64::from(number)).filter(|mark| *mark <= high);
                (0.0, high, marks.map(|mark| (mark, format!("{mark}"))).collect())
            }
            AxisKind::Logarithmic => {
                let least = values.filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
                let low = if least.is_finite() { least.log10().floor() } else { 0.0 };
                let high = if most > 0.0 { most.log10().ceil().max(low + 1.0) } else { low + 1.0 };
                let mut marks = Vec::new();
                let mut power = low;
                while power <= high {
                    marks.push((10_f64.powf(power), format!("{}", 10_f64.powf(power))));
                    power += 1.0;
                }
                (10_f64.powf(low), 10_f64.powf(high), marks)
            }
        }
    }

    fn place(self, value: f64) -> f64 {
        match self {
            AxisKind::Linear => value,
            AxisKind::Logarithmic => value.log10(),
        }
    }
}

/// The next round number that is not below: 1, 2 or 5 times a power of ten.
pub(super) fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= least);
    factor.unwrap_or(10.0) * power
}

/// A text inside HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
