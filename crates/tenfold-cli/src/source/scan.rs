//! The walk over a file's syntax tree.

use std::collections::BTreeMap;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Expr, ExprCall, ExprMethodCall, GenericArgument, ItemFn, ItemImpl, ItemMod, ItemTrait,
    ItemUse, UseTree,
};

use super::macros::{self, Literal, MacroBody};
use super::{
    DeclaredEndpoint, DeclaredEntity, DeclaredEvent, DeclaredInterface, DeclaredJob, MethodCall, NameKind,
    NamedUse, RustSource, UniqueName,
};

/// Collects a file's [`RustSource`] while `syn` walks over it.
#[derive(Default)]
pub struct Scan {
    /// What was found so far.
    pub source: RustSource,
    /// What `use` imports: the local name, and the full path.
    pub imports: BTreeMap<String, Vec<String>>,
    /// How many `#[cfg(test)]` modules surround the current position.
    test_depth: usize,
}

impl<'ast> Visit<'ast> for Scan {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let is_test = item.attrs.iter().any(is_cfg_test);
        self.test_depth += usize::from(is_test);
        visit::visit_item_mod(self, item);
        self.test_depth -= usize::from(is_test);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&item.tree, &mut Vec::new());
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        let mut attributes = item.attrs.iter();
        let endpoint = attributes.find(|attribute| last_word(attribute.path()) == "endpoint");
        if let (0, Some(endpoint)) = (self.test_depth, endpoint) {
            let (name, line) = (item.sig.ident.to_string(), item.sig.ident.span().start().line);
            let operation = UniqueName { kind: NameKind::Operation, name: name.clone(), line };
            self.source.unique.push(operation);
            if let Some((method, path)) = macros::word_and_literal(endpoint) {
                let name = format!("{} {}", method.to_uppercase(), path.value);
                self.source.unique.push(UniqueName { kind: NameKind::Route, name, line: path.line });
            }
            self.source.endpoints.push(DeclaredEndpoint { name, line });
        }
        visit::visit_item_fn(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        let attribute = item.attrs.iter().find(|attribute| last_word(attribute.path()) == "module_api");
        if let Some(attribute) = attribute {
            self.source.interfaces.push(DeclaredInterface {
                module: macros::named_literal(attribute, "name").map(|literal| literal.value),
                name: item.ident.to_string(),
                methods: item.items.iter().filter_map(method_name).collect(),
                line: item.ident.span().start().line,
            });
        }
        visit::visit_item_trait(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let implemented = item.trait_.as_ref().map(|(of, _)| last_word(of)).unwrap_or_default();
        if let (0, syn::Type::Path(of)) = (self.test_depth, &*item.self_ty) {
            let (name, line) = (last_word(&of.path), of.span().start().line);
            self.source.unique.extend(unique_name(item, &implemented));
            match implemented.as_str() {
                "Event" => self.source.events.push(DeclaredEvent { name }),
                "Job" => self.source.jobs.push(DeclaredJob { name, line }),
                _ => {}
            }
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if last_word(attribute.path()) == "entity" {
            let table = macros::named_literal(attribute, "table");
            let tenant = macros::named_word(attribute, "tenant");
            let searched = macros::named_list(attribute, "search");
            self.source.entities.extend(table.map(|table| DeclaredEntity { table, tenant, searched }));
        }
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if self.test_depth == 0 && is_module_new(&call.func) {
            self.source.registrations.extend(call.args.first().and_then(literal));
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if self.test_depth == 0 {
            self.record(call);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        if last_word(&invocation.path) == "sql" {
            let line = invocation.path.span().start().line;
            self.source.statements.push(macros::sql_macro(invocation.tokens.clone(), line));
            return;
        }
        if last_word(&invocation.path) == "println" {
            let printed = macros::sql_macro(invocation.tokens.clone(), 0).literals;
            let told = printed.into_iter().filter(|literal| literal.value.starts_with("cargo:"));
            self.source.told_cargo.extend(told);
        }
        if self.test_depth == 0 && last_word(&invocation.path) == "routes" {
            macros::words(&invocation.tokens, &mut self.source.routed);
        }
        match macros::inside(&invocation.tokens) {
            MacroBody::Expressions(expressions) => expressions.iter().for_each(|inner| self.walk_expr(inner)),
            MacroBody::Statements(statements) => statements.iter().for_each(|inner| self.walk_stmt(inner)),
            MacroBody::Tokens => macros::statements_among(&invocation.tokens, &mut self.source.statements),
        }
    }
}

impl Scan {
    /// Visits an expression that lives only as long as the walk over its macro.
    fn walk_expr(&mut self, expression: &Expr) {
        Visit::visit_expr(self, expression);
    }

    fn walk_stmt(&mut self, statement: &syn::Stmt) {
        Visit::visit_stmt(self, statement);
    }

    fn record(&mut self, call: &ExprMethodCall) {
        let method = call.method.to_string();
        let line = call.method.span().start().line;
        match method.as_str() {
            "needs" => self.source.needs.extend(named_type(call).map(|path| NamedUse { path, line })),
            "provides" => self.source.provides.extend(named_type(call).map(|path| NamedUse { path, line })),
            "job" => self.source.runs.extend(named_type(call).map(|path| NamedUse { path, line })),
            "migrations" => self.source.registers_migrations = true,
            "on" => self.source.listens.extend(named_type(call).map(|path| NamedUse { path, line })),
            _ => {
                let receiver = receiver_word(&call.receiver);
                self.source.calls.extend(receiver.map(|receiver| MethodCall { receiver, method, line }));
            }
        }
    }

    fn import(&mut self, tree: &UseTree, before: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before);
                before.pop();
            }
            UseTree::Name(name) => self.bring_in(name.ident.to_string(), name.ident.to_string(), before),
            UseTree::Rename(as_) => self.bring_in(as_.rename.to_string(), as_.ident.to_string(), before),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.import(item, before)),
            UseTree::Glob(_) => {}
        }
    }

    fn bring_in(&mut self, name: String, original: String, before: &[String]) {
        let mut path = before.to_vec();
        if original != "self" {
            path.push(original);
        }
        let name = if name == "self" { path.last().cloned().unwrap_or_default() } else { name };
        self.imports.insert(name, path);
    }
}

