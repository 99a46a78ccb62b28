//! What projects are carved from: files of Tenfold's repository, listed in `project/template.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::project_error::ProjectError;
use crate::workspace::shown;

/// Where the list is, below the checkout.
pub const LIST: &str = "crates/tenfold-cli/project/template.toml";

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
    pub text: String,
}

/// The list and the files that it names, by their path in the checkout: as the published crate contains them.
pub type PackedFiles = BTreeMap<String, PackedFile>;

/// One file of a checkout.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackedFile {
    /// Whether it is a program.
    pub is_executable: bool,
    /// Its content.
    pub text: String,
}

impl Template {
    /// Reads the list and the files of a checkout.
    pub fn read(checkout: &Path) -> Result<Self, ProjectError> {
        Self::of(&packed(checkout)?)
    }

    /// The template that consists of these files.
    pub fn of(packed: &PackedFiles) -> Result<Self, ProjectError> {
        let mut template = list_in(packed)?;
        for part in &template.part {
            let to = part.to.as_ref().unwrap_or(&part.from);
            for (path, file) in packed {
                let Some(rest) = path.strip_prefix(&part.from) else { continue };
                if !(rest.is_empty() || rest.starts_with('/')) {
                    continue;
                }
                template.files.push(TemplateFile {
                    from: path.clone(),
                    to: format!("{to}{rest}").trim_start_matches('/').to_owned(),
                    when: part.when.clone(),
                    is_executable: file.is_executable,
                    text: file.text.clone(),
                });
            }
        }
        let manifest = packed.get("Cargo.toml").and_then(|manifest| version(&manifest.text));
        template.version = manifest.ok_or_else(|| wrong("Cargo.toml", "it gives no version"))?;
        template.files.sort_by(|one, other| one.to.cmp(&other.to));
        Ok(template)
    }
}

/// Reads from a checkout what a template consists of.
pub fn packed(checkout: &Path) -> Result<PackedFiles, ProjectError> {
    let mut packed = PackedFiles::new();
    collect(checkout, Path::new(LIST), &mut packed)?;
    for part in list_in(&packed)?.part {
        collect(checkout, Path::new(&part.from), &mut packed)?;
    }
    Ok(packed)
}

fn list_in(packed: &PackedFiles) -> Result<Template, ProjectError> {
    let list = packed.get(LIST).ok_or_else(|| wrong(LIST, "it is missing"))?;
    toml::from_str(&list.text).map_err(|error| wrong(LIST, &error.to_string()))
}

/// The version that a manifest gives.
fn version(manifest: &str) -> Option<String> {
    let given = manifest.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    given.map(str::to_owned)
}

fn wrong(file: &str, message: &str) -> ProjectError {
    ProjectError::Template { file: file.to_owned(), message: message.to_owned() }
}

fn collect(checkout: &Path, below: &Path, packed: &mut PackedFiles) -> Result<(), ProjectError> {
    let path = checkout.join(below);
    let failed = || ProjectError::file(&path);
    let metadata = std::fs::metadata(&path).map_err(failed())?;
    if metadata.is_file() {
        let text = std::fs::read_to_string(&path).map_err(failed())?;
        let file = PackedFile { is_executable: is_executable(&metadata), text };
        packed.insert(shown(Path::new(""), below), file);
        return Ok(());
    }
    for entry in std::fs::read_dir(&path).map_err(failed())? {
        let name = entry.map_err(failed())?.file_name();
        collect(checkout, &below.join(&name), packed)?;
    }
    Ok(())
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
