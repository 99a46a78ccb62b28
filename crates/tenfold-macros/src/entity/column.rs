//! What the derive writes for a field that is stored.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Field, Ident, Visibility};

use super::name_of;

/// A field that is stored, as one column, or as two if it is money.
pub(super) struct Stored<'a> {
    pub field: &'a Field,
    pub is_money: bool,
}

/// A column of the table.
pub(super) struct DerivedColumn {
    pub name: String,
    pub ty: TokenStream,
    /// Its value, of `&self`.
    pub value: TokenStream,
    /// Its value, of a `self` that is no longer needed.
    pub owned: TokenStream,
    /// Whether rows can be linked by it.
    pub may_link: bool,
}

impl Stored<'_> {
    pub fn columns(&self, data: &TokenStream) -> Vec<DerivedColumn> {
        let (ident, ty, name) = (&self.field.ident, &self.field.ty, name_of(self.field));
        if !self.is_money {
            return vec![DerivedColumn {
                name,
                ty: quote!(#ty),
                value: quote!(#data::ColumnType::to_value(&self.#ident)),
                owned: quote!(#data::ColumnType::into_value(self.#ident)),
                may_link: true,
            }];
        }
        let column = |suffix: &str, part: &str, place: usize| {
            let (part, place) = (format_ident!("{part}"), syn::Index::from(place));
            let value = quote!(#data::ColumnType::to_value(&#data::MoneyField::columns(&self.#ident).#place));
            let name = format!("{name}_{suffix}");
            let ty = quote!(<#ty as #data::MoneyField>::#part);
            DerivedColumn { name, ty, owned: value.clone(), value, may_link: false }
        };
        vec![column("amount", "Amount", 0), column("currency", "Currency", 1)]
    }

    /// The constants that name the field's columns in queries. Money has one for both columns as well.
    pub fn constants(&self, entity: &Ident, vis: &Visibility, data: &TokenStream) -> TokenStream {
        let columns = self.columns(data).into_iter().map(|DerivedColumn { name, ty, .. }| {
            let doc = format!("The column `{name}`, for queries.");
            let ident = match self.is_money {
                true => format_ident!("{name}"),
                false => self.field.ident.clone().unwrap_or_else(|| format_ident!("{name}")),
            };
            quote! {
                #[doc = #doc]
                #[allow(non_upper_case_globals, dead_code)]
                #vis const #ident: #data::Column<#entity, #ty> = #data::Column::new(#name);
            }
        });
        let both = self.is_money.then(|| {
            let (ident, ty, name) = (&self.field.ident, &self.field.ty, name_of(self.field));
            let (amount, currency) = (format_ident!("{name}_amount"), format_ident!("{name}_currency"));
            let doc = format!("The columns `{amount}` and `{currency}`, for queries.");
            quote! {
                #[doc = #doc]
                #[allow(non_upper_case_globals, dead_code)]
                #vis const #ident: #data::MoneyColumns<#entity, #ty> =
                    #data::MoneyColumns::new(Self::#amount, Self::#currency);
            }
        });
        quote!(#(#columns)* #both)
    }
}
