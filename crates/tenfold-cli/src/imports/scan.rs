//! The names that the items of one module use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, Item, ItemUse, MetaList, UseTree, Visibility};

/// A path in the source, and its position.
#[derive(Debug, Clone)]
pub struct NamedPath {
    /// Its segments.
    pub path: Vec<String>,
    /// A line, from 1.
    pub line: usize,
    /// Whether it imports everything: `use super::*`.
    pub is_glob: bool,
}

/// The names that one module uses.
#[derive(Debug, Default)]
pub struct NamedPaths {
    /// What `use` imports, by local name.
    imports: BTreeMap<String, NamedPath>,
    /// The re-exports among them: they count only if the module uses them itself.
    re_exports: BTreeSet<String>,
    globs: Vec<NamedPath>,
    paths: Vec<NamedPath>,
    /// The first segments of the module's paths.
    first_words: BTreeSet<String>,
}

impl NamedPaths {
    /// Reads the items, except inline modules and test code.
    pub fn of(items: &[Item]) -> Self {
        let mut found = Self::default();
        items.iter().for_each(|item| found.visit_item(item));
        found
    }

    /// The path that `use` imports under this name.
    pub fn imported(&self, name: &str) -> Option<&NamedPath> {
        self.imports.get(name)
    }

    /// Everything that the module imports or names from elsewhere.
    pub fn taken(&self) -> impl Iterator<Item = &NamedPath> {
        let is_used = |name: &&String| !self.re_exports.contains(*name) || self.first_words.contains(*name);
        let imports = self.imports.iter().filter(move |(name, _)| is_used(name)).map(|(_, path)| path);
        imports.chain(&self.globs).chain(&self.paths)
    }

    fn import(&mut self, tree: &UseTree, before: &mut Vec<String>, is_public: bool) {
        let line = tree.span().start().line;
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before, is_public);
                before.pop();
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.import(item, before, is_public));
            }
            UseTree::Glob(_) if !is_public => {
                self.globs.push(NamedPath { path: before.clone(), line, is_glob: true });
            }
            UseTree::Glob(_) => {}
            UseTree::Name(name) => {
                let word = name.ident.to_string();
                self.bring_in(word.clone(), word, before, (line, is_public));
            }
            // A trait whose methods are called; it has no local name.
            UseTree::Rename(name) if name.rename == "_" => {
                if !is_public {
                    let path = [before.as_slice(), &[name.ident.to_string()]].concat();
                    self.paths.push(NamedPath { path, line, is_glob: false });
                }
            }
            UseTree::Rename(name) => {
                self.bring_in(name.ident.to_string(), name.rename.to_string(), before, (line, is_public));
            }
        }
    }

    fn bring_in(&mut self, word: String, name: String, before: &[String], (line, is_public): (usize, bool)) {
        let mut path = before.to_vec();
        if word != "self" {
            path.push(word);
        }
        let name = if name == "self" { path.last().cloned().unwrap_or_default() } else { name };
        if is_public {
            self.re_exports.insert(name.clone());
        }
        self.imports.insert(name, NamedPath { path, line, is_glob: false });
    }

    /// The paths among the tokens of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(word) => {
                    if colons != 2 {
                        self.end_path(std::mem::take(&mut path), line);
                        line = word.span().start().line;
                    }
                    colons = 0;
                    path.push(word.to_string());
                }
                other => {
                    self.end_path(std::mem::take(&mut path), line);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.end_path(path, line);
    }

    fn end_path(&mut self, path: Vec<String>, line: usize) {
        self.first_words.extend(path.first().cloned());
        if path.len() > 1 {
            self.paths.push(NamedPath { path, line, is_glob: false });
        }
    }
}

impl<'ast> Visit<'ast> for NamedPaths {
    fn visit_item(&mut self, item: &'ast Item) {
        if !matches!(item, Item::Mod(_)) && !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_meta_list(&mut self, list: &'ast MetaList) {
        self.visit_path(&list.path);
        self.tokens(list.tokens.clone());
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_public = !matches!(item.vis, Visibility::Inherited);
        self.import(&item.tree, &mut Vec::new(), is_public);
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.end_path(words, path.span().start().line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.visit_path(&invocation.path);
        self.tokens(invocation.tokens.clone());
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The names and lines of the types among the items, test code excepted. Of two in one module, which can only be for
/// different platforms, the first counts.
pub fn types(items: &[Item]) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
        let name = match item {
            Item::Enum(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Union(item) => &item.ident,
            _ => continue,
        };
        found.entry(name.to_string()).or_insert_with(|| name.span().start().line);
    }
    found
}

/// Whether an item is there for tests only: `#[cfg(test)]`, `#[cfg(all(test, unix))]`.
pub fn is_for_tests(attributes: &[Attribute]) -> bool {
    let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    conditions.into_iter().any(|attribute| !may_hold_without_test(&attribute.meta))
}

/// Whether the condition of a `cfg` can hold in a build without tests.
fn may_hold_without_test(condition: &syn::Meta) -> bool {
    let syn::Meta::List(list) = condition else { return !condition.path().is_ident("test") };
    let parts = Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated;
    let Ok(parts) = list.parse_args_with(parts) else { return true };
    match list.path.get_ident().map(ToString::to_string).as_deref() {
        Some("not") => true,
        Some("any") => parts.iter().any(may_hold_without_test),
        _ => parts.iter().all(may_hold_without_test),
    }
}

/// The folder that contains the child modules of a file.
pub fn folder_of(file: &Path) -> PathBuf {
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
    if ["lib", "main", "mod"].contains(&name.as_str()) { folder } else { folder.join(name) }
}
