//! `tenfold upgrade`: applies to a project what changed between two versions of the template.
//!
//! The project is carved twice by its own answers, from the version that it was made from and from the new one. What
//! differs between the two is merged into the project's files, by `git merge-file`: an edit stays, and where both have
//! changed the same lines the file shows the conflict as git shows it. (The idea is that of copier and cruft.)

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;

use super::answers::Answers;
use super::project::{ProjectFile, carved, write_file};
use super::template::Template;
use crate::error::CheckError;
use crate::outcome::Outcome;
use crate::project_error::ProjectError;

/// Brings a project to the version of a checkout of Tenfold.
#[derive(Debug, Args)]
pub(crate) struct Upgrade {
    /// The project's folder, which has tenfold.toml.
    #[arg(default_value = ".")]
    project: PathBuf,
    /// The checkout of Tenfold with the new version, and with the tag of the project's version [default: the one in
    /// tenfold.toml].
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
    /// Upgrade although the project has changes that are not committed.
    #[arg(long)]
    allow_dirty: bool,
}

/// What became of one file.
enum Change {
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
    pub(crate) fn run(&self) -> Result<Outcome, CheckError> {
        let answers = Answers::read(&self.project.join("tenfold.toml"))?;
        let checkout = self.path.clone().or_else(|| answers.tenfold.path.clone()).ok_or_else(|| {
            ProjectError::Refused("give the checkout of the new version with --path FOLDER".to_owned())
        })?;
        let checkout = checkout.canonicalize().map_err(ProjectError::file(&checkout))?;
        if !self.allow_dirty && !git(&self.project, &["status", "--porcelain"])?.trim().is_empty() {
            let why = "the project has changes that are not committed: commit them, so that the upgrade can be undone, or give --allow-dirty";
            return Err(ProjectError::Refused(why.to_owned()).into());
        }
        let new = Template::read(&checkout)?;
        if new.version == answers.tenfold.version {
            return Ok(Outcome::Fine(format!("the project is at {} already\n", new.version)));
        }
        let mut new_answers = answers.clone();
        new_answers.tenfold.version.clone_from(&new.version);
        if answers.tenfold.path.is_some() {
            new_answers.tenfold.path = Some(checkout.clone());
        }
        let base = carved(&template_at(&checkout, &answers.tenfold.version)?, &answers)?;
        let target = carved(&new, &new_answers)?;
        let changes = merge(&self.project, &base, &target)?;
        Ok(told(&answers.tenfold.version, &new.version, &changes))
    }
}

/// The template of a version, from the tag in a checkout.
fn template_at(checkout: &Path, version: &str) -> Result<Template, ProjectError> {
    let tag = format!("v{version}");
    let folder = std::env::temp_dir().join(format!("tenfold-upgrade-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(ProjectError::file(&folder))?;
    let archive = folder.join("template.tar");
    let read = git(checkout, &["archive", "--output", &archive.to_string_lossy(), &tag])
        .and_then(|_| run(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&folder)))
        .and_then(|_| Template::read(&folder));
    // The folder is ours alone; if it cannot be removed, the system's cleaning does it.
    let _ = std::fs::remove_dir_all(&folder);
    read
}

fn merge(
    project: &Path,
    base: &BTreeMap<String, ProjectFile>,
    target: &BTreeMap<String, ProjectFile>,
) -> Result<Vec<(String, Change)>, ProjectError> {
    let mut changes = Vec::new();
    // Cargo writes the lock file itself: a build after the upgrade does.
    for (path, file) in target.iter().filter(|(path, _)| *path != "Cargo.lock") {
        let before = base.get(path);
        if before == Some(file) {
            continue;
        }
        let place = project.join(path);
        let current = read_if_there(&place)?;
        let change = match (current, before) {
            // Removed by its owner: it stays removed.
            (None, Some(_)) => continue,
            (None, None) => {
                write_file(project, path, file)?;
                Change::Added
            }
            (Some(current), _) if current == file.bytes => continue,
            (Some(current), Some(before)) if current == before.bytes => {
                write_file(project, path, file)?;
                Change::Updated
            }
            (Some(_), before) => {
                let before = before.map_or(&[][..], |before| &before.bytes);
                match merge_file(&place, before, &file.bytes)? {
                    0 => Change::Merged,
                    conflicts => Change::Conflict(conflicts),
                }
            }
        };
        changes.push((path.clone(), change));
    }
    for (path, before) in base.iter().filter(|(path, _)| !target.contains_key(*path)) {
        let place = project.join(path);
        match read_if_there(&place)? {
            Some(current) if current == before.bytes => {
                std::fs::remove_file(&place).map_err(ProjectError::file(&place))?;
                changes.push((path.clone(), Change::Removed));
            }
            Some(_) => changes.push((path.clone(), Change::Kept)),
            None => {}
        }
    }
    Ok(changes)
}

/// Merges what changed between two texts into a file; gives the number of conflicts.
fn merge_file(place: &Path, before: &[u8], after: &[u8]) -> Result<usize, ProjectError> {
    let beside = |ending: &str| {
        let mut name = place.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let (base, new) = (beside(".before"), beside(".after"));
    std::fs::write(&base, before).map_err(ProjectError::file(&base))?;
    std::fs::write(&new, after).map_err(ProjectError::file(&new))?;
    let merged = Command::new("git")
        .args(["merge-file", "-L", "yours", "-L", "before", "-L", "tenfold"])
        .args([place, &base, &new])
        .stdin(Stdio::null())
        .output();
    let _ = (std::fs::remove_file(&base), std::fs::remove_file(&new));
    let merged = merged.map_err(ProjectError::file("git"))?;
    match merged.status.code() {
        // Git stops counting there, and says so much for an error, too.
        Some(code @ 0..127) => Ok(usize::try_from(code).unwrap_or_default()),
        _ => Err(ProjectError::Refused(format!(
            "{} cannot be merged: {}",
            place.display(),
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

fn git(folder: &Path, arguments: &[&str]) -> Result<String, ProjectError> {
    run(Command::new("git").arg("-C").arg(folder).args(arguments))
}

fn run(command: &mut Command) -> Result<String, ProjectError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(ProjectError::file(&program))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(ProjectError::Refused(format!(
        "{program} refuses: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    )))
}

fn told(old: &str, new: &str, changes: &[(String, Change)]) -> Outcome {
    let mut text = format!("from {old} to {new}\n");
    let mut conflicts = 0;
    for (path, change) in changes {
        let (verb, more) = match change {
            Change::Updated => ("updated", String::new()),
            Change::Merged => ("merged", String::new()),
            Change::Conflict(count) => {
                conflicts += count;
                ("CONFLICT", format!(": {count}, marked <<<<<<< yours"))
            }
            Change::Added => ("added", String::new()),
            Change::Removed => ("removed", String::new()),
            Change::Kept => ("kept", ": the template has it no more, and you have changed it".to_owned()),
        };
        text.push_str(&format!("  {verb} {path}{more}\n"));
    }
    if conflicts == 0 {
        text.push_str("\n  ./test    # then look at it with git diff, and commit\n");
        return Outcome::Fine(text);
    }
    text.push_str("\nmend the conflicts, then run ./test and commit\n");
    Outcome::Broken(text)
}
