//! The pages of this command. They load nothing from elsewhere and have nothing inline.

use std::fmt::Write as _;

use super::failure::{Diagnostic, Failure};
use super::state::DevWork;

/// Where this command's own pages and files are.
pub(super) const PREFIX: &str = "/_tenfold/dev";
/// What the pages' script and style are.
pub(super) const SCRIPT: &str = include_str!("page/dev.js");
pub(super) const STYLE: &str = include_str!("page/dev.css");

/// A failure: the compiler's errors, or the last lines of the process.
pub(super) fn failed(number: u64, failure: &Failure) -> String {
    let mut body: String = failure.errors.iter().map(error).collect();
    // The compiler's errors say more than cargo's last lines.
    if failure.errors.is_empty() {
        body += &output(&failure.output);
    }
    page(number, Tone::Bad, failure.stage.title(), &format!("{}.", sentence(&failure.detail)), &body)
}

/// What requests wait for.
pub(super) fn working(number: u64, work: DevWork) -> String {
    page(
        number,
        Tone::Calm,
        &format!("{} …", work.title()),
        "Requests wait until the application answers.",
        "",
    )
}

/// The answer of the application to a navigation that failed, and what it wrote meanwhile.
pub(super) fn broken(number: u64, path: &str, answer: &str, lines: &[String]) -> String {
    let panic = lines.iter().rposition(|line| line.contains("panicked at"));
    let (title, detail, shown) = match panic {
        Some(at) => ("The application panicked", lines[at].trim().to_owned(), &lines[at..]),
        None => ("The application answered 500", "Its output may say why.".to_owned(), lines),
    };
    let answer = section("", &format!("What it answered to {path}"), None, answer);
    page(number, Tone::Bad, title, &detail, &(output(shown) + &answer))
}

/// The application answers, and these are its last lines.
pub(super) fn ready(number: u64, lines: &[String]) -> String {
    page(
        number,
        Tone::Calm,
        "The application answers",
        "These are the last lines that it wrote.",
        &output(lines),
    )
}

enum Tone {
    Calm,
    Bad,
}

fn page(number: u64, tone: Tone, title: &str, detail: &str, body: &str) -> String {
    let class = match tone {
        Tone::Calm => "calm",
        Tone::Bad => "bad",
    };
    let (title, detail) = (escaped(title), escaped(detail));
    format!(
        "<!doctype html>\n<html lang=\"en\" data-state=\"{number}\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <link rel=\"stylesheet\" href=\"{PREFIX}/dev.css\">\n<script type=\"module\" src=\"{PREFIX}/dev.js\"></script>\n\
         <body class=\"{class}\">\n<header><h1 id=\"state\">{title}</h1><p>{detail}</p></header>\n<main>{body}</main>\n\
         <footer><p class=\"place\">tenfold dev: this page reloads by itself when that changes</p></footer>\n</body>\n\
         </html>\n"
    )
}

fn error(error: &Diagnostic) -> String {
    let code = error.code.as_ref().map_or_else(String::new, |code| format!("[{code}]"));
    let title = format!("error{code}: {}", error.message);
    section("error", &title, error.place.as_deref(), &error.rendered)
}

fn output(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { section("", "Its last output", None, &lines.join("\n")) }
}

fn section(class: &str, title: &str, place: Option<&str>, text: &str) -> String {
    let place = place.map_or_else(String::new, |place| format!("<p class=\"place\">{}</p>", escaped(place)));
    let (title, text) = (escaped(title), escaped(text.trim_end()));
    format!("<section class=\"{class}\"><h2>{title}</h2>{place}<pre>{text}</pre></section>\n")
}

/// `text` with a capital.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + characters.as_str()
}

/// `text` as HTML shows it, in an element or in quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // What HTML does not allow, a terminal's bell for instance.
            control if control.is_control() && !matches!(control, '\n' | '\t') => {
                let _ = write!(escaped, "\u{fffd}");
            }
            other => escaped.push(other),
        }
    }
    escaped
}
