//! Reads files: which files of a package the check covers, and their content.

use std::path::{Path, PathBuf};

use crate::error::CheckError;
use crate::source::RustSource;

/// The content of one file.
pub enum Content {
    /// The text of a migration.
    Migration(String),
    /// A Rust source, or the parser's error with its line.
    Source(Result<Box<RustSource>, (String, usize)>),
}

/// Reads `paths` on all cores, since parsing Rust takes nearly all of the time; the contents are in the order
/// of the paths.
pub fn contents(paths: &[&Path]) -> Result<Vec<Content>, CheckError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = paths.len().div_ceil(cores).max(1);
    let shares: Vec<Result<Vec<Content>, CheckError>> = std::thread::scope(|scope| {
        let readers: Vec<_> = paths
            .chunks(share)
            .map(|share| scope.spawn(|| share.iter().map(|path| content(path)).collect()))
            .collect();
        let join = |reader: std::thread::ScopedJoinHandle<'_, _>| {
            reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        readers.into_iter().map(join).collect()
    });
    let mut contents = Vec::with_capacity(paths.len());
    for share in shares {
        contents.extend(share?);
    }
    Ok(contents)
}

/// The Rust sources and migrations of the package in `folder`, sorted; folders of other packages are skipped.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, CheckError> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(current) = folders.pop() {
        for entry in std::fs::read_dir(&current).map_err(CheckError::file(&current))? {
            let entry = entry.map_err(CheckError::file(&current))?;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().map_err(CheckError::file(&path))?.is_dir() {
                let is_foreign =
                    name.starts_with('.') || name == "target" || path.join("Cargo.toml").exists();
                folders.extend((!is_foreign).then_some(path));
            } else if name.ends_with(".rs") || (name.ends_with(".sql") && is_migration(folder, &path)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file of the package in `folder` is part of the product, and not for tests, benchmarks or examples.
pub fn is_product(folder: &Path, path: &Path) -> bool {
    let first = path.strip_prefix(folder).ok().and_then(|below| below.iter().next());
    !first.is_some_and(|first| ["tests", "benches", "examples"].iter().any(|other| first == *other))
}

fn is_migration(folder: &Path, path: &Path) -> bool {
    path.strip_prefix(folder).is_ok_and(|below| below.starts_with("migrations"))
}

fn content(path: &Path) -> Result<Content, CheckError> {
    let text = std::fs::read_to_string(path).map_err(CheckError::file(path))?;
    let is_migration = path.extension().is_some_and(|extension| extension == "sql");
    Ok(if is_migration {
        Content::Migration(text)
    } else {
        Content::Source(RustSource::read(&text).map(Box::new))
    })
}
