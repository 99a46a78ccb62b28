//! Files and folders that only the account of the process can read.

use std::io;
use std::path::Path;

use tokio::fs;

/// The mode of a folder: access for the owner only.
#[cfg(unix)]
const FOLDER: u32 = 0o700;
/// The mode of a file: access for the owner only.
#[cfg(unix)]
const FILE: u32 = 0o600;

/// Creates a folder and its missing parents.
pub(crate) fn folders(path: &Path) -> io::Result<()> {
    let mut folders = std::fs::DirBuilder::new();
    folders.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folders, FOLDER);
    folders.create(path)
}

/// Creates a file for writing, or empties the one that is there.
pub(crate) async fn file(path: &Path) -> io::Result<fs::File> {
    writing().create(true).truncate(true).open(path).await
}

/// Creates a file for writing that must not exist yet.
pub(crate) async fn new_file(path: &Path) -> io::Result<fs::File> {
    writing().create_new(true).open(path).await
}

fn writing() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    options.mode(FILE);
    options
}

/// Removes other accounts' access to a folder and everything in it, unless that is done already. The folder itself
/// comes last, so that a restart continues where a killed process stopped.
#[cfg(unix)]
pub(crate) fn close(folder: &Path) -> io::Result<()> {
    if mode(&std::fs::metadata(folder)?) == FOLDER {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            close(&entry.path())?;
        } else if kind.is_file() && mode(&entry.metadata()?) != FILE {
            set_mode(&entry.path(), FILE)?;
        }
    }
    set_mode(folder, FOLDER)
}

/// Other systems have no mode bits.
#[cfg(not(unix))]
pub(crate) fn close(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn mode(metadata: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_an_older_start_is_closed_to_others() {
        let root = std::env::temp_dir().join(format!("tenfold-private-{}", std::process::id()));
        let blob = root.join("an organization").join("a file");
        std::fs::create_dir_all(root.join("an organization")).expect("the folders can be made");
        std::fs::write(&blob, "bytes").expect("the file can be written");
        let mode_of = |path: &Path| mode(&std::fs::metadata(path).expect("it is there"));
        for (path, open) in [(&blob, 0o644), (&root, 0o755)] {
            set_mode(path, open).expect("its mode can be set");
        }
        close(&root).expect("it can be closed");
        let modes = [&root, &root.join("an organization"), &blob].map(|path| mode_of(path));
        std::fs::remove_dir_all(&root).expect("it can be removed");
        assert_eq!(modes, [0o700, 0o700, 0o600]);
    }
}
