//! The application of a workspace: which program it is, and which files it is made of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::error::CheckError;
use crate::workspace::{ask_cargo, is_same};

/// Why there is no application to serve.
#[derive(Debug, thiserror::Error)]
pub(super) enum DevProjectError {
    #[error(transparent)]
    Cargo(#[from] CheckError),
    /// There is no program, or none of the name that was given.
    #[error("the workspace has no such program among its default members; it has: {0}")]
    Missing(String),
    /// Several programs could be meant.
    #[error("the workspace has several programs: name one with --bin: {0}")]
    Several(String),
}

/// The application of a workspace.
#[derive(Debug, Clone)]
pub(super) struct DevProject {
    /// The workspace's folder.
    pub(super) root: PathBuf,
    /// Where cargo builds.
    pub(super) target: PathBuf,
    /// The package with the program.
    pub(super) package: String,
    /// The program.
    pub(super) program: String,
    /// The folders of the packages that it is built from.
    pub(super) folders: Vec<PathBuf>,
    /// `client = "web/src/api.ts"` in `[package.metadata.tenfold]`: where the TypeScript client goes.
    pub(super) client: Option<PathBuf>,
}

impl DevProject {
    /// Asks cargo for the workspace around `folder`. Without `program` it is the only one of the default members, or
    /// the one that `default-run` names, as for `cargo run`.
    pub(super) fn read(folder: &Path, program: Option<&str>) -> Result<Self, DevProjectError> {
        let mut metadata: CargoMetadata = ask_cargo(folder)?;
        if !is_same(folder, &metadata.workspace_root) {
            // Below the root cargo reports the package around `folder` as the only default member.
            metadata = ask_cargo(&metadata.workspace_root)?;
        }
        let (package, program) = metadata.program(program)?;
        let client = package.metadata.as_ref().and_then(|metadata| metadata.pointer("/tenfold/client"));
        let client = client.and_then(Value::as_str).map(|path| metadata.workspace_root.join(path));
        let (package, folders) = (package.name.clone(), metadata.folders(package));
        let (root, target) = (metadata.workspace_root, metadata.target_directory);
        Ok(DevProject { root, target, package, program, folders, client })
    }
}

#[derive(Deserialize)]
struct CargoMetadata {
    packages: Vec<CargoPackage>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
    #[serde(default)]
    workspace_default_members: Vec<String>,
}

#[derive(Deserialize)]
struct CargoPackage {
    id: String,
    name: String,
    manifest_path: PathBuf,
    default_run: Option<String>,
    targets: Vec<CargoTarget>,
    dependencies: Vec<CargoDependency>,
    metadata: Option<Value>,
}

#[derive(Deserialize)]
struct CargoTarget {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct CargoDependency {
    kind: Option<String>,
    path: Option<PathBuf>,
}

impl CargoPackage {
    fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new(""))
    }

    fn programs(&self) -> impl Iterator<Item = &str> {
        let is_program = |target: &&CargoTarget| target.kind.iter().any(|kind| kind == "bin");
        self.targets.iter().filter(is_program).map(|target| target.name.as_str())
    }
}

impl CargoMetadata {
    fn program(&self, wanted: Option<&str>) -> Result<(&CargoPackage, String), DevProjectError> {
        let defaults =
            self.packages.iter().filter(|package| self.workspace_default_members.contains(&package.id));
        let all: Vec<(&CargoPackage, &str)> =
            defaults.flat_map(|package| package.programs().map(move |program| (package, program))).collect();
        let is_meant = |(package, program): &&(&CargoPackage, &str)| match wanted {
            Some(wanted) => *program == wanted,
            None => package.default_run.as_deref().is_none_or(|default| default == *program),
        };
        let meant: Vec<_> = all.iter().filter(is_meant).collect();
        let names = || all.iter().map(|(_, program)| *program).collect::<Vec<_>>().join(", ");
        match meant.as_slice() {
            [(package, program)] => Ok((package, (*program).to_owned())),
            [] => Err(DevProjectError::Missing(names())),
            _ => Err(DevProjectError::Several(names())),
        }
    }

    /// The folders of `package` and of what it depends on by path.
    fn folders(&self, package: &CargoPackage) -> Vec<PathBuf> {
        let mut found: BTreeSet<PathBuf> = BTreeSet::new();
        let mut next = vec![package.folder().to_path_buf()];
        while let Some(folder) = next.pop() {
            if !found.insert(folder.clone()) {
                continue;
            }
            let package = self.packages.iter().find(|package| package.folder() == folder);
            let dependencies = package.into_iter().flat_map(|package| &package.dependencies);
            let built = dependencies.filter(|dependency| dependency.kind.as_deref() != Some("dev"));
            next.extend(built.filter_map(|dependency| dependency.path.clone()));
        }
        found.into_iter().collect()
    }
}
