//! What the derive writes for a relation.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{DeriveInput, Ident, LitStr};

use super::attributes::{RelationField, RelationKind};
use super::name_of;

impl RelationField<'_> {
    /// The statement in `link` that makes the rows peers for this relation.
    pub(super) fn link(
        &self,
        entity: &Ident,
        table: &LitStr,
        key: &Option<Ident>,
        data: &TokenStream,
    ) -> TokenStream {
        let (field, target, by) = (&self.field.ident, self.target, &self.by);
        let (name, relation) = (name_of(self.field), quote!(#data::relation));
        let row_type = match self.kind {
            RelationKind::Count => quote!(#relation::Counted<#target>),
            _ => quote!(#target),
        };
        let own = if self.kind == RelationKind::BelongsTo { quote!(row.#by) } else { quote!(row.#key) };
        let path = self.path(entity, &relation);
        quote! {{
            static RELATION: #relation::Relation<#row_type> = #relation::Relation::new(#table, #name, #path);
            #relation::link(
                &mut rows, peering, &RELATION,
                |row: &#entity| #relation::Link::new(#data::ColumnType::to_value(&#own)),
                |row: &mut #entity| &mut row.#field,
            );
        }}
    }

    /// The constant that names the relation in filters: `Task::labels`. A relation that loads only the first of its rows
    /// has none, because a filter would look at all of them.
    pub(super) fn association(
        &self,
        input: &DeriveInput,
        key: &Option<Ident>,
        data: &TokenStream,
    ) -> Option<TokenStream> {
        if self.limit.is_some() {
            return None;
        }
        let (entity, vis) = (&input.ident, &input.vis);
        let (field, target) = (&self.field.ident, self.target);
        let name = name_of(self.field);
        let own = if self.kind == RelationKind::BelongsTo { &self.by } else { key.as_ref()? };
        let own = own.to_string();
        let path = self.path(entity, &quote!(#data::relation));
        let doc = format!("The relation `{name}`, for filters.");
        Some(quote! {
            #[doc = #doc]
            #[allow(non_upper_case_globals, dead_code)]
            #vis const #field: #data::Association<#entity, #target> =
                #data::Association::new(#own, #path);
        })
    }

    /// A check at compile time that the relation stays within its module.
    pub(super) fn same_module(&self, entity: &Ident, data: &TokenStream) -> TokenStream {
        let targets = std::iter::once(self.target).chain(self.through.as_ref().map(|(join, _)| join));
        let checks = targets.map(|target| {
            // The error points to the entity that the author wrote.
            let check = quote_spanned!(target.span()=> same_module::<#entity, #target>());
            quote! {
                const _: () = {
                    use #data::relation::same_module;
                    #check
                };
            }
        });
        quote!(#(#checks)*)
    }

    /// The path to the links. `linked` and `ordered` check that the columns exist and have the right type.
    fn path(&self, entity: &Ident, relation: &TokenStream) -> TokenStream {
        let (target, by) = (self.target, &self.by);
        // Errors point to the name that the author wrote.
        let linked = |to: &dyn ToTokens, of: &dyn ToTokens, by: &Ident| {
            let linked = quote_spanned!(by.span()=> linked::<#to, _, _>(<#of>::#by));
            quote!(#relation::#linked)
        };
        let place = match (&self.through, self.kind) {
            (Some((join, _)), _) => {
                let by = linked(entity, join, by);
                quote!(Some(#by))
            }
            (None, RelationKind::BelongsTo) => {
                let by = linked(target, entity, by);
                quote!({ #by; None })
            }
            (None, _) => {
                let by = linked(entity, target, by);
                quote!(Some(#by))
            }
        };
        let through = match &self.through {
            Some((join, to)) => {
                let to = linked(target, join, to);
                quote!(Some(#relation::Through { table: #relation::between::<#join, #target>, to: #to }))
            }
            None => quote!(None),
        };
        let order = match &self.order_by {
            Some(by) => {
                let column = quote_spanned!(by.span()=> ordered(<#target>::#by));
                let descending = self.descending;
                quote!(Some(#relation::Order { column: #relation::#column, descending: #descending }))
            }
            None => quote!(None),
        };
        let limit = match &self.limit {
            Some(limit) => quote!(Some(#limit)),
            None => quote!(None),
        };
        quote!(#relation::RelationPath { by: #place, through: #through, order: #order, limit: #limit })
    }
}
