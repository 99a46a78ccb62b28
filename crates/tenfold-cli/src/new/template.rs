//! What projects are carved from: files of Tenfold's repository, listed in `project/template.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::project_error::ProjectError;
use crate::workspace::shown;

/// Where the list is, below the checkout.
const LIST: &str = "crates/tenfold-cli/project/template.toml";

/// The list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Files and folders, in the order of the list.
    pub part: Vec<Listed>,
    /// Conditions of single files, by their path in the checkout.
    pub only: BTreeMap<String, String>,
    /// Texts that are replaced.
    pub replace: Vec<Replacement>,
    /// The version of the checkout.
    #[serde(skip)]
    pub version: String,
    /// The contents, once read.
    #[serde(skip)]
    pub files: Vec<TemplateFile>,
}

/// A file, or a folder with all that is in it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Its path in the checkout.
    pub from: String,
    /// Its path in the project; the same, unless given. Empty: the project's folder.
    pub to: Option<String>,
    /// The condition on which a project has it; always, unless given.
    pub when: Option<String>,
}

/// A text in a file that is another one in a project.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// The file's path in the checkout.
    pub file: String,
    /// What must be there.
    pub from: String,
    /// What stands there instead; with the placeholders of the list.
    pub to: String,
}

/// One file.
#[derive(Debug)]
pub struct TemplateFile {
    /// Its path in the checkout.
    pub from: String,
    /// Its path in the project.
    pub to: String,
    /// The condition of the part that it belongs to.
    pub when: Option<String>,
    /// Whether it is a program.
    pub is_executable: bool,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl Template {
    /// Reads the list and the files of a checkout.
    pub fn read(checkout: &Path) -> Result<Self, ProjectError> {
        let list = checkout.join(LIST);
        let text = std::fs::read_to_string(&list).map_err(ProjectError::file(&list))?;
        let mut template: Template = toml::from_str(&text)
            .map_err(|error| ProjectError::Answers { path: list, message: error.to_string() })?;
        for part in &template.part {
            let to = part.to.as_ref().unwrap_or(&part.from);
            collect(checkout, Path::new(&part.from), Path::new(to), part.when.as_ref(), &mut template.files)?;
        }
        let manifest = template.files.iter().find(|file| file.from == "Cargo.toml");
        template.version = manifest.and_then(version).ok_or_else(|| ProjectError::Template {
            file: "Cargo.toml".to_owned(),
            message: "it gives no version".to_owned(),
        })?;
        template.files.sort_by(|one, other| one.to.cmp(&other.to));
        Ok(template)
    }
}

/// The version that a manifest gives.
fn version(manifest: &TemplateFile) -> Option<String> {
    let text = std::str::from_utf8(&manifest.bytes).ok()?;
    let given = text.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    given.map(str::to_owned)
}

/// The checkout that this program was built in, if it is still there.
pub fn own_checkout() -> Option<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    checkout.join(LIST).exists().then(|| checkout.to_owned())
}

fn collect(
    checkout: &Path,
    from: &Path,
    to: &Path,
    when: Option<&String>,
    files: &mut Vec<TemplateFile>,
) -> Result<(), ProjectError> {
    let path = checkout.join(from);
    let failed = || ProjectError::file(&path);
    let metadata = std::fs::metadata(&path).map_err(failed())?;
    if metadata.is_file() {
        let bytes = std::fs::read(&path).map_err(failed())?;
        files.push(TemplateFile {
            from: below(from),
            to: below(to),
            when: when.cloned(),
            is_executable: is_executable(&metadata),
            bytes,
        });
        return Ok(());
    }
    for entry in std::fs::read_dir(&path).map_err(failed())? {
        let name = entry.map_err(failed())?.file_name();
        collect(checkout, &from.join(&name), &to.join(&name), when, files)?;
    }
    Ok(())
}

/// A relative path, with `/`.
fn below(path: &Path) -> String {
    shown(Path::new(""), path)
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &std::fs::Metadata) -> bool {
    false
}
