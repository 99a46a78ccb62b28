//! The path by which generated code names the data layer.

use proc_macro2::TokenStream;
use quote::quote;

/// Where the data layer's names are: `tenfold` hands them on, but the crates below it do not know it.
pub(crate) fn data_path() -> TokenStream {
    match std::env::var("CARGO_PKG_NAME").as_deref() {
        Ok("tenfold-data" | "tenfold-jobs") => quote!(::tenfold_data),
        _ => quote!(::tenfold::data),
    }
}
