//! Notices edits.
//!
//! The files' times are read a few times a second, and before each request: who saves a file and asks at once gets the
//! answer of the new code. A few hundred files take a few milliseconds. Notifications of the operating system would
//! save these, but come too late for that request, do not cross the mounts of containers, and need another library.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::project::DevProject;

/// How often the files are looked at.
const POLL: Duration = Duration::from_millis(200);
/// An edit is over when nothing has changed for this long: an editor or a checkout writes several files.
const SETTLED: Duration = Duration::from_millis(40);
/// Folders of a package that are not built into its program.
const NOT_BUILT: [&str; 3] = ["benches", "examples", "tests"];
/// Folders that hold no sources, wherever they are.
const NO_SOURCES: [&str; 2] = ["node_modules", "__pycache__"];
/// Files below the workspace's folder that are no part of a package but of the build.
const OF_THE_BUILD: [&str; 5] =
    ["Cargo.toml", ".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain"];

/// What was edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// What the program is built from.
    Sources,
    /// What it reads at start.
    Settings,
}

/// Where to look.
pub(super) struct Places {
    root: PathBuf,
    target: PathBuf,
    packages: BTreeSet<PathBuf>,
    /// Those of the packages that lie in no other.
    folders: Vec<PathBuf>,
    files: BTreeSet<PathBuf>,
    settings: PathBuf,
}

impl Places {
    /// `settings` is the file of settings.
    pub(super) fn of(project: &DevProject, settings: &Path) -> Self {
        let is_nested = |folder: &&PathBuf| {
            !project.folders.iter().any(|other| *folder != other && folder.starts_with(other))
        };
        Places {
            root: project.root.clone(),
            target: project.target.clone(),
            packages: project.folders.iter().cloned().collect(),
            folders: project.folders.iter().filter(is_nested).cloned().collect(),
            files: OF_THE_BUILD.iter().map(|file| project.root.join(file)).collect(),
            settings: settings.to_path_buf(),
        }
    }

    fn look(&self) -> Snapshot {
        let mut found = Snapshot { sources: 0, settings: stamp(&self.settings) };
        for file in &self.files {
            if let Some(stamp) = stamp(file) {
                found.add(file, stamp);
            }
        }
        let mut folders = self.folders.clone();
        while let Some(folder) = folders.pop() {
            let is_package = self.packages.contains(&folder);
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let (path, name) = (entry.path(), entry.file_name());
                let Some(metadata) = entry.metadata().ok().filter(|_| !is_hidden(&name.to_string_lossy()))
                else {
                    continue;
                };
                if metadata.is_dir() {
                    if self.may_be_built(&path, &name.to_string_lossy(), is_package) {
                        folders.push(path);
                    }
                } else if path != self.settings && !is_written_meanwhile(&path) {
                    found.add(&path, Stamp::of(&metadata));
                }
            }
        }
        found
    }

    fn may_be_built(&self, folder: &Path, name: &str, is_in_a_package: bool) -> bool {
        !(NO_SOURCES.contains(&name) || is_in_a_package && NOT_BUILT.contains(&name))
            && folder != self.target
            && folder != self.root.join("target")
            && folder != self.root.join("data")
    }
}

/// A file of an editor, or of version control.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name.starts_with('#') || name.ends_with('~')
}

/// A file of a SQLite database, or Cargo.lock: a build that writes it would be an edit that begins the build again.
fn is_written_meanwhile(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("db" | "db-wal" | "db-shm")) || path.ends_with("Cargo.lock")
}

fn stamp(path: &Path) -> Option<Stamp> {
    std::fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata))
}

/// Tells a file from what it was: an editor may replace it by another file of the same length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stamp {
    modified: (i64, i64),
    length: u64,
    inode: u64,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Stamp { modified, length: metadata.len(), inode: metadata.ino() }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Snapshot {
    /// The sum of the hashes of all files: each request waits for it, and a map would take several times as long.
    sources: u64,
    settings: Option<Stamp>,
}

impl Snapshot {
    fn add(&mut self, path: &Path, stamp: Stamp) {
        let mut hasher = DefaultHasher::new();
        (path.as_os_str(), stamp).hash(&mut hasher);
        self.sources = self.sources.wrapping_add(hasher.finish());
    }

    fn edits_since(&self, earlier: &Snapshot) -> Vec<Edit> {
        let settings = (self.settings != earlier.settings).then_some(Edit::Settings);
        // An edit that was taken back at once is one of the sources: requests already wait for it.
        let sources = settings.is_none() || self.sources != earlier.sources;
        sources.then_some(Edit::Sources).into_iter().chain(settings).collect()
    }
}

/// Asks for a look at the files.
#[derive(Clone)]
pub(super) struct Eyes(mpsc::UnboundedSender<oneshot::Sender<()>>);

impl Eyes {
    /// Looks at the files; an edit that was saved before this call has been noticed when it returns.
    pub(super) async fn look(&self) {
        let (looked, answer) = oneshot::channel();
        if self.0.send(looked).is_ok() {
            let _ = answer.await;
        }
    }
}

/// Watches the places. As soon as something has changed, `hold` is called; `tell` follows when the edit is over.
pub(super) fn watch(
    places: Places,
    hold: impl Fn() + Send + 'static,
    tell: impl Fn(Edit) + Send + 'static,
) -> (Eyes, impl Future<Output = ()>) {
    let (eyes, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
    let places = Arc::new(places);
    let watching = async move {
        let mut known = look(&places).await;
        loop {
            let first = tokio::select! {
                asker = asked.recv() => asker,
                () = tokio::time::sleep(POLL) => None,
            };
            // One look answers all who asked before it began.
            let askers: Vec<_> =
                first.into_iter().chain(std::iter::from_fn(|| asked.try_recv().ok())).collect();
            let mut found = look(&places).await;
            let has_changed = found != known;
            if has_changed {
                hold();
            }
            for asker in askers {
                // A request that was given up no longer listens.
                let _ = asker.send(());
            }
            if has_changed {
                found = settled(&places, found).await;
                found.edits_since(&known).into_iter().for_each(&tell);
                known = found;
            }
        }
    };
    (Eyes(eyes), watching)
}

async fn settled(places: &Arc<Places>, mut found: Snapshot) -> Snapshot {
    loop {
        tokio::time::sleep(SETTLED).await;
        let again = look(places).await;
        if again == found {
            return found;
        }
        found = again;
    }
}

async fn look(places: &Arc<Places>) -> Snapshot {
    let places = Arc::clone(places);
    let looked = tokio::task::spawn_blocking(move || places.look());
    looked.await.unwrap_or(Snapshot { sources: 0, settings: None })
}
