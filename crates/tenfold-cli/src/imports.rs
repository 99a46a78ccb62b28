//! Which file of a package imports from which other file, and which types each defines.
//!
//! An arrow is a `use` or a path that leads to a file of the same crate. It points to the file that defines the name,
//! even if another file re-exports it. A re-export alone is not an arrow, nor is `use` of a module: the paths through
//! it are. Test code has no arrows, and its types do not count.
//!
//! Not followed: names from `pub use …::*`, which count as the re-exporting file's, and modules with `#[path]`.

mod scan;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::CheckError;

use self::scan::{NamedPath, NamedPaths};

/// The files of one crate, and what each imports from others.
#[derive(Debug, Default)]
pub struct CrateFiles {
    /// The files, in the order in which their modules are declared.
    pub paths: Vec<PathBuf>,
    /// The imports between them.
    pub arrows: Vec<Arrow>,
    /// The types that they define.
    pub types: Vec<DefinedType>,
}

/// A struct, an enum, a union, a trait or an alias, as an item of a module.
#[derive(Debug, Clone)]
pub struct DefinedType {
    /// Index of the file that defines it.
    pub file: usize,
    /// Its name.
    pub name: String,
    /// The line of the name, from 1.
    pub line: usize,
}

/// An import of one file from another.
#[derive(Debug, Clone)]
pub struct Arrow {
    /// Index of the file that names it.
    pub from: usize,
    /// Index of the file that defines it.
    pub to: usize,
    /// The imported name; `*` for a glob.
    pub name: String,
    /// The line of the import, from 1.
    pub line: usize,
}

/// The segments of a module's path below the crate root.
type ModulePath = Vec<String>;

/// A longer chain of imports is circular.
const MOST_STEPS: usize = 16;

/// One module: a file, or a part of one.
#[derive(Debug, Default)]
struct ModuleImports {
    file: usize,
    named: NamedPaths,
}

/// A crate whose files are being read.
struct CrateReader {
    /// The name by which its own files may refer to it; none for a program, where the package's name means the
    /// library.
    name: Option<String>,
    modules: BTreeMap<ModulePath, ModuleImports>,
    files: CrateFiles,
}

impl CrateFiles {
    /// Reads the library of the package `name` from its root, `src/lib.rs`. A file that cannot be parsed has no
    /// arrows; the compiler rejects it.
    pub fn of_library(root: &Path, name: &str) -> Result<Self, CheckError> {
        Self::read(root, Some(name.replace('-', "_")))
    }

    /// Reads a program from its root, `src/main.rs`.
    pub fn of_program(root: &Path) -> Result<Self, CheckError> {
        Self::read(root, None)
    }

    fn read(root: &Path, name: Option<String>) -> Result<Self, CheckError> {
        let mut read = CrateReader { name, modules: BTreeMap::new(), files: CrateFiles::default() };
        read.file(root.to_path_buf(), Vec::new())?;
        let mut arrows = Vec::new();
        for (path, module) in &read.modules {
            arrows.extend(module.named.taken().filter_map(|taken| read.arrow(path, module.file, taken)));
        }
        Ok(CrateFiles { arrows, ..read.files })
    }
}

impl CrateReader {
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
        self.modules.insert(path.clone(), ModuleImports { file, named: NamedPaths::of(items) });
        let types = scan::types(items).into_iter().map(|(name, line)| DefinedType { file, name, line });
        self.files.types.extend(types);
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

    fn arrow(&self, module: &ModulePath, from: usize, taken: &NamedPath) -> Option<Arrow> {
        let path = self.defined_path(self.absolute(module, &taken.path, 0)?, 0);
        let (known, defining) = self.innermost(&path)?;
        let name = match path.get(known) {
            Some(name) => name.clone(),
            None if taken.is_glob => "*".to_owned(),
            // The paths through an imported module are arrows of their own.
            None => return None,
        };
        (defining.file != from).then_some(Arrow { from, to: defining.file, name, line: taken.line })
    }

    /// The path below the crate's root; none for an item of another crate.
    fn absolute(&self, module: &ModulePath, path: &[String], steps: usize) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;
        let below = |start: &[String], rest: &[String]| Some([start, rest].concat());
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => below(module, rest),
            "super" => {
                let up = path.iter().take_while(|word| *word == "super").count();
                below(&module[..module.len().saturating_sub(up)], &path[up..])
            }
            name if self.name.as_deref() == Some(name) => Some(rest.to_vec()),
            name => {
                if self.modules.contains_key(&[module.as_slice(), &[name.to_owned()]].concat()) {
                    return below(module, path);
                }
                let imported = self.modules.get(module)?.named.imported(name)?;
                // `use clap::{self}`: the name refers to another crate.
                if steps == MOST_STEPS || imported.path.first().is_none_or(|first| first == name) {
                    return None;
                }
                below(&self.absolute(module, &imported.path, steps + 1)?, rest)
            }
        }
    }

    /// The path where an item is defined, found through the modules that re-export it.
    fn defined_path(&self, path: ModulePath, steps: usize) -> ModulePath {
        let Some((known, module)) = self.innermost(&path) else { return path };
        let Some(name) = path.get(known).filter(|_| steps < MOST_STEPS) else { return path };
        let imported = module.named.imported(name);
        match imported.and_then(|from| self.absolute(&path[..known].to_vec(), &from.path, steps)) {
            Some(from) => self.defined_path([&from, &path[known + 1..]].concat(), steps + 1),
            None => path,
        }
    }

    /// The innermost module on a path, and how many segments name it.
    fn innermost(&self, path: &[String]) -> Option<(usize, &ModuleImports)> {
        (0..=path.len()).rev().find_map(|length| Some((length, self.modules.get(&path[..length])?)))
    }
}
