//! `tenfold add`: one more part of a module that is there.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::edit;
use super::fields::Fields;
use super::parts::{ENTITIES, ENTITY, MIGRATION, TemplateWords, format_package, read, write};
use crate::error::CheckError;
use crate::names;
use crate::outcome::CommandOutcome;
use crate::project_error::ProjectError;
use crate::workspace::{PackageRole, Workspace};

/// Adds a part to a module.
#[derive(Debug, Args)]
pub struct Add {
    #[command(subcommand)]
    part: AddCommand,
    /// A folder of the workspace.
    #[arg(long, value_name = "FOLDER", default_value = ".", global = true)]
    workspace: PathBuf,
}

#[derive(Debug, Subcommand)]
enum AddCommand {
    /// A table with its struct, migration, five endpoints, job and tests.
    Entity {
        /// The module.
        module: String,
        /// What the table keeps, in the plural, such as labels.
        name: String,
        /// Its fields, as NAME:KIND with KIND text, int, bool or time [default: title:text].
        #[arg(value_name = "FIELD:KIND")]
        fields: Vec<String>,
        /// What one of it is called, if it is not the name without its ending.
        #[arg(long, value_name = "NAME")]
        entity: Option<String>,
    },
    /// One endpoint with its file, route and test.
    Endpoint {
        /// The module.
        module: String,
        /// The name of the handler, such as count_notes.
        name: String,
        /// Its method.
        method: Method,
        /// Its path, such as /v1/notes/count.
        path: String,
    },
    /// One job with its file and registration.
    Job {
        /// The module.
        module: String,
        /// The name of the job, such as send_reminder.
        name: String,
    },
    /// One empty migration with the next number.
    Migration {
        /// The module.
        module: String,
        /// What it does, such as notes_by_title.
        name: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Method::Get => "get",
            Method::Post => "post",
            Method::Put => "put",
            Method::Patch => "patch",
            Method::Delete => "delete",
        }
    }
}

/// The module that something is added to.
struct Home {
    name: String,
    folder: PathBuf,
}

/// The files that are to be written, each with the text that it will have.
#[derive(Default)]
struct PlannedFiles(Vec<(PathBuf, String)>);

impl Add {
    pub(crate) fn run(&self) -> Result<CommandOutcome, CheckError> {
        let workspace = Workspace::read(&self.workspace)?;
        let (AddCommand::Entity { module, .. }
        | AddCommand::Endpoint { module, .. }
        | AddCommand::Job { module, .. }
        | AddCommand::Migration { module, .. }) = &self.part;
        let home = Home::find(&workspace, module)?;
        let changes = match &self.part {
            AddCommand::Entity { name, fields, entity, .. } => {
                home.entity(name, fields, entity.as_deref())?
            }
            AddCommand::Endpoint { name, method, path, .. } => home.endpoint(name, *method, path)?,
            AddCommand::Job { name, .. } => home.job(name)?,
            AddCommand::Migration { name, .. } => home.migration(name)?,
        };
        changes.check()?;
        let mut told = format!("module {module}:\n");
        for (path, text) in &changes.0 {
            let verb = if path.exists() { "changed" } else { "created" };
            told.push_str(&format!(
                "  {verb} {}\n",
                path.strip_prefix(&workspace.root).unwrap_or(path).display()
            ));
            write(path, text)?;
        }
        format_package(&workspace.root, module);
        // rustfmt ends the lines of what it changes as on Unix.
        for (path, text) in changes.0.iter().filter(|(_, text)| text.contains("\r\n")) {
            write(
                path,
                &edit::keeping_line_ends(text, |_| read(path).map(|text| text.replace("\r\n", "\n")))?,
            )?;
        }
        Ok(CommandOutcome::Fine(told))
    }
}

impl PlannedFiles {
    fn create(&mut self, path: PathBuf, text: String) -> Result<(), ProjectError> {
        if path.exists() {
            return Err(ProjectError::Refused(format!("{} is there already", path.display())));
        }
        self.0.push((path, text));
        Ok(())
    }

    /// Refuses what would not be Rust any more: the lines were inserted into a form that is not known here.
    fn check(&self) -> Result<(), ProjectError> {
        for (path, text) in
            self.0.iter().filter(|(path, _)| path.extension().is_some_and(|ending| ending == "rs"))
        {
            if let Err(error) = syn::parse_file(text) {
                return Err(ProjectError::Refused(format!(
                    "{} would not be Rust any more with what is to be added ({error}); nothing was changed: write the \
                     statement there without a comment behind it",
                    path.display()
                )));
            }
        }
        Ok(())
    }

