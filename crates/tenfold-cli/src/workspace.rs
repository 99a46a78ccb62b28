//! The packages of the workspace and their roles: application, module, interface, framework.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::CheckError;
use crate::manifest;
use crate::violation::FileLine;

/// The role of a package, by its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackageRole {
    /// A default member with no other role: it may depend on implementations.
    Application,
    /// `…/modules/<name>/`: private to everything except an application.
    Implementation(String),
    /// `…/modules/<name>/api/`: what other modules may use.
    Interface(String),
    /// Below a folder `crates`: the framework, or a library of the workspace.
    Framework,
    /// Anything else, such as benchmarks.
    Other,
}

/// Which table of the manifest names a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DependencyKind {
    /// `[dependencies]`
    Normal,
    /// `[build-dependencies]`
    Build,
    /// `[dev-dependencies]`
    Dev,
}

impl DependencyKind {
    /// The name of the table in the manifest.
    pub fn table(self) -> &'static str {
        match self {
            Self::Normal => "dependencies",
            Self::Build => "build-dependencies",
            Self::Dev => "dev-dependencies",
        }
    }
}

/// One line of a manifest.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// The package's own name, even if the dependency is renamed.
    pub package: String,
    /// The name that sources use for it, with `_` for `-`.
    pub crate_name: String,
    /// The table that names it.
    pub kind: DependencyKind,
    /// Index of the package in [`Workspace::packages`]; none for an external one.
    pub member: Option<usize>,
    /// The line of the manifest.
    pub place: FileLine,
}

/// One member of the workspace.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name in the manifest.
    pub name: String,
    /// What it is.
    pub role: PackageRole,
    /// Its folder, absolute.
    pub folder: PathBuf,
    /// Its manifest, below the workspace root.
    pub manifest: String,
    /// Whether it is outside the workspace: an interface of a module that comes with Tenfold. It is read for what it
    /// declares, and not checked.
    pub is_external: bool,
    /// Its dependencies, in the order of the manifest's tables.
    pub dependencies: Vec<Dependency>,
    /// The list in `[package.metadata.tenfold]`, which `modules!()` reads; none in a package without it.
    pub modules: Option<Vec<String>>,
}

impl Package {
    /// The module to which the package belongs.
    pub fn module(&self) -> Option<&str> {
        match &self.role {
            PackageRole::Implementation(module) | PackageRole::Interface(module) => Some(module),
            _ => None,
        }
    }
}

/// A Cargo workspace, as its manifests describe it.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Its folder, absolute.
    pub root: PathBuf,
    /// Its members, by manifest path; behind them the interfaces of modules that come with Tenfold.
    pub packages: Vec<Package>,
    /// The modules from outside that applications list, such as `auth`.
    pub external_modules: Vec<String>,
}

impl Workspace {
    /// Asks Cargo (the variable CARGO, else `cargo` from the path) for the workspace around `folder`.
    ///
    /// Works offline and resolves no versions, so it takes a few hundredths of a second.
    pub fn read(folder: &Path) -> Result<Self, CheckError> {
        let mut answer: Metadata = ask_cargo(folder)?;
        if !is_same(folder, &answer.workspace_root) {
            // Below the root Cargo reports the package around `folder` as the only default member.
            answer = ask_cargo(&answer.workspace_root)?;
        }
        let root = answer.workspace_root;
        let mut found: Vec<MetadataPackage> = answer.packages;
        found.sort_by(|a, b| a.manifest_path.cmp(&b.manifest_path));
        let folders: BTreeMap<PathBuf, usize> =
            found.iter().enumerate().map(|(index, package)| (package.folder(), index)).collect();
        let mut packages = Vec::with_capacity(found.len());
        for package in &found {
            let is_default = answer.workspace_default_members.contains(&package.id);
            packages.push(package.read(&root, &folders, is_default)?);
        }
        let external_modules = external_modules(&packages);
        let mut workspace = Self { root, packages, external_modules };
        workspace.add_external_interfaces()?;
        Ok(workspace)
    }

