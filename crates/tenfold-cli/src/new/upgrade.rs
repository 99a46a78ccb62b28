//! `tenfold upgrade`: applies to a project what changed between two versions of the template.
//!
//! The project is carved twice by its own answers, from the version that it was made from and from the new one. What
//! differs between the two is merged into the project's files, by `git merge-file`: an edit stays, and where both have
//! changed the same lines the file shows the conflict as git shows it. (The idea is that of copier and cruft.)

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;

use super::answers::{Answers, quoted};
use super::origin::{self, git};
use super::project::{ProjectFile, carved, write_file};
use super::template::Template;
use crate::error::CheckError;
use crate::outcome::CommandOutcome;
use crate::project_error::ProjectError;

/// Brings a project to the version of this program, or of a checkout of Tenfold.
#[derive(Debug, Args)]
pub(crate) struct Upgrade {
    /// The project's folder, which has tenfold.toml.
    #[arg(default_value = ".")]
    project: PathBuf,
    /// The checkout of Tenfold with the new version, and with the tag of the project's version [default: the one in
    /// tenfold.toml; without one there, this program's version].
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
    /// Upgrade although the project has changes that are not committed.
    #[arg(long)]
    allow_dirty: bool,
}

/// What became of one file.
enum FileChange {
    /// It was as the template had it: it is as the new one has it.
    Updated,
    /// Both have changed it, in different lines.
    Merged,
    /// Both have changed the same lines, so often.
    Conflict(usize),
    /// It is new.
    Added,
    /// The template has it no more, and nobody had changed it.
    Removed,
    /// The template has it no more; it was changed and stays.
    Kept,
}

impl Upgrade {
    pub(crate) fn run(&self) -> Result<CommandOutcome, CheckError> {
        let kept = self.project.join(ANSWERS);
        let answers = Answers::read(&kept)?;
        answers.check()?;
        let checkout = self.path.as_ref().or(answers.tenfold.path.as_ref());
        let absolute = |path: &PathBuf| path.canonicalize().map_err(ProjectError::file(path));
        let checkout = checkout.map(absolute).transpose()?;
        if !self.allow_dirty && !git(&self.project, &["status", "--porcelain"])?.trim().is_empty() {
            let why = "the project has changes that are not committed: commit them, so that the upgrade can be undone, or give --allow-dirty";
            return Err(ProjectError::Refused(why.to_owned()).into());
        }
        let new = checkout.as_ref().map_or_else(origin::own, |checkout| Template::read(checkout))?;
        if new.version == answers.tenfold.version {
            return Ok(CommandOutcome::Fine(format!("the project is at {} already\n", new.version)));
        }
        let mut new_answers = answers.clone();
        new_answers.tenfold.version.clone_from(&new.version);
        if answers.tenfold.path.is_some() {
            new_answers.tenfold.path.clone_from(&checkout);
        }
        let old = match &checkout {
            Some(checkout) => origin::tagged(checkout, &answers.tenfold.version)?,
            None => origin::used_by(&self.project, &answers.tenfold.version)?,
        };
        let base = carved(&old, &answers)?;
        let target = carved(&new, &new_answers)?;
        let Merged { changes, writes } = merge(&self.project, &base, &target)?;
        writes.iter().try_for_each(FileWrite::run)?;
        // Last: until then the project is at its old version, and an upgrade can be run again.
        let text = std::fs::read_to_string(&kept).map_err(ProjectError::file(&kept))?;
        let text = at_version(&text, &answers, &new_answers);
        std::fs::write(&kept, text).map_err(ProjectError::file(&kept))?;
        Ok(told(&answers.tenfold.version, &new.version, &changes))
    }
}

/// The file with the answers.
const ANSWERS: &str = "tenfold.toml";

/// The file of answers with another version, and another checkout if there is one.
fn at_version(text: &str, old: &Answers, new: &Answers) -> String {
    let pair = |key: &str, value: &str| format!("{key} = {}", quoted(value));
    let text =
        text.replacen(&pair("version", &old.tenfold.version), &pair("version", &new.tenfold.version), 1);
    match (&old.tenfold.path, &new.tenfold.path) {
        (Some(old), Some(new)) => {
            text.replacen(&pair("path", &old.to_string_lossy()), &pair("path", &new.to_string_lossy()), 1)
        }
        _ => text,
    }
}

/// A change of one file, to be made once all are known.
struct FileWrite {
    place: PathBuf,
    /// `None` removes it.
    file: Option<ProjectFile>,
}

/// What an upgrade does.
struct Merged {
    /// What becomes of each file.
    changes: Vec<(String, FileChange)>,
    /// What is to be written for it.
    writes: Vec<FileWrite>,
}