    /// Changes the text that a file has, or will have by an earlier change.
    fn edit(
        &mut self,
        path: PathBuf,
        edit: impl FnOnce(&str) -> Result<String, ProjectError>,
    ) -> Result<(), ProjectError> {
        match self.0.iter_mut().find(|(changed, _)| *changed == path) {
            Some((_, text)) => *text = edit::keeping_line_ends(text, edit)?,
            None => {
                let text = edit::keeping_line_ends(&read(&path)?, edit)?;
                self.0.push((path, text));
            }
        }
        Ok(())
    }
}

impl Home {
    fn find(workspace: &Workspace, module: &str) -> Result<Self, ProjectError> {
        let is_it = |role: &PackageRole| matches!(role, PackageRole::Implementation(name) if name == module);
        let package = workspace.packages.iter().find(|package| is_it(&package.role));
        let package = package.ok_or_else(|| ProjectError::Unknown {
            question: "modules of this workspace",
            given: module.to_owned(),
            allowed: workspace.modules().join(", "),
        })?;
        Ok(Home { name: module.to_owned(), folder: package.folder.clone() })
    }

    fn entity(
        &self,
        plural: &str,
        fields: &[String],
        entity: Option<&str>,
    ) -> Result<PlannedFiles, ProjectError> {
        let fields = Fields::parse(fields)?;
        let words = TemplateWords::new(&self.name, plural, entity)?;
        let mut changes = PlannedFiles::default();
        for (path, template) in ENTITY {
            changes.create(self.folder.join(words.fill(path)), words.fill(&fields.fill(template)))?;
        }
        let struct_text = words.fill(&fields.fill(ENTITIES));
        changes.edit(self.folder.join("src/entities.rs"), |text| Ok(text.to_owned() + &struct_text))?;
        self.add_migration(&mut changes, plural, &words.fill(&fields.fill(MIGRATION)))?;
        let singular = &words.singular;
        self.declare(&mut changes, "src/lib.rs", plural)?;
        let path = words.fill("process_SINGULAR::ProcessSINGULAR_TYPE");
        self.register_job(&mut changes, &format!("process_{singular}"), &path)?;
        for route in [
            "crate::PLURAL::list::list_PLURAL, crate::PLURAL::create::create_SINGULAR",
            "crate::PLURAL::get::get_SINGULAR, crate::PLURAL::patch::patch_SINGULAR, crate::PLURAL::delete::delete_SINGULAR",
        ] {
            self.add_route(&mut changes, &words.fill(route))?;
        }
        self.declare(&mut changes, "tests/it/main.rs", plural)?;
        self.add_erasure(&mut changes, &words.fill("crate::entities::SINGULAR_TYPE::erase(cx).await?;"))?;
        Ok(changes)
    }

    /// Has the module erase the new rows, too, before the others, on which they may hang. A module that erases in another way is left
    /// as it is: its tests say that rows are left.
    fn add_erasure(&self, changes: &mut PlannedFiles, line: &str) -> Result<(), ProjectError> {
        let path = self.folder.join("src/erase.rs");
        if !path.exists() {
            return Ok(());
        }
        changes.edit(path, |text| {
            let first = text.find("    crate::entities::");
            Ok(first
                .map_or_else(|| text.to_owned(), |at| format!("{}    {line}\n{}", &text[..at], &text[at..])))
        })
    }

