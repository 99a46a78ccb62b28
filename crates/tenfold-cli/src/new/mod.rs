//! `tenfold new`: a project that is the reference backend with what was not chosen cut out.

pub mod answers;
mod ask;
pub mod carve;
mod origin;
pub mod project;
pub mod template;
mod upgrade;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;

use self::answers::{Answers, MODULES, ProjectPart};
use self::template::Template;
use crate::attempt::attempt;
use crate::error::CheckError;
use crate::module::{Fields, NewModule};
use crate::names;
use crate::outcome::CommandOutcome;
use crate::project_error::ProjectError;

pub(crate) use self::origin::Pack;
pub(crate) use self::upgrade::Upgrade;

/// Creates a project.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// The project's name, and the folder that is created: such as acme or acme-crm.
    #[arg(required_unless_present = "from")]
    name: Option<String>,
    /// Modules beside auth: `all`, `none`, or names with commas (billing, files, notifications, projects).
    #[arg(long, value_name = "NAMES")]
    modules: Option<String>,
    /// An API without a page.
    #[arg(long)]
    api_only: bool,
    /// Database to begin with: sqlite or postgres. The tests run on both.
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// How it is deployed: `all`, `none`, or names with commas (docker, systemd).
    #[arg(long, value_name = "NAMES")]
    deploy: Option<String>,
    /// Licence: proprietary, mit, apache or mit-or-apache.
    #[arg(long, value_name = "NAME")]
    licence: Option<String>,
    /// The name of your first module, in the plural, such as notes.
    #[arg(long, value_name = "NAME")]
    first_module: Option<String>,
    /// Answers in a file, such as another project's tenfold.toml. The other options count more.
    #[arg(long, visible_alias = "answers", value_name = "FILE")]
    from: Option<PathBuf>,
    /// Ask nothing: what is not given is as the questions propose it.
    #[arg(long, short)]
    yes: bool,
    /// Take the framework from this checkout of Tenfold.
    #[arg(long, value_name = "FOLDER", conflicts_with = "git")]
    path: Option<PathBuf>,
    /// Take the framework from this git repository, at the tag of this version.
    #[arg(long, value_name = "URL")]
    git: Option<String>,
    /// The folder to create the project in [default: its name].
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

impl New {
    pub(crate) fn run(&self) -> Result<CommandOutcome, CheckError> {
        let mut answers = self.given()?;
        names::project(&answers.name)?;
        let folder = self.into.clone().unwrap_or_else(|| PathBuf::from(&answers.name));
        refuse_if_not_empty(&folder)?;
        if !self.yes && self.from.is_none() && ask::is_possible() {
            match ask::questions(answers)? {
                Some(told) => answers = told,
                None => return Ok(CommandOutcome::Broken("nothing was created\n".to_owned())),
            }
        }
        let added = answers.complete();
        answers.check()?;
        let checkout = answers.tenfold.path.as_ref();
        let template = checkout.map_or_else(origin::own, |checkout| Template::read(checkout))?;
        answers.tenfold.version.clone_from(&template.version);
        create(&template, &answers, &folder)?;
        Ok(CommandOutcome::Fine(greeting(&answers, &added, &folder)))
    }

    /// What the command line and the file say, and the defaults for the rest.
    fn given(&self) -> Result<Answers, ProjectError> {
        let mut answers = match &self.from {
            Some(file) => Answers::read(file)?,
            None => Answers::defaults(self.name.as_deref().unwrap_or_default()),
        };
        let set = |answer: &mut String, option: &Option<String>| {
            if let Some(given) = option {
                answer.clone_from(given);
            }
        };
        set(&mut answers.name, &self.name);
        set(&mut answers.database, &self.database);
        set(&mut answers.licence, &self.licence);
        set(&mut answers.first_module, &self.first_module);
        if let Some(names) = &self.modules {
            answers.modules = listed(names, MODULES);
        }
        if let Some(names) = &self.deploy {
            answers.deploy = listed(names, answers::DEPLOYMENTS);
        }
        answers.page &= !self.api_only;
        if self.git.is_some() {
            (answers.tenfold.path, answers.tenfold.git) = (None, self.git.clone());
        } else if let Some(path) = self.path.clone().or_else(|| {
            let is_from_git = answers.tenfold.git.is_some();
            answers.tenfold.path.clone().or_else(|| if is_from_git { None } else { origin::own_checkout() })
        }) {
            let path = path.canonicalize().map_err(ProjectError::file(&path))?;
            (answers.tenfold.path, answers.tenfold.git) = (Some(path), None);
        }
        Ok(answers)
    }
}