    /// The names of all modules, sorted.
    pub fn modules(&self) -> Vec<&str> {
        let external = self.external_modules.iter().map(String::as_str);
        let mut names: Vec<&str> = self.packages.iter().filter_map(Package::module).chain(external).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Workspace {
    /// Adds the interface packages that members depend on and that are not members, and completes the dependencies.
    fn add_external_interfaces(&mut self) -> Result<(), CheckError> {
        let dependencies = self.packages.iter().flat_map(|package| &package.dependencies);
        let wanted: BTreeSet<String> = dependencies
            .filter(|dependency| {
                dependency.member.is_none() && interface_module(&dependency.package).is_some()
            })
            .map(|dependency| dependency.package.clone())
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        for found in ask_cargo_for_all(&self.root)?.packages {
            let Some(module) = interface_module(&found.name).filter(|_| wanted.contains(&found.name)) else {
                continue;
            };
            let (index, folder) = (self.packages.len(), found.folder());
            let dependencies = self.packages.iter_mut().flat_map(|package| &mut package.dependencies);
            dependencies
                .filter(|dependency| dependency.package == found.name)
                .for_each(|dependency| dependency.member = Some(index));
            self.packages.push(Package {
                role: PackageRole::Interface(module.to_owned()),
                manifest: found.manifest_path.display().to_string(),
                is_external: true,
                dependencies: Vec::new(),
                modules: None,
                name: found.name,
                folder,
            });
        }
        Ok(())
    }
}

/// The module whose interface a package is that comes with Tenfold.
fn interface_module(package: &str) -> Option<&str> {
    package.strip_prefix("tenfold-")?.strip_suffix("-api")
}

/// The modules that applications list and that are no members.
fn external_modules(packages: &[Package]) -> Vec<String> {
    let applications = packages.iter().filter(|package| package.role == PackageRole::Application);
    let listed = applications.flat_map(|package| package.modules.iter().flatten());
    let is_member = |name: &String| packages.iter().any(|package| package.name == *name);
    let external = listed.filter(|name| !is_member(name));
    external.filter_map(|name| name.strip_prefix("tenfold-")).map(str::to_owned).collect()
}

/// `path` as messages show it: below `root`, with `/`.
pub(crate) fn shown(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    workspace_root: PathBuf,
    #[serde(default)]
    workspace_default_members: Vec<String>,
}

#[derive(Deserialize)]
struct MetadataPackage {
    id: String,
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<MetadataDependency>,
    /// `[package.metadata]`; only our own part has a known form.
    metadata: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct MetadataDependency {
    name: String,
    rename: Option<String>,
    kind: Option<String>,
    path: Option<PathBuf>,
}

impl MetadataPackage {
    fn folder(&self) -> PathBuf {
        self.manifest_path.parent().map(Path::to_path_buf).unwrap_or_default()
    }

    fn read(
        &self,
        root: &Path,
        folders: &BTreeMap<PathBuf, usize>,
        is_default: bool,
    ) -> Result<Package, CheckError> {
        let manifest = shown(root, &self.manifest_path);
        let text =
            std::fs::read_to_string(&self.manifest_path).map_err(CheckError::file(&self.manifest_path))?;
        let lines = manifest::dependency_lines(&text);
        let dependencies = self
            .dependencies
            .iter()
            .map(|dependency| {
                let key = dependency.rename.as_ref().unwrap_or(&dependency.name);
                let kind = dependency.kind();
                let line = lines.get(&(kind, key.clone())).copied().unwrap_or(1);
                Dependency {
                    package: dependency.name.clone(),
                    crate_name: key.replace('-', "_"),
                    kind,
                    member: dependency.path.as_ref().and_then(|path| folders.get(path)).copied(),
                    place: FileLine::new(&manifest, line),
                }
            })
            .collect();
        let folder = self.folder();
        let role = role(&shown(root, &folder), is_default);
        let modules = self.modules();
        let (name, is_external) = (self.name.clone(), false);
        Ok(Package { name, role, folder, manifest, is_external, dependencies, modules })
    }

    fn modules(&self) -> Option<Vec<String>> {
        let list = self.metadata.as_ref()?.pointer("/tenfold/modules")?.as_array()?;
        Some(list.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }
}

impl MetadataDependency {
    fn kind(&self) -> DependencyKind {
        match self.kind.as_deref() {
            Some("dev") => DependencyKind::Dev,
            Some("build") => DependencyKind::Build,
            _ => DependencyKind::Normal,
        }
    }
}

/// Whether both paths lead to one folder.
pub(crate) fn is_same(folder: &Path, root: &Path) -> bool {
    match (folder.canonicalize(), root.canonicalize()) {
        (Ok(folder), Ok(root)) => folder == root,
        _ => false,
    }
}

/// The answer of `cargo metadata` for the members only, which needs neither a lock file nor the network.
pub(crate) fn ask_cargo<T: DeserializeOwned>(folder: &Path) -> Result<T, CheckError> {
    metadata(folder, &["--no-deps", "--offline"])
}

/// The members and all that they depend on. What was built before is asked for without the network.
fn ask_cargo_for_all(folder: &Path) -> Result<Metadata, CheckError> {
    metadata(folder, &["--offline"]).or_else(|_| metadata(folder, &[]))
}

/// The folder of a package that the members depend on, also of one from a registry.
#[cfg(feature = "commands")]
pub(crate) fn folder_of_package(folder: &Path, package: &str) -> Result<Option<PathBuf>, CheckError> {
    let found = ask_cargo_for_all(folder)?.packages.into_iter().find(|found| found.name == package);
    Ok(found.map(|found| found.folder()))
}

fn metadata<T: DeserializeOwned>(folder: &Path, options: &[&str]) -> Result<T, CheckError> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(&cargo)
        .args(["metadata", "--format-version", "1"])
        .args(options)
        .current_dir(folder)
        .output()
        .map_err(|source| CheckError::CargoMissing { cargo, root: folder.to_path_buf(), source })?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(CheckError::CargoRefuses { root: folder.to_path_buf(), message });
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// `folder` is the package's folder below the workspace root.
fn role(folder: &str, is_default: bool) -> PackageRole {
    let parts: Vec<&str> = folder.split('/').collect();
    match parts.as_slice() {
        [.., "modules", name, "api"] => PackageRole::Interface((*name).to_owned()),
        [.., "modules", name] => PackageRole::Implementation((*name).to_owned()),
        _ if parts.contains(&"crates") => PackageRole::Framework,
        _ if is_default && !parts.contains(&"modules") => PackageRole::Application,
        _ => PackageRole::Other,
    }
}