    fn endpoint(&self, name: &str, method: Method, path: &str) -> Result<PlannedFiles, ProjectError> {
        names::snake("a handler", name)?;
        let allowed = path.starts_with('/')
            && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_".contains(&byte));
        if !allowed {
            return Err(ProjectError::Name {
                what: "a path",
                given: path.to_owned(),
                allowed: "a / first, then letters, digits, hyphens and further /, such as /v1/notes/count; add {id} and its argument by hand",
            });
        }
        let is_read = method == Method::Get;
        let words =
            TemplateWords { module: self.name.clone(), plural: name.to_owned(), singular: name.to_owned() };
        let permission = format!("{}{}", if is_read { "Read" } else { "Write" }, names::pascal(&self.name));
        let fill = |template: &str| {
            let text = template
                .replace("METHOD_UPPER", &method.name().to_uppercase())
                .replace("METHOD_LOWER", method.name())
                .replace("ENDPOINT_PATH", path)
                .replace("ENDPOINT_PERMISSION", &permission)
                .replace("READER_STATUS", if is_read { "200" } else { "403" });
            words.fill(&text)
        };
        let mut changes = PlannedFiles::default();
        changes.create(
            self.folder.join(format!("src/{name}.rs")),
            fill(include_str!("../../templates/endpoint.rs.txt")),
        )?;
        changes.create(
            self.folder.join(format!("tests/it/{name}.rs")),
            fill(include_str!("../../templates/endpoint_test.rs.txt")),
        )?;
        self.declare(&mut changes, "src/lib.rs", name)?;
        self.add_route(&mut changes, &format!("crate::{name}::{name}"))?;
        self.declare(&mut changes, "tests/it/main.rs", name)?;
        Ok(changes)
    }

    fn job(&self, name: &str) -> Result<PlannedFiles, ProjectError> {
        names::snake("a job", name)?;
        let words =
            TemplateWords { module: self.name.clone(), plural: name.to_owned(), singular: name.to_owned() };
        let mut changes = PlannedFiles::default();
        changes.create(
            self.folder.join(format!("src/jobs/{name}.rs")),
            words.fill(include_str!("../../templates/job.rs.txt")),
        )?;
        self.register_job(&mut changes, name, &words.fill("SINGULAR::SINGULAR_TYPE"))?;
        Ok(changes)
    }

    fn migration(&self, name: &str) -> Result<PlannedFiles, ProjectError> {
        let mut changes = PlannedFiles::default();
        self.add_migration(&mut changes, name, "-- Say here what it is for.\n")?;
        Ok(changes)
    }

    fn add_migration(&self, changes: &mut PlannedFiles, name: &str, text: &str) -> Result<(), ProjectError> {
        names::snake("a migration", name)?;
        let folder = self.folder.join("migrations");
        let numbers = std::fs::read_dir(&folder).into_iter().flatten().flatten().filter_map(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .split_once('_')
                .and_then(|(number, _)| number.parse::<u32>().ok())
        });
        let next = numbers.max().unwrap_or(0) + 1;
        changes.create(folder.join(format!("{next:04}_{name}.sql")), text.to_owned())
    }

    /// Declares a file as a module in another one.
    fn declare(&self, changes: &mut PlannedFiles, file: &str, name: &str) -> Result<(), ProjectError> {
        changes.edit(self.folder.join(file), |text| with_mod(text, "", name))
    }

    /// Declares a job in `jobs`, and registers it where the module is built.
    fn register_job(
        &self,
        changes: &mut PlannedFiles,
        job: &str,
        job_path: &str,
    ) -> Result<(), ProjectError> {
        let jobs = self.folder.join("src/jobs/mod.rs");
        if !jobs.exists() {
            changes.create(jobs.clone(), "//! Work that goes on after the answer.\n".to_owned())?;
        }
        changes.edit(jobs, |text| with_mod(text, "pub(crate) ", job))?;
        let root = self.folder.join("src/lib.rs");
        let registration = format!(".job::<jobs::{job_path}>()");
        changes.edit(root.clone(), |text| {
            let text = edit::add_mod(text, "", "jobs").unwrap_or_else(|| text.to_owned());
            let calls = ["Module::new(", ".migrations(", ".routes(", ".job::<"];
            edit::add_behind(&text, &calls, &registration).ok_or_else(|| no_place(&root, &registration))
        })
    }

    fn add_route(&self, changes: &mut PlannedFiles, handlers: &str) -> Result<(), ProjectError> {
        let path = self.folder.join("src/routes.rs");
        let line = format!(".routes(routes!({handlers}))");
        changes.edit(path.clone(), |text| {
            let calls = ["Routes::new()", ".routes(", ".route("];
            edit::add_behind(text, &calls, &line).ok_or_else(|| no_place(&path, &line))
        })
    }
}

fn with_mod(text: &str, visibility: &str, name: &str) -> Result<String, ProjectError> {
    edit::add_mod(text, visibility, name).ok_or_else(|| names::taken(name))
}

fn no_place(path: &Path, line: &str) -> ProjectError {
    ProjectError::Refused(format!(
        "{} has no place for `{line}`: add it by hand, then run this again without it",
        path.display()
    ))
}
