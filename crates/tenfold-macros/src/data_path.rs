//! The path by which generated code names the data layer.

use proc_macro2::TokenStream;
use quote::quote;

/// Where the names of the data layer are: `tenfold` re-exports them, but the crates below it do not depend on
/// `tenfold`.
pub(crate) fn data_path() -> TokenStream {
    match std::env::var("CARGO_PKG_NAME").as_deref() {
        Ok("tenfold-data" | "tenfold-jobs") => quote!(::tenfold_data),
        _ => quote!(::tenfold::data),
    }
}
