//! What a project is made of: the answers to the questions, as `tenfold.toml` keeps them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::names;
use crate::project_error::ProjectError;

/// A choice that is there or not; its name is the one in conditions and in `tenfold.toml`.
pub struct ProjectPart {
    /// The name.
    pub name: &'static str,
    /// What it brings, in a few words.
    pub about: &'static str,
    /// The parts that it cannot be without.
    pub needs: &'static [&'static str],
}

/// The modules to choose from; auth is always there.
pub const MODULES: &[ProjectPart] = &[
    ProjectPart {
        name: "billing",
        about: "plans and quotas: how much an organization may store",
        needs: &[],
    },
    ProjectPart {
        name: "files",
        about: "uploads, processed in the background; needs billing",
        needs: &["billing"],
    },
    ProjectPart { name: "notifications", about: "messages to users, live and by mail", needs: &[] },
    ProjectPart { name: "projects", about: "an example of your own module: projects and tasks", needs: &[] },
];

/// The ways to deploy to choose from.
pub const DEPLOYMENTS: &[ProjectPart] = &[
    ProjectPart { name: "docker", about: "Dockerfile, compose.yaml", needs: &[] },
    ProjectPart { name: "systemd", about: "a unit in deploy/", needs: &[] },
];

/// The databases to choose from.
pub const DATABASES: &[&str] = &["sqlite", "postgres"];

/// The licences to choose from: what they are called here, and what Cargo calls them.
pub const LICENCES: &[(&str, Option<&str>)] = &[
    ("proprietary", None),
    ("mit", Some("MIT")),
    ("apache", Some("Apache-2.0")),
    ("mit-or-apache", Some("MIT OR Apache-2.0")),
];

/// The answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// The project's name: its folder, its program, its service.
    pub name: String,
    /// Which of [`MODULES`].
    pub modules: BTreeSet<String>,
    /// Whether there is a page, or an API only.
    pub page: bool,
    /// One of [`DATABASES`].
    pub database: String,
    /// Which of [`DEPLOYMENTS`].
    pub deploy: BTreeSet<String>,
    /// One of [`LICENCES`].
    pub licence: String,
    /// The name of the founder's first module.
    pub first_module: String,
    /// Where the framework comes from.
    pub tenfold: Framework,
}

/// Where the framework's crates come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    /// The version that the project was carved from.
    pub version: String,
    /// A checkout, absolute.
    pub path: Option<PathBuf>,
    /// The address of a git repository, used at the tag `v` and the version.
    pub git: Option<String>,
}

impl Answers {
    /// The answers of somebody who only says a name.
    pub fn defaults(name: &str) -> Self {
        let all = |parts: &[ProjectPart]| parts.iter().map(|part| part.name.to_owned()).collect();
        let mut modules: BTreeSet<String> = all(MODULES);
        modules.remove("projects");
        Answers {
            name: name.to_owned(),
            modules,
            page: true,
            database: "sqlite".to_owned(),
            deploy: all(DEPLOYMENTS),
            licence: "proprietary".to_owned(),
            first_module: "notes".to_owned(),
            tenfold: Framework { version: env!("CARGO_PKG_VERSION").to_owned(), ..Framework::default() },
        }
    }

    /// Reads the answers in a file, such as a project's `tenfold.toml`.
    pub fn read(path: &Path) -> Result<Self, ProjectError> {
        let text = std::fs::read_to_string(path).map_err(ProjectError::file(path))?;
        toml::from_str(&text)
            .map_err(|error| ProjectError::Answers { path: path.to_owned(), message: error.to_string() })
    }

    /// Adds what the chosen parts need. Returns the names of what was added.
    pub fn complete(&mut self) -> Vec<&'static str> {
        let mut added = Vec::new();
        for part in MODULES {
            if self.modules.contains(part.name) {
                added.extend(part.needs.iter().filter(|need| self.modules.insert((**need).to_owned())));
            }
        }
        added
    }

    /// Refuses what cannot be built, and says what is allowed.
    pub fn check(&self) -> Result<(), ProjectError> {
        names::project(&self.name)?;
        names::module(&self.first_module)?;
        names::singular_of(&self.first_module, None)?;
        if self.first_module == "projects" {
            return Err(names::taken("projects"));
        }
        let of = |question, given: &BTreeSet<String>, parts: &[ProjectPart]| {
            let allowed: Vec<&str> = parts.iter().map(|part| part.name).collect();
            given.iter().try_for_each(|name| one_of(question, name, &allowed))
        };
        of("modules", &self.modules, MODULES)?;
        of("deploy", &self.deploy, DEPLOYMENTS)?;
        one_of("database", &self.database, DATABASES)?;
        let licences: Vec<&str> = LICENCES.iter().map(|(name, _)| *name).collect();
        one_of("licence", &self.licence, &licences)
    }

    /// Whether a condition's name holds; `None` if there is no such name.
    pub fn holds(&self, name: &str) -> Option<bool> {
        if MODULES.iter().any(|part| part.name == name) {
            return Some(self.modules.contains(name));
        }
        if DEPLOYMENTS.iter().any(|part| part.name == name) {
            return Some(self.deploy.contains(name));
        }
        if DATABASES.contains(&name) {
            return Some(self.database == name);
        }
        match name {
            "page" => Some(self.page),
            "mit" | "apache" => Some(self.licence.split("-or-").any(|licence| licence == name)),
            // Only the framework's own repository has these.
            "framework" => Some(false),
            "checkout" => Some(self.tenfold.path.is_some()),
            _ => None,
        }
    }

    /// The licence as Cargo calls it; `None` for a closed one.
    pub fn spdx(&self) -> Option<&'static str> {
        LICENCES.iter().find(|(name, _)| *name == self.licence).and_then(|(_, spdx)| *spdx)
    }

    /// The text of `tenfold.toml`.
    pub fn to_toml(&self) -> String {
        let list =
            |names: &BTreeSet<String>| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        let Answers { name, modules, page, database, deploy, licence, first_module, tenfold } = self;
        let mut text = format!(
            "# What this project was made from. `tenfold new --from tenfold.toml` makes it once more, and `tenfold upgrade` reads it.\n\
             name = {}\nmodules = [{}]\npage = {page}\ndatabase = {}\ndeploy = [{}]\nlicence = {}\nfirst_module = {}\n\n\
             [tenfold]\nversion = {}\n",
            quoted(name),
            list(modules),
            quoted(database),
            list(deploy),
            quoted(licence),
            quoted(first_module),
            quoted(&tenfold.version),
        );
        if let Some(path) = &tenfold.path {
            text.push_str(&format!("path = {}\n", quoted(&path.to_string_lossy())));
        }
        if let Some(git) = &tenfold.git {
            text.push_str(&format!("git = {}\n", quoted(git)));
        }
        text
    }
}

/// A text as TOML has it: what JSON escapes, TOML escapes in the same way.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn one_of(question: &'static str, given: &str, allowed: &[&str]) -> Result<(), ProjectError> {
    if allowed.contains(&given) {
        return Ok(());
    }
    Err(ProjectError::Unknown { question, given: given.to_owned(), allowed: allowed.join(", ") })
}