impl FileWrite {
    fn run(&self) -> Result<(), ProjectError> {
        match &self.file {
            Some(file) => write_file(&self.place, file),
            None => std::fs::remove_file(&self.place).map_err(ProjectError::file(&self.place)),
        }
    }
}

/// What becomes of each file, and what is to be written for it.
fn merge(
    project: &Path,
    base: &BTreeMap<String, ProjectFile>,
    target: &BTreeMap<String, ProjectFile>,
) -> Result<Merged, ProjectError> {
    let (mut changes, mut writes) = (Vec::new(), Vec::new());
    // Cargo writes the lock file itself: a build after the upgrade does.
    let merged = target.iter().filter(|(path, _)| *path != "Cargo.lock" && *path != ANSWERS);
    for (path, file) in merged {
        let (place, before) = (project.join(path), base.get(path));
        let (change, bytes) = match (read_if_there(&place)?, before) {
            _ if before == Some(file) => continue,
            // Removed by its owner: it stays removed.
            (None, Some(_)) => continue,
            (Some(current), _) if current == file.bytes => continue,
            (None, None) => (FileChange::Added, file.bytes.clone()),
            (Some(current), Some(before)) if current == before.bytes => {
                (FileChange::Updated, file.bytes.clone())
            }
            (Some(current), before) => {
                let before = before.map_or(&[][..], |before| &before.bytes);
                match merge_texts(path, &current, before, &file.bytes)? {
                    (merged, 0) => (FileChange::Merged, merged),
                    (merged, conflicts) => (FileChange::Conflict(conflicts), merged),
                }
            }
        };
        changes.push((path.clone(), change));
        let file = ProjectFile { is_executable: file.is_executable, bytes };
        writes.push(FileWrite { place, file: Some(file) });
    }
    for (path, before) in base.iter().filter(|(path, _)| !target.contains_key(*path)) {
        let place = project.join(path);
        match read_if_there(&place)? {
            Some(current) if current == before.bytes => {
                changes.push((path.clone(), FileChange::Removed));
                writes.push(FileWrite { place, file: None });
            }
            Some(_) => changes.push((path.clone(), FileChange::Kept)),
            None => {}
        }
    }
    Ok(Merged { changes, writes })
}

/// Merges what changed between two texts into a third; gives the result and the number of conflicts.
fn merge_texts(
    path: &str,
    current: &[u8],
    before: &[u8],
    after: &[u8],
) -> Result<(Vec<u8>, usize), ProjectError> {
    let folder = std::env::temp_dir().join(format!("tenfold-merge-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(ProjectError::file(&folder))?;
    let mut command = Command::new("git");
    command.args(["merge-file", "--stdout", "-L", "yours", "-L", "before", "-L", "tenfold"]);
    for (name, bytes) in [("yours", current), ("before", before), ("tenfold", after)] {
        let place = folder.join(name);
        std::fs::write(&place, bytes).map_err(ProjectError::file(&place))?;
        command.arg(place);
    }
    let merged = command.stdin(Stdio::null()).output();
    // The folder is ours alone; if it cannot be removed, the system's cleaning does it.
    let _ = std::fs::remove_dir_all(&folder);
    let merged = merged.map_err(ProjectError::file("git"))?;
    match merged.status.code() {
        // Git stops counting there, and says more for an error.
        Some(code @ 0..127) => Ok((merged.stdout, usize::try_from(code).unwrap_or_default())),
        _ => Err(ProjectError::Refused(format!(
            "{path} cannot be merged, and nothing was changed: {}",
            String::from_utf8_lossy(&merged.stderr).trim()
        ))),
    }
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, ProjectError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ProjectError::file(path)(error)),
    }
}

fn told(old: &str, new: &str, changes: &[(String, FileChange)]) -> CommandOutcome {
    let mut text = format!("from {old} to {new}\n");
    let mut conflicts = 0;
    for (path, change) in changes {
        let (verb, more) = match change {
            FileChange::Updated => ("updated", String::new()),
            FileChange::Merged => ("merged", String::new()),
            FileChange::Conflict(count) => {
                conflicts += count;
                ("CONFLICT", format!(": {count}, marked <<<<<<< yours"))
            }
            FileChange::Added => ("added", String::new()),
            FileChange::Removed => ("removed", String::new()),
            FileChange::Kept => ("kept", ": the template has it no more, and you have changed it".to_owned()),
        };
        text.push_str(&format!("  {verb} {path}{more}\n"));
    }
    if conflicts == 0 {
        text.push_str("\n  ./test    # then look at it with git diff, and commit\n");
        return CommandOutcome::Fine(text);
    }
    text.push_str("\nmend the conflicts, then run ./test and commit\n");
    CommandOutcome::Broken(text)
}
