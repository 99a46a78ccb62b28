//! Which file of a package takes something from which other one.
//!
//! An arrow is a `use` or a path that leads to a file of the same package. A re-export is none by itself, so that a
//! module's root may hand on what its files define; code for tests has none.

mod scan;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::CheckError;

use self::scan::{Reference, References};

/// The files of one crate, and what each takes from others.
#[derive(Debug, Default)]
pub struct Files {
    /// The files, in the order in which their modules are declared.
    pub paths: Vec<PathBuf>,
    /// What one takes from another.
    pub arrows: Vec<Arrow>,
}

/// A file takes something from another.
#[derive(Debug, Clone)]
pub struct Arrow {
    /// Index of the file that names it.
    pub from: usize,
    /// Index of the file that defines it.
    pub to: usize,
    /// What it is called there.
    pub name: String,
    /// Where it is named, a line from 1.
    pub line: usize,
}

/// The words of a module's path below the root of its crate.
type ModulePath = Vec<String>;

/// One module: a file, or a part of one.
#[derive(Debug, Default)]
struct Module {
    file: usize,
    references: References,
}

/// A crate whose files are being read.
struct Crate {
    name: String,
    modules: BTreeMap<ModulePath, Module>,
    files: Files,
}

impl Files {
    /// Reads the crate `name` from its root, `src/lib.rs` for one. A file that cannot be parsed has no arrows; other rules
    /// tell of it.
    pub fn read(root: &Path, name: &str) -> Result<Self, CheckError> {
        let modules = BTreeMap::new();
        let mut read = Crate { name: name.replace('-', "_"), modules, files: Files::default() };
        read.file(root.to_path_buf(), Vec::new())?;
        let mut arrows = Vec::new();
        for (path, module) in &read.modules {
            arrows.extend(module.references.taken().filter_map(|taken| read.arrow(path, module.file, taken)));
        }
        Ok(Files { arrows, ..read.files })
    }
}

impl Crate {
    fn file(&mut self, path: PathBuf, module: ModulePath) -> Result<(), CheckError> {
        let text = std::fs::read_to_string(&path).map_err(CheckError::file(&path))?;
        let Ok(syntax) = syn::parse_file(&text) else { return Ok(()) };
        let file = self.files.paths.len();
        let children = scan::folder_of(&path);
        self.files.paths.push(path);
        self.items(file, &children, module, &syntax.items)
    }

    fn items(
        &mut self,
        file: usize,
        folder: &Path,
        path: ModulePath,
        items: &[syn::Item],
    ) -> Result<(), CheckError> {
        self.modules.insert(path.clone(), Module { file, references: References::of(items) });
        for item in items {
            let syn::Item::Mod(child) = item else { continue };
            if scan::is_for_tests(&child.attrs) {
                continue;
            }
            let name = child.ident.to_string();
            let mut below = path.clone();
            below.push(name.clone());
            match &child.content {
                Some((_, items)) => self.items(file, &folder.join(&name), below, items)?,
                None => {
                    let places = [folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")];
                    if let Some(place) = places.into_iter().find(|place| place.exists()) {
                        self.file(place, below)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn arrow(&self, module: &ModulePath, from: usize, taken: &Reference) -> Option<Arrow> {
        let path = self.absolute(module, &taken.path)?;
        // What is taken from an imported module is named by paths of its own.
        if self.modules.contains_key(&path) && !taken.is_glob {
            return None;
        }
        let (to, name) = self.defining(&path, 0)?;
        (to != from).then_some(Arrow { from, to, name, line: taken.line })
    }

    /// The path below the crate's root; none for something from another crate.
    fn absolute(&self, module: &ModulePath, path: &[String]) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;
        let mut start = module.clone();
        match first.as_str() {
            "crate" => return Some(rest.to_vec()),
            "self" => {}
            "super" => {
                start.pop();
                let up = rest.iter().take_while(|word| *word == "super").count();
                start.truncate(start.len().saturating_sub(up));
                start.extend(rest[up..].iter().cloned());
                return Some(start);
            }
            name if name == self.name => return Some(rest.to_vec()),
            name => {
                let mut child = module.clone();
                child.push(name.to_owned());
                if !self.modules.contains_key(&child) {
                    let imported = self.modules.get(module)?.references.imported(name)?;
                    // `use clap::{self}`: a name of its own, from another crate.
                    if imported.path.first().is_none_or(|first| first == name) {
                        return None;
                    }
                    let mut full = self.absolute(module, &imported.path)?;
                    full.extend(rest.iter().cloned());
                    return Some(full);
                }
                start = child;
            }
        }
        start.extend(rest.iter().cloned());
        Some(start)
    }

    /// The file that defines what `path` names, through whatever hands it on, and its name there.
    fn defining(&self, path: &[String], depth: usize) -> Option<(usize, String)> {
        /// Longer chains of re-exports lead in a ring.
        const MOST: usize = 16;
        let known = (0..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]))?;
        let module = &self.modules[&path[..known]];
        let here = |name: &str| Some((module.file, name.to_owned()));
        let Some(name) = path.get(known) else { return here("*") };
        let handed_on = module.references.imported(name).filter(|_| depth < MOST);
        let full = handed_on.and_then(|by| self.absolute(&path[..known].to_vec(), &by.path));
        let Some(mut full) = full else { return here(name) };
        full.extend(path[known + 1..].iter().cloned());
        if full == path { here(name) } else { self.defining(&full, depth + 1) }
    }
}
