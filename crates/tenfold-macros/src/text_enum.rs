//! `derive(TextEnum)`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Result};

use crate::data_path::data_path;

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(body) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "TextEnum is for enums"));
    };
    if let Some(variant) = body.variants.iter().find(|variant| !matches!(variant.fields, Fields::Unit)) {
        return Err(Error::new_spanned(variant, "a variant with fields does not fit into a text column"));
    }
    let data = data_path();
    let name = &input.ident;
    let variants: Vec<_> = body.variants.iter().map(|variant| &variant.ident).collect();
    let texts: Vec<_> = variants.iter().map(|variant| snake_case(&variant.to_string())).collect();
    let expected = format!("one of {}", texts.join(", "));
    Ok(quote! {
        impl #name {
            /// The value as it is stored.
            pub fn as_str(self) -> &'static str {
                match self { #(#name::#variants => #texts),* }
            }
        }
        impl #data::ColumnType for #name {
            const KIND: #data::Kind = #data::Kind::Text;
            fn to_value(&self) -> #data::Value {
                #data::Value::Text(self.as_str().to_owned())
            }
            fn read(row: &#data::Row<'_>, index: usize) -> ::std::result::Result<Self, #data::ReadError> {
                let text = row.text(index)?;
                match text.as_str() {
                    #(#texts => ::std::result::Result::Ok(#name::#variants),)*
                    _ => ::std::result::Result::Err(#data::ReadError::new(index, #expected, &text)),
                }
            }
        }
    })
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
