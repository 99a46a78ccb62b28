//! A project's files, carved from the template by the answers.

use std::collections::BTreeMap;
use std::path::Path;

use super::answers::{Answers, Framework, quoted};
use super::carve::{carve, evaluate};
use super::template::{Template, TemplateFile};
use crate::names;
use crate::project_error::ProjectError;

/// A file of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectFile {
    /// Whether it is a program.
    pub is_executable: bool,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The files of the project, by their path.
pub fn carved(template: &Template, answers: &Answers) -> Result<BTreeMap<String, ProjectFile>, ProjectError> {
    let mut project = BTreeMap::new();
    for file in &template.files {
        if is_wanted(template, file, answers)? {
            let path = filled(&file.to, answers);
            let bytes = content(template, file, answers)?;
            project.insert(path, ProjectFile { is_executable: file.is_executable, bytes });
        }
    }
    let bytes = answers.to_toml().into_bytes();
    project.insert("tenfold.toml".to_owned(), ProjectFile { is_executable: false, bytes });
    Ok(project)
}

/// Writes the files below a folder.
pub fn write(project: &BTreeMap<String, ProjectFile>, folder: &Path) -> Result<(), ProjectError> {
    project.iter().try_for_each(|(path, file)| write_file(&folder.join(path), file))
}

/// Writes one file, and the folders that it is in.
pub fn write_file(path: &Path, file: &ProjectFile) -> Result<(), ProjectError> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(ProjectError::file(parent))?;
    }
    std::fs::write(path, &file.bytes).map_err(ProjectError::file(path))?;
    if file.is_executable {
        make_executable(path).map_err(ProjectError::file(path))?;
    }
    Ok(())
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn is_wanted(template: &Template, file: &TemplateFile, answers: &Answers) -> Result<bool, ProjectError> {
    let conditions = [file.when.as_ref(), template.only.get(&file.from)];
    conditions.into_iter().flatten().try_fold(true, |wanted, condition| {
        let holds = evaluate(condition, &|name: &str| answers.holds(name));
        let unknown = |name| ProjectError::Template {
            file: file.from.clone(),
            message: format!("no answer is called `{name}`"),
        };
        Ok(wanted && holds.map_err(unknown)?)
    })
}

fn content(template: &Template, file: &TemplateFile, answers: &Answers) -> Result<Vec<u8>, ProjectError> {
    let wrong = |message: String| ProjectError::Template { file: file.from.clone(), message };
    let mut text = carve(&file.text, |name| answers.holds(name)).map_err(|error| wrong(error.to_string()))?;
    for replacement in template.replace.iter().filter(|replacement| replacement.file == file.from) {
        if !text.contains(&replacement.from) {
            return Err(wrong(format!("{:?} is to be replaced and is not there", replacement.from)));
        }
        text = text.replace(&replacement.from, &replacement.to);
    }
    if file.from == "Cargo.toml" {
        text = with_framework(&text, &answers.tenfold);
    }
    Ok(filled(&text, answers).into_bytes())
}

/// A text with the placeholders filled.
fn filled(text: &str, answers: &Answers) -> String {
    let licence = answers.spdx().map_or_else(String::new, |spdx| format!("license = \"{spdx}\"\n"));
    text.replace("PROJECT_NAME", &answers.name)
        .replace("PROJECT_TITLE", &names::title(&answers.name))
        .replace("PROJECT_MODULE", &answers.first_module)
        .replace("PROJECT_LICENCE\n", &licence)
        .replace("TENFOLD_VERSION", &answers.tenfold.version)
}

/// The root manifest with the framework's crates from where they come from: they are the lines that give a version and a
/// path.
fn with_framework(manifest: &str, framework: &Framework) -> String {
    let rewritten = manifest.lines().map(|line| {
        let parts = line
            .strip_prefix("tenfold")
            .and_then(|_| line.split_once(" = { version = \""))
            .and_then(|(name, rest)| Some((name, rest.split_once("\", path = \"")?)));
        let Some((name, (version, rest))) = parts else { return format!("{line}\n") };
        let (path, rest) = rest.split_once('"').unwrap_or((rest, " }"));
        let source = match (&framework.path, &framework.git) {
            (Some(checkout), _) => format!("path = {}", quoted(&checkout.join(path).to_string_lossy())),
            (None, Some(git)) => format!("git = {}, tag = \"v{}\"", quoted(git), framework.version),
            (None, None) => format!("version = \"{version}\""),
        };
        format!("{name} = {{ {source}{rest}\n")
    });
    rewritten.collect()
}