/// The constant by which a job, an event or a permission is known.
fn unique_name(item: &ItemImpl, implemented: &str) -> Option<UniqueName> {
    let (kind, constant) = match implemented {
        "Job" => (NameKind::Job, "KIND"),
        "Event" => (NameKind::Event, "NAME"),
        "Permission" => (NameKind::Permission, "NAME"),
        _ => return None,
    };
    item.items.iter().find_map(|part| match part {
        syn::ImplItem::Const(part) if part.ident == constant => {
            let Literal { value: name, line, .. } = literal(&part.expr)?;
            Some(UniqueName { kind, name, line })
        }
        _ => None,
    })
}

/// The last segment of a path.
pub fn last_word(path: &syn::Path) -> String {
    path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
}

fn method_name(item: &syn::TraitItem) -> Option<String> {
    match item {
        syn::TraitItem::Fn(method) => Some(method.sig.ident.to_string()),
        _ => None,
    }
}

fn is_module_new(function: &Expr) -> bool {
    let Expr::Path(path) = function else { return false };
    let words: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    matches!(words.as_slice(), [.., module, new] if module == "Module" && new == "new")
}

fn literal(expression: &Expr) -> Option<Literal> {
    match expression {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(macros::literal(text)),
        _ => None,
    }
}

/// The path of `X` in `method::<dyn X>()` and in `method::<X, …>()`.
fn named_type(call: &ExprMethodCall) -> Option<Vec<String>> {
    let generics = call.turbofish.as_ref()?;
    generics.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(syn::Type::TraitObject(object)) => {
            object.bounds.iter().find_map(|bound| match bound {
                syn::TypeParamBound::Trait(bound) => {
                    Some(bound.path.segments.iter().map(|segment| segment.ident.to_string()).collect())
                }
                _ => None,
            })
        }
        GenericArgument::Type(syn::Type::Path(path)) => {
            Some(path.path.segments.iter().map(|segment| segment.ident.to_string()).collect())
        }
        _ => None,
    })
}

/// The word that identifies the receiver: `auth` in `self.auth`, `Auth` in `cx.get::<dyn Auth>()?`.
fn receiver_word(receiver: &Expr) -> Option<String> {
    match receiver {
        Expr::Path(path) => Some(last_word(&path.path)),
        Expr::Field(field) => match &field.member {
            syn::Member::Named(name) => Some(name.to_string()),
            syn::Member::Unnamed(_) => None,
        },
        Expr::MethodCall(call) => match named_type(call) {
            Some(path) => path.last().cloned(),
            None if call.args.is_empty() && call.method != "clone" => Some(call.method.to_string()),
            None => receiver_word(&call.receiver),
        },
        Expr::Try(inner) => receiver_word(&inner.expr),
        Expr::Await(inner) => receiver_word(&inner.base),
        Expr::Paren(inner) => receiver_word(&inner.expr),
        Expr::Reference(inner) => receiver_word(&inner.expr),
        _ => None,
    }
}
