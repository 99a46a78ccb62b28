//! `modules!()`.

use std::path::Path;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Error, Ident, Result};

/// The section of the package's manifest that lists the modules.
const SECTION: &str = "[package.metadata.tenfold]";

pub(crate) fn expand() -> Result<TokenStream> {
    let manifest = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let manifest = Path::new(&manifest).join("Cargo.toml");
    let place = manifest.display().to_string();
    let text = std::fs::read_to_string(&manifest)
        .map_err(|error| Error::new(Span::call_site(), format!("{place} cannot be read: {error}")))?;
    let names = listed(&text).ok_or_else(|| {
        let why = format!("{place} lists no modules: add `{SECTION}` with `modules = [\"auth\", …]`");
        Error::new(Span::call_site(), why)
    })?;
    let crates = names.iter().map(|name| {
        let name = name.replace('-', "_");
        let ident = syn::parse_str::<Ident>(&name);
        ident.map_err(|_| {
            Error::new(Span::call_site(), format!("{place}: {name:?} is the name of no package"))
        })
    });
    let crates: Vec<Ident> = crates.collect::<Result<_>>()?;
    Ok(quote! {{
        // A change of the list rebuilds this.
        const _: &str = include_str!(#place);
        ::std::vec![#(::#crates::module()),*]
    }})
}

/// The names between the brackets of `modules = […]` in our section.
fn listed(manifest: &str) -> Option<Vec<&str>> {
    let section = manifest.split(SECTION).nth(1)?;
    let section = section.split("\n[").next()?;
    let list = section.lines().skip_while(|line| !line.trim_start().starts_with("modules")).map(|line| {
        // A `#` begins a comment.
        line.split('#').next().unwrap_or_default()
    });
    let list: Vec<&str> = list.collect();
    let first = list.first()?.split_once('[')?.1;
    let mut names = Vec::new();
    for line in std::iter::once(first).chain(list.into_iter().skip(1)) {
        let (inside, ends) = match line.split_once(']') {
            Some((inside, _)) => (inside, true),
            None => (line, false),
        };
        names.extend(inside.split('"').skip(1).step_by(2));
        if ends {
            return Some(names);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn the_list_may_have_lines_and_comments() {
        let manifest = "[package]\nname = \"app\"\n\n[package.metadata.tenfold]\nmodules = [\n    \"auth\", # first\n    \
                        \"files\",\n]\n\n[dependencies]\nother = [\"x\"]\n";
        assert_eq!(listed(manifest), Some(vec!["auth", "files"]));
        assert_eq!(listed("[package.metadata.tenfold]\nmodules = [\"a\"]"), Some(vec!["a"]));
    }

    #[test]
    fn a_list_that_is_not_there_or_has_no_end_is_none() {
        assert_eq!(listed("[package]\n"), None);
        assert_eq!(listed("[package.metadata.tenfold]\nmodules = [\"a\""), None);
        assert_eq!(listed("[package.metadata.tenfold]\nother = 1\n"), None);
    }
}
