//! What modules are made of: templates, the names in them, and files.

use std::path::Path;

use crate::attempt::attempt;
use crate::names;
use crate::project_error::ProjectError;

/// The module's own files.
pub(super) const MODULE: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../templates/module/Cargo.toml.txt")),
    ("build.rs", include_str!("../../templates/module/build.rs.txt")),
    ("src/lib.rs", include_str!("../../templates/module/lib.rs.txt")),
    ("src/erase.rs", include_str!("../../templates/module/erase.rs.txt")),
    ("src/permissions.rs", include_str!("../../templates/module/permissions.rs.txt")),
    ("src/routes.rs", include_str!("../../templates/module/routes.rs.txt")),
    ("src/demo.rs", include_str!("../../templates/module/demo.rs.txt")),
    ("tests/it/main.rs", include_str!("../../templates/module/main_test.rs.txt")),
];

/// The files of an entity.
pub(super) const ENTITY: &[(&str, &str)] = &[
    ("src/jobs/process_SINGULAR.rs", include_str!("../../templates/entity/job.rs.txt")),
    ("src/PLURAL/mod.rs", include_str!("../../templates/entity/mod.rs.txt")),
    ("src/PLURAL/list.rs", include_str!("../../templates/entity/list.rs.txt")),
    ("src/PLURAL/get.rs", include_str!("../../templates/entity/get.rs.txt")),
    ("src/PLURAL/create.rs", include_str!("../../templates/entity/create.rs.txt")),
    ("src/PLURAL/patch.rs", include_str!("../../templates/entity/patch.rs.txt")),
    ("src/PLURAL/delete.rs", include_str!("../../templates/entity/delete.rs.txt")),
    ("tests/it/PLURAL.rs", include_str!("../../templates/entity/test.rs.txt")),
];

/// The head of the file with the entities, and one of them.
pub(super) const ENTITIES_HEAD: &str = "//! The module's tables as structs.\n\nuse tenfold::prelude::*;\n";
pub(super) const ENTITIES: &str = include_str!("../../templates/entity/entities.rs.txt");

/// The list of jobs.
pub(super) const JOBS: &str = include_str!("../../templates/entity/jobs_mod.rs.txt");

/// The migration of an entity.
pub(super) const MIGRATION: &str = include_str!("../../templates/entity/migration.sql.txt");

/// The names that stand in a template.
pub(super) struct TemplateWords {
    pub(super) module: String,
    pub(super) plural: String,
    pub(super) singular: String,
}

impl TemplateWords {
    pub(super) fn new(module: &str, plural: &str, entity: Option<&str>) -> Result<Self, ProjectError> {
        names::snake("what a table keeps", plural)?;
        let singular = names::singular_of(plural, entity)?;
        Ok(TemplateWords { module: module.to_owned(), plural: plural.to_owned(), singular })
    }

    pub(super) fn fill(&self, template: &str) -> String {
        let TemplateWords { module, plural, singular } = self;
        template
            .replace("SINGULAR_TYPE", &names::pascal(singular))
            .replace("SINGULAR_WORDS", &singular.replace('_', " "))
            .replace("SINGULAR", singular)
            .replace("PLURAL_WORDS", &plural.replace('_', " "))
            .replace("PLURAL_TITLE", &names::title(plural))
            .replace("PLURAL_PATH", &plural.replace('_', "-"))
            .replace("PLURAL", plural)
            .replace("MODULE_TYPE", &names::pascal(module))
            .replace("MODULE_TITLE", &names::title(module))
            .replace("MODULE", module)
    }
}

/// Formats a package, if rustfmt is there: names decide where lines are broken.
pub(super) fn format_package(folder: &Path, package: &str) {
    attempt(folder, "cargo", &["fmt", "--package", package]);
}

pub(super) fn read(path: &Path) -> Result<String, ProjectError> {
    std::fs::read_to_string(path).map_err(ProjectError::file(path))
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), ProjectError> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(ProjectError::file(parent))?;
    }
    std::fs::write(path, text).map_err(ProjectError::file(path))
}
