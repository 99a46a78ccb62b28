//! `derive(Entity)`.

mod attributes;
mod column;
mod relation;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, LitStr, Result};

use self::attributes::{CachedReads, Container, RelationField};
use self::column::{DerivedColumn, Stored};
use crate::data_path::data_path;

/// The content of the attributes.
struct EntityAttributes<'a> {
    table: LitStr,
    tenant: Option<Ident>,
    uniques: Vec<Vec<Ident>>,
    searched: Vec<Ident>,
    cached: Option<CachedReads>,
    key: &'a Field,
    version: Option<&'a Field>,
    columns: Vec<Stored<'a>>,
    relations: Vec<RelationField<'a>>,
    /// Columns of type `Ref<…>`.
    references: Vec<&'a Field>,
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let shape = EntityAttributes::read(input)?;
    let data = data_path();
    let implementation = shape.implementation(input, &data);
    let columns = shape.column_names(input, &data);
    let versioned = shape.versioned(input, &data);
    let row = shape.row(input, &data);
    let searched = shape.searched(input, &data);
    Ok(quote!(#implementation #columns #versioned #searched #row))
}

impl<'a> EntityAttributes<'a> {
    fn read(input: &'a DeriveInput) -> Result<Self> {
        let Data::Struct(body) = &input.data else {
            return Err(Error::new_spanned(&input.ident, "an entity is a struct"));
        };
        let Fields::Named(fields) = &body.fields else {
            return Err(Error::new_spanned(&input.ident, "an entity has named fields"));
        };
        let Container { table, tenant, uniques, searched, cached } = Container::read(input)?;
        let (mut key, mut version) = (None, None);
        let (mut columns, mut relations, mut references) = (Vec::new(), Vec::new(), Vec::new());
        for field in &fields.named {
            let role = attributes::read_field(field)?;
            if let Some(relation) = role.relation {
                relations.push(relation);
                continue;
            }
            if role.is_key && key.replace(field).is_some() {
                return Err(Error::new_spanned(field, "an entity has one key"));
            }
            if role.is_version && version.replace(field).is_some() {
                return Err(Error::new_spanned(field, "an entity has one version"));
            }
            if role.has_peers {
                references.push(field);
            }
            columns.push(Stored { field, is_money: role.is_money });
        }
        let key =
            key.ok_or_else(|| Error::new_spanned(&input.ident, "one field must be marked #[entity(key)]"))?;
        for named in tenant.iter().chain(uniques.iter().flatten()).chain(&searched) {
            if columns.iter().all(|column| column.is_money || column.field.ident.as_ref() != Some(named)) {
                return Err(Error::new_spanned(named, format!("there is no field `{named}`")));
            }
        }
        // The index of a search keeps these two beside the words.
        let is_called = |ident: Option<&Ident>, name: &str| ident.is_some_and(|ident| ident == name);
        if let Some(first) = searched.first()
            && !(is_called(key.ident.as_ref(), "id") && is_called(tenant.as_ref(), "org_id"))
        {
            let why = "an entity that is searched has the key `id`, a uuid, and the tenant `org_id`";
            return Err(Error::new_spanned(first, why));
        }
        Ok(EntityAttributes {
            table,
            tenant,
            uniques,
            searched,
            cached,
            key,
            version,
            columns,
            relations,
            references,
        })
    }

    /// The call that makes the table one of the cache, with the columns of each unique key beside the owner's.
    fn cached(&self, reads: CachedReads) -> TokenStream {
        let uniques = self.uniques.iter().map(|columns| {
            let names = columns.iter().filter(|column| self.tenant.as_ref() != Some(*column));
            let names = names.map(ToString::to_string);
            quote!(&[#(#names),*])
        });
        let lists = (reads == CachedReads::WithLists).then(|| quote!(.with_lists()));
        quote!(.cached(&[#(#uniques),*])#lists)
    }

    fn implementation(&self, input: &DeriveInput, data: &TokenStream) -> TokenStream {
        let name = &input.ident;
        let entity = name.to_string();
        let table = &self.table;
        let owner = if self.tenant.is_some() { quote!(Tenant) } else { quote!(Global) };
        let tenant = optional(self.tenant.as_ref().map(ToString::to_string));
        let version = optional(self.version.map(name_of));
        let (key, key_type) = (&self.key.ident, &self.key.ty);
        let key_name = name_of(self.key);
        let columns: Vec<_> = self.columns.iter().flat_map(|column| column.columns(data)).collect();
        let names = columns.iter().map(|column| &column.name);
        let types = columns.iter().map(|column| &column.ty);
        let values = columns.iter().map(|column| &column.value);
        let owned = columns.iter().map(|column| &column.owned);
        let read = self.read_columns(data);
        let cached = self.cached.map(|reads| self.cached(reads));
        let links = self.links(&columns, data);
        let link = self.link(name, data);
        let related: Vec<_> = self.relations.iter().map(|relation| &relation.field.ident).collect();
        quote! {
            impl #data::Entity for #name {
                type Key = #key_type;
                type Owner = #data::#owner;
                const MODULE: &'static str = #data::module_of(env!("CARGO_PKG_NAME"));

                fn table() -> &'static #data::Table {
                    static COLUMNS: &[#data::ColumnSpec] = &[
                        #(#data::ColumnSpec { name: #names, kind: <#types as #data::ColumnType>::KIND }),*
                    ];
                    static TABLE: #data::Table = #data::Table::new(
                        #entity, #table, <#name as #data::Entity>::MODULE, COLUMNS, #key_name, #tenant, #version,
                    )#cached;
                    &TABLE
                }

                fn read(
                    row: &#data::Row<'_>,
                    owner: ::std::option::Option<#data::OrgId>,
                ) -> ::std::result::Result<Self, #data::ReadError> {
                    let _ = owner;
                    ::std::result::Result::Ok(#name {
                        #(#read,)*
                        #(#related: ::std::default::Default::default(),)*
                    })
                }

                fn values(&self) -> ::std::vec::Vec<#data::Value> {
                    ::std::vec![#(#values),*]
                }

                fn into_values(self) -> ::std::vec::Vec<#data::Value> {
                    ::std::vec![#(#owned),*]
                }

                fn link_at(&self, place: usize) -> #data::relation::Link {
                    match place {
                        #(#links)*
                        _ => #data::relation::Link::None,
                    }
                }

                fn key(&self) -> #key_type {
                    ::std::clone::Clone::clone(&self.#key)
                }

                #link
            }
        }
    }

    /// The arms of `link_at`: the columns that are read and may link rows, by their positions.
    fn links(&self, columns: &[DerivedColumn], data: &TokenStream) -> Vec<TokenStream> {
        let tenant = self.tenant.as_ref().map(ToString::to_string);
        let selected = columns.iter().filter(|column| tenant.as_ref() != Some(&column.name));
        let links = selected.enumerate().filter(|(_, column)| column.may_link);
        links
            .map(|(place, DerivedColumn { value, .. })| quote!(#place => #data::relation::Link::new(#value),))
            .collect()
    }

    /// Makes rows peers: for each relation, and for each reference to another module.
    fn link(&self, name: &Ident, data: &TokenStream) -> TokenStream {
        let links =
            self.relations.iter().map(|relation| relation.link(name, &self.table, &self.key.ident, data));
        let references = self.references.iter().map(|field| &field.ident);
        let body = if self.relations.is_empty() && self.references.is_empty() {
            quote!(let _ = (rows, peering);)
        } else {
            quote! {
                let mut rows: ::std::vec::Vec<&mut Self> = rows.collect();
                #(#links)*
                #(#data::relation::link_references(&mut rows, peering, |row: &mut #name| &mut row.#references);)*
            }
        };
        quote! {
            fn link<'r>(
                rows: impl ::std::iter::Iterator<Item = &'r mut Self>,
                peering: #data::relation::Peering,
            ) {
                #body
            }
        }
    }

    /// `name: …` for each column: the tenant is known, the others are read from the row.
    fn read_columns(&self, data: &TokenStream) -> Vec<TokenStream> {
        let mut index = 0_usize;
        let read = |column: &Stored<'_>| {
            let ident = &column.field.ident;
            if self.tenant.is_some() && *ident == self.tenant {
                return quote!(#ident: #data::OrgId::read_known(owner)?);
            }
            let first = index;
            index += if column.is_money { 2 } else { 1 };
            match column.is_money {
                true => quote!(#ident: #data::MoneyField::read(row, #first)?),
                false => quote!(#ident: #data::ColumnType::read(row, #first)?),
            }
        };
        self.columns.iter().map(read).collect()
    }

    fn column_names(&self, input: &DeriveInput, data: &TokenStream) -> TokenStream {
        let (name, vis) = (&input.ident, &input.vis);
        let constants = self.columns.iter().map(|column| column.constants(name, vis, data));
        let table = &self.table;
        let key = self.key.ident.iter().cloned().collect();
        let uniques = [(format_ident!("unique_key"), &key)].into_iter();
        let uniques = uniques.chain(self.uniques.iter().map(|columns| {
            let names: Vec<_> = columns.iter().map(ToString::to_string).collect();
            (format_ident!("unique_{}", names.join("_")), columns)
        }));
        let uniques = uniques.map(|(constant, columns)| {
            let tenant = self.tenant.iter().filter(|tenant| !columns.contains(tenant));
            let names: Vec<_> = tenant.chain(columns).map(ToString::to_string).collect();
            let doc = format!("No two rows have the same {}; for `upsert` and errors.", names.join(", "));
            quote! {
                #[doc = #doc]
                #[allow(non_upper_case_globals, dead_code)]
                #vis const #constant: #data::Unique<#name> = #data::Unique::new(&[#(#names),*]);
            }
        });
        let key = &self.key.ident;
        let associations =
            self.relations.iter().filter_map(|relation| relation.association(input, key, data));
        let homes = self.relations.iter().map(|relation| relation.same_module(name, data));
        quote! {
            impl #name {
                /// The name of the table, for `sql!(…).changes(…)`.
                #[allow(dead_code)]
                #vis const TABLE: &'static str = #table;
                #(#constants)* #(#uniques)* #(#associations)*
            }
            #(#homes)*
        }
    }

    /// The struct with the columns and without the relations.
    fn row(&self, input: &DeriveInput, data: &TokenStream) -> TokenStream {
        let (name, vis) = (&input.ident, &input.vis);
        let row = format_ident!("{name}Row");
        let doc = format!("The columns of [`{name}`] without its relations: what is stored.");
        let fields = self.columns.iter().map(|Stored { field, .. }| {
            let docs = field.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
            let (vis, ident, ty) = (&field.vis, &field.ident, &field.ty);
            quote!(#(#docs)* #vis #ident: #ty)
        });
        let columns: Vec<_> = self.columns.iter().map(|column| &column.field.ident).collect();
        let related = self.relations.iter().map(|relation| &relation.field.ident);
        quote! {
            #[doc = #doc]
            #[allow(dead_code)]
            #vis struct #row {
                #(#fields,)*
            }

            impl ::std::convert::From<#row> for #name {
                fn from(row: #row) -> Self {
                    #name {
                        #(#columns: row.#columns,)*
                        #(#related: ::std::default::Default::default(),)*
                    }
                }
            }

            impl #data::EntityRow for #row {
                type Entity = #name;
            }
        }
    }

    /// Which texts are searched. The columns are checked to hold text.
    fn searched(&self, input: &DeriveInput, data: &TokenStream) -> TokenStream {
        let (name, texts) = (&input.ident, &self.searched);
        if texts.is_empty() {
            return TokenStream::new();
        }
        let texts = texts.iter().map(|text| quote!(#data::search::text(#name::#text)));
        quote! {
            impl #data::Searched for #name {
                const TEXTS: &'static [&'static str] = &[#(#texts),*];
            }
        }
    }

    fn versioned(&self, input: &DeriveInput, data: &TokenStream) -> TokenStream {
        let (name, Some(version)) = (&input.ident, self.version.map(|field| &field.ident)) else {
            return TokenStream::new();
        };
        quote! {
            impl #data::Versioned for #name {
                fn version(&self) -> i64 {
                    self.#version
                }
            }
        }
    }
}

fn optional(name: Option<String>) -> TokenStream {
    match name {
        Some(name) => quote!(::std::option::Option::Some(#name)),
        None => quote!(::std::option::Option::None),
    }
}

fn name_of(field: &Field) -> String {
    field.ident.as_ref().map(ToString::to_string).unwrap_or_default()
}
