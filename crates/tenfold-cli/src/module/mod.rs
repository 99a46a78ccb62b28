//! `tenfold module new` and `tenfold add`: what a module is made of, written so that it builds and passes its tests.

mod add;
mod edit;
mod fields;
mod parts;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

pub use self::add::Add;
pub use self::fields::Fields;
use self::parts::{
    ENTITIES, ENTITIES_HEAD, ENTITY, JOBS, MIGRATION, MODULE, TemplateWords, format_package, read, write,
};
use crate::error::CheckError;
use crate::names;
use crate::outcome::CommandOutcome;
use crate::project_error::ProjectError;
use crate::workspace::{Package, PackageRole, Workspace};

/// Works on modules.
#[derive(Debug, Subcommand)]
pub(crate) enum ModuleTask {
    /// Create a module: a table, five endpoints, a job, permissions, demo data and tests; and list it in the application.
    New(ModuleNew),
}

/// Creates a module.
#[derive(Debug, Args)]
pub(crate) struct ModuleNew {
    /// The module's name, in the plural: such as notes or price_lists.
    name: String,
    /// The fields of what it keeps, as NAME:KIND with KIND text, int, bool or time [default: title:text].
    #[arg(value_name = "FIELD:KIND")]
    fields: Vec<String>,
    /// What one of it is called, if it is not the name without its ending.
    #[arg(long, value_name = "NAME")]
    entity: Option<String>,
    /// A folder of the workspace.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    workspace: PathBuf,
}

impl ModuleTask {
    pub(crate) fn run(&self) -> Result<CommandOutcome, CheckError> {
        let ModuleTask::New(new) = self;
        let fields = Fields::parse(&new.fields)?;
        let module = NewModule { name: new.name.clone(), entity: new.entity.clone(), fields };
        let folder = module.create(&new.workspace)?;
        format_package(&new.workspace, &module.name);
        let name = &module.name;
        Ok(CommandOutcome::Fine(format!(
            "created the module {name} in {}, and listed it in the application\n\n  cargo test -p {name}\n  cargo run\n",
            folder.display()
        )))
    }
}

/// A module to be created.
pub struct NewModule {
    /// Its name, which its table has too.
    pub name: String,
    /// What one row is called.
    pub entity: Option<String>,
    /// The row's fields.
    pub fields: Fields,
}

impl NewModule {
    /// Writes the module, and lists it in the application of the workspace around `folder`. Returns the module's folder,
    /// as messages show it.
    pub fn create(&self, folder: &Path) -> Result<PathBuf, CheckError> {
        let workspace = Workspace::read(folder)?;
        let application = application(&workspace)?;
        if workspace.modules().contains(&&*self.name) {
            return Err(names::taken(&self.name).into());
        }
        let home = self.write(&application.folder)?;
        Ok(home.strip_prefix(&workspace.root).map(Path::to_owned).unwrap_or(home))
    }

    /// Writes the module below the folder of an application, and lists it there.
    pub fn write(&self, application: &Path) -> Result<PathBuf, ProjectError> {
        names::module(&self.name)?;
        let words = TemplateWords::new(&self.name, &self.name, self.entity.as_deref())?;
        let manifest = application.join("Cargo.toml");
        let listed = edit::keeping_line_ends(&read(&manifest)?, |text| {
            edit::add_module(text, &self.name).ok_or_else(|| {
                let why = format!("{} has no list `modules` to add the module to", manifest.display());
                ProjectError::Refused(why)
            })
        })?;
        let home = application.join("modules").join(&self.name);
        if home.exists() {
            return Err(ProjectError::Refused(format!("{} is there already", home.display())));
        }
        let fill = |template: &str| words.fill(&self.fields.fill(template));
        for (path, template) in MODULE.iter().chain(ENTITY) {
            write(&home.join(words.fill(path)), &fill(template))?;
        }
        write(&home.join("src/entities.rs"), &fill(&format!("{ENTITIES_HEAD}{ENTITIES}")))?;
        write(&home.join("src/jobs/mod.rs"), &fill(JOBS))?;
        write(&home.join(words.fill("migrations/0001_PLURAL.sql")), &fill(MIGRATION))?;
        // Last: a module that is listed and not there would break the build.
        write(&manifest, &listed)?;
        Ok(home)
    }
}

/// The package that lists the modules.
fn application(workspace: &Workspace) -> Result<&Package, ProjectError> {
    let is_application =
        |package: &&Package| package.role == PackageRole::Application && package.modules.is_some();
    workspace.packages.iter().find(is_application).ok_or_else(|| {
        ProjectError::Refused(format!(
            "no package in {} is an application: none has a list `modules` in [package.metadata.tenfold]",
            workspace.root.display()
        ))
    })
}
