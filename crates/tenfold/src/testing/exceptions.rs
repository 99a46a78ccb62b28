//! The exception lists of a workspace, which tests read as the commands do.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// The list in the file of this name, in the folder of the tested crate or in one above it; an empty list if there is
/// no file. The file's path is returned with it, for messages.
pub(super) fn read<L: DeserializeOwned + Default>(file: &str) -> (L, PathBuf) {
    let Some(path) = find(file) else { return (L::default(), PathBuf::from(file)) };
    let text = std::fs::read_to_string(&path).expect("the file of exceptions can be read");
    (toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())), path)
}

/// Cargo passes a test the folder of its crate.
fn find(file: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR")?;
    Path::new(&folder).ancestors().map(|folder| folder.join(file)).find(|path| path.exists())
}