fn listed(names: &str, parts: &[ProjectPart]) -> BTreeSet<String> {
    match names {
        "all" => parts.iter().map(|part| part.name.to_owned()).collect(),
        "none" => BTreeSet::new(),
        names => names.split(',').map(|name| name.trim().to_owned()).collect(),
    }
}

fn refuse_if_not_empty(folder: &Path) -> Result<(), ProjectError> {
    let count = match std::fs::read_dir(folder) {
        Ok(entries) => entries.count(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(ProjectError::file(folder)(error)),
    };
    if count == 0 {
        return Ok(());
    }
    let why = format!("{} is not empty: choose another folder with --into", folder.display());
    Err(ProjectError::Refused(why))
}

/// Creates the project beside its folder, and moves it there when it is complete: an interrupted command leaves no half
/// of a project under its name. A folder that is there stays, since a shell or a mount may be in it; what is in the
/// project moves there.
fn create(template: &Template, answers: &Answers, folder: &Path) -> Result<(), CheckError> {
    let is_there = folder.exists();
    let absolute = std::path::absolute(folder).map_err(ProjectError::file(folder))?;
    let around = if is_there { folder } else { absolute.parent().unwrap_or(folder) };
    let unfinished = around.join(format!(".{}.unfinished-{}", answers.name, std::process::id()));
    let moved = write_all(template, answers, &unfinished).and_then(|()| {
        if !is_there {
            return Ok(std::fs::rename(&unfinished, folder).map_err(ProjectError::file(folder))?);
        }
        for entry in std::fs::read_dir(&unfinished).map_err(ProjectError::file(&unfinished))? {
            let entry = entry.map_err(ProjectError::file(&unfinished))?;
            let place = folder.join(entry.file_name());
            std::fs::rename(entry.path(), &place).map_err(ProjectError::file(&place))?;
        }
        Ok(())
    });
    // What is left of it is empty, or of no use.
    let _ = std::fs::remove_dir_all(&unfinished);
    moved
}

/// Writes the project, its first module, and what git and Cargo add.
fn write_all(template: &Template, answers: &Answers, folder: &Path) -> Result<(), CheckError> {
    project::write(&project::carved(template, answers)?, folder)?;
    NewModule { name: answers.first_module.clone(), entity: None, fields: Fields::default() }
        .write(&folder.join("app"))?;
    let is_in_repository =
        folder.canonicalize().is_ok_and(|folder| folder.ancestors().any(|above| above.join(".git").exists()));
    if !is_in_repository {
        attempt(folder, "git", &["init", "--quiet", "--initial-branch", "main"]);
    }
    attempt(folder, "cargo", &["fmt", "--all"]);
    // The lock file still lists what was cut out. Without the network, the first build does this.
    attempt(folder, "cargo", &["metadata", "--format-version", "1", "--offline"]);
    Ok(())
}

fn greeting(answers: &Answers, added: &[&str], folder: &Path) -> String {
    let mut text = format!("created {} in {}\n", answers.name, folder.display());
    if !added.is_empty() {
        text.push_str(&format!("  with {}, which the chosen modules need\n", added.join(", ")));
    }
    text.push_str(&format!(
        "\n  cd {}\n  cargo run     # builds and starts it, then http://127.0.0.1:8080\n  ./test        # format, lints and tests, on SQLite and PostgreSQL\n",
        folder.display()
    ));
    text
}
