//! The author's lines that led to a statement: the helper that runs it, and the loop that calls the helper.
//!
//! They come from a backtrace, in which the polls of `async fn`s are nested. Capturing one takes a fraction of a
//! millisecond. Reading the first one takes up to half a second, because it loads debug information. So this is for
//! tests, and only for what has reached the threshold ([`Observer::wants_callers`]).
//!
//! [`Observer::wants_callers`]: crate::Observer::wants_callers

use std::backtrace::Backtrace;
use std::path::{Path, PathBuf};

use crate::statement::CallSite;

/// At most this many lines are reported, the innermost first.
const MOST: usize = 8;

/// A stack at one point of the program.
pub(super) struct Stack(Backtrace);

impl Stack {
    /// The current stack.
    pub(super) fn here() -> Self {
        Stack(Backtrace::force_capture())
    }

    /// The author's lines between the start of the work and `site`, the innermost first, as `file:line`. Empty if the
    /// program was built without line numbers.
    pub(super) fn above(&self, site: CallSite) -> Vec<String> {
        let text = self.0.to_string();
        // The frames outside the scope's poll are those that started the work: the server, or a test.
        // The poll is recognized by its name or its file, because debug information may hold short names.
        let polls =
            |line: &&str| line.contains("scope::drive::Driven") || line.contains("src/scope/drive.rs:");
        let work = text.lines().take_while(|line| !polls(line));
        let root = workspace();
        let of_author = work.filter_map(place).filter(|(file, _)| is_authors(file)).map(|(file, line)| {
            let inside = root.as_ref().and_then(|root| file.strip_prefix(root).ok());
            (inside.unwrap_or(&file).display().to_string(), line)
        });
        let mut places: Vec<(String, u32)> = of_author.collect();
        places.dedup();
        // The line that runs the statement is reported as the call site; its `.await` may be on the next line.
        let asks = |(file, line): &(String, u32)| file == site.file() && line.abs_diff(site.line()) <= 1;
        if let Some(own) = places.iter().take(3).position(asks) {
            places.drain(..=own);
        }
        places.truncate(MOST);
        places.into_iter().map(|(file, line)| format!("{file}:{line}")).collect()
    }
}

/// The file and line in `at FILE:LINE:COLUMN`, as a backtrace is printed.
fn place(line: &str) -> Option<(PathBuf, u32)> {
    let (place, _column) = line.trim_start().strip_prefix("at ")?.rsplit_once(':')?;
    let (file, line) = place.rsplit_once(':')?;
    // Backtraces print files in the current folder relative to it.
    let file = match file.strip_prefix("./") {
        Some(inside) => std::env::current_dir().unwrap_or_default().join(inside),
        None => PathBuf::from(file),
    };
    Some((file, line.parse().ok()?))
}

/// Whether a file belongs neither to the language, nor to a library, nor to Tenfold.
fn is_authors(file: &Path) -> bool {
    let libraries = ["/rustc/", "/rustlib/", "/registry/src/", "/git/checkouts/", "/vendor/"];
    let text = file.to_string_lossy();
    let is_ours = || {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
        let inside = file.strip_prefix(crates).ok()?;
        let mut parts = inside.iter().map(|part| part.to_string_lossy());
        let (name, folder) = (parts.next()?, parts.next()?);
        Some(name.starts_with("tenfold") && folder == "src")
    };
    !libraries.iter().any(|library| text.contains(library)) && !is_ours().unwrap_or(false)
}

/// The folder of the workspace under test. Cargo gives a test the folder of its crate.
fn workspace() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR")?);
    folder.ancestors().find(|folder| folder.join("Cargo.lock").exists()).map(Path::to_path_buf)
}
