//! Where templates come from: a checkout, a tag in it, this program, or the crate that a project is built with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;

use super::template::{LIST, PackedFiles, Template, packed};
use crate::error::CheckError;
use crate::outcome::CommandOutcome;
use crate::project_error::ProjectError;
use crate::workspace::folder_of_package;

/// The template of this program. `.ci/package` writes it into the package that is published; in a checkout it is empty.
const OWN: &str = include_str!("../../project/packaged.json");

/// Where it is in the package.
const PACKAGED: &str = "project/packaged.json";

/// Prints what projects are carved from, as the published crate contains it.
#[derive(Debug, Args)]
pub(crate) struct Pack {
    /// The checkout of Tenfold.
    checkout: PathBuf,
}

impl Pack {
    pub(crate) fn run(&self) -> Result<CommandOutcome, CheckError> {
        let files = packed(&self.checkout)?;
        Ok(CommandOutcome::Fine(format!("{}\n", serde_json::to_string(&files)?)))
    }
}

/// The checkout that this program was built in, if it is still there.
pub fn own_checkout() -> Option<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    checkout.join(LIST).exists().then(|| checkout.to_owned())
}

/// The template of this version: from the checkout that this program was built in, or from the program.
pub fn own() -> Result<Template, ProjectError> {
    let of_program = || {
        packaged(OWN)?.ok_or_else(|| {
            ProjectError::Refused(
                "the checkout of Tenfold that this program was built in is gone: give one with --path FOLDER"
                    .to_owned(),
            )
        })
    };
    own_checkout().map_or_else(of_program, |checkout| Template::read(&checkout))
}

/// The template of a version, from the tag in a checkout.
pub fn tagged(checkout: &Path, version: &str) -> Result<Template, ProjectError> {
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

/// The template of the version that a project is built with. Its tests use the crate `tenfold-cli`, so Cargo has that
/// version's sources: from a registry with the template in the package, from git with the whole checkout.
pub fn used_by(project: &Path, version: &str) -> Result<Template, CheckError> {
    let lacks = |why: String| {
        ProjectError::Refused(format!(
            "there is no template of {version}, which this project was made from: {why}; give a checkout of Tenfold that has the tag v{version} with --path FOLDER"
        ))
    };
    let folder = folder_of_package(project, "tenfold-cli")?
        .ok_or_else(|| lacks("it is built without the crate tenfold-cli".to_owned()))?;
    let file = folder.join(PACKAGED);
    let text = std::fs::read_to_string(&file).map_err(ProjectError::file(&file))?;
    let template = match (packaged(&text)?, folder.ancestors().nth(2)) {
        (Some(template), _) => template,
        (None, Some(checkout)) => Template::read(checkout)?,
        (None, None) => return Err(lacks(format!("{} is empty", file.display())).into()),
    };
    if template.version != version {
        return Err(lacks(format!("it is built with {}", template.version)).into());
    }
    Ok(template)
}

/// The template in a file of a package; none in the file of a checkout.
fn packaged(text: &str) -> Result<Option<Template>, ProjectError> {
    let files: PackedFiles = serde_json::from_str(text)
        .map_err(|error| ProjectError::Template { file: PACKAGED.to_owned(), message: error.to_string() })?;
    if files.is_empty() { Ok(None) } else { Template::of(&files).map(Some) }
}

/// Runs git in a folder, and gives what it writes.
pub fn git(folder: &Path, arguments: &[&str]) -> Result<String, ProjectError> {
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
