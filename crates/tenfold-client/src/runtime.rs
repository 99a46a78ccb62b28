//! The part of the client that is the same for all applications.

/// What a client needs of it: what an application has none of is left out, since unused code fails strict compilers.
#[derive(Default)]
pub(crate) struct Needs {
    pub(crate) segments: bool,
    pub(crate) pages: bool,
    pub(crate) events: bool,
    pub(crate) uploads: bool,
}

impl Needs {
    /// The text of those parts.
    pub(crate) fn text(&self) -> String {
        let options = include_str!("runtime/options.ts");
        let parts = [
            (true, only(options, "uploads", self.uploads)),
            (true, include_str!("runtime/problem.ts").to_owned()),
            (true, include_str!("runtime/call.ts").to_owned()),
            (self.pages, include_str!("runtime/pages.ts").to_owned()),
            (self.events, include_str!("runtime/events.ts").to_owned()),
            (self.uploads, include_str!("runtime/upload.ts").to_owned()),
            (true, include_str!("runtime/connection.ts").to_owned()),
            (self.segments, include_str!("runtime/segment.ts").to_owned()),
        ];
        let parts: Vec<String> =
            parts.into_iter().filter(|(needed, _)| *needed).map(|(_, part)| part).collect();
        parts.join("\n")
    }
}

/// The text with or without its lines between `// only with NAME` and `// end`.
fn only(text: &str, name: &str, is_kept: bool) -> String {
    let (mut kept, mut inside) = (String::new(), false);
    for line in text.lines() {
        match line.trim() {
            "// end" => inside = false,
            begin if begin.strip_prefix("// only with ") == Some(name) => inside = true,
            _ if inside && !is_kept => {}
            _ => kept += &format!("{line}\n"),
        }
    }
    kept
}
