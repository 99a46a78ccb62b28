//! Reads Prometheus's text format, in which the process's metrics are written
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

/// One metric with all its series.
#[derive(Debug, Default)]
pub(crate) struct TextMetric {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: String,
    pub(crate) samples: Vec<TextSample>,
}

/// One line with a value.
#[derive(Debug, PartialEq)]
pub(crate) struct TextSample {
    /// What its name has behind the metric's: nothing, `_bucket`, `_sum` or `_count`.
    pub(crate) suffix: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

/// All metrics of a text. Lines that cannot be read are left out.
pub(crate) fn parse(text: &str) -> Vec<TextMetric> {
    let mut metrics: Vec<TextMetric> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            describe(&mut metrics, rest);
        } else if let Some((name, labels, value)) = sample(line) {
            let Some(metric) = metrics.last_mut() else { continue };
            let Some(suffix) = name.strip_prefix(metric.name.as_str()) else { continue };
            metric.samples.push(TextSample { suffix: suffix.to_owned(), labels, value });
        }
    }
    metrics
}

fn describe(metrics: &mut Vec<TextMetric>, line: &str) {
    let mut words = line.splitn(3, ' ');
    let (Some(what), Some(name)) = (words.next(), words.next()) else { return };
    let text = words.next().unwrap_or_default().to_owned();
    if metrics.last().is_none_or(|metric| metric.name != name) {
        metrics.push(TextMetric { name: name.to_owned(), ..TextMetric::default() });
    }
    if let Some(metric) = metrics.last_mut() {
        match what {
            "HELP" => metric.help = text,
            "TYPE" => metric.kind = text,
            _ => {}
        }
    }
}

type SampleParts<'l> = (&'l str, Vec<(String, String)>, f64);

fn sample(line: &str) -> Option<SampleParts<'_>> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = match rest.split_whitespace().next()? {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        number => number.parse().ok()?,
    };
    Some((name, labels, value))
}

/// The labels up to `}`, and what is behind it.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, behind) = rest.split_once("=\"")?;
        let (value, behind) = quoted(behind)?;
        labels.push((name.to_owned(), value));
        rest = behind;
    }
}

/// A text up to its closing quotation mark, and what is behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut is_escaped) = (String::new(), false);
    for (place, letter) in text.char_indices() {
        match letter {
            'n' if is_escaped => value.push('\n'),
            '"' if !is_escaped => return Some((value, &text[place + 1..])),
            '\\' if !is_escaped => {
                is_escaped = true;
                continue;
            }
            letter => value.push(letter),
        }
        is_escaped = false;
    }
    None
}
