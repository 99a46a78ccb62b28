//! `migrations!()`.

use std::path::Path;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Error, Result};

use crate::data_path::data_path;

pub(crate) fn expand() -> Result<TokenStream> {
    let failed = |why: String| Error::new(Span::call_site(), why);
    let root = std::env::var("CARGO_MANIFEST_DIR").map_err(|error| failed(error.to_string()))?;
    let folder = Path::new(&root).join("migrations");
    let entries =
        std::fs::read_dir(&folder).map_err(|error| failed(format!("{}: {error}", folder.display())))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failed(error.to_string()))?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    let names = files.iter().map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let paths = files.iter().map(|path| path.to_string_lossy().into_owned());
    let data = data_path();
    // `include_str!` makes Cargo rebuild when a file changes.
    Ok(quote!(&[#(#data::MigrationFile { name: #names, text: include_str!(#paths) }),*]))
}
