//! `derive(Entity)`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{
    Data, DeriveInput, Error, Field, Fields, GenericArgument, Ident, LitStr, PathArguments, Result, Type,
};

/// What the attributes say.
struct Shape<'a> {
    table: LitStr,
    tenant: Option<Ident>,
    key: &'a Field,
    columns: Vec<&'a Field>,
    relations: Vec<Relation<'a>>,
    /// Columns of type `Ref<…>`.
    references: Vec<&'a Field>,
}

struct Relation<'a> {
    field: &'a Field,
    /// The entity in `One<…>`, `Many<…>` or `Count<…>`.
    target: &'a Type,
    kind: RelationKind,
    by: Ident,
}

#[derive(Clone, Copy, PartialEq)]
enum RelationKind {
    Has,
    BelongsTo,
    Count,
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let shape = Shape::read(input)?;
    let data = crate::data_path();
    let implementation = shape.implementation(input, &data);
    let columns = shape.column_names(input, &data);
    Ok(quote!(#implementation #columns))
}

impl<'a> Shape<'a> {
    fn read(input: &'a DeriveInput) -> Result<Self> {
        let Data::Struct(body) = &input.data else {
            return Err(Error::new_spanned(&input.ident, "an entity is a struct"));
        };
        let Fields::Named(fields) = &body.fields else {
            return Err(Error::new_spanned(&input.ident, "an entity has named fields"));
        };
        let (table, tenant) = read_container(input)?;
        let mut key = None;
        let (mut columns, mut relations, mut references) = (Vec::new(), Vec::new(), Vec::new());
        for field in &fields.named {
            let role = read_field(field)?;
            if let Some(relation) = role.relation {
                relations.push(relation);
                continue;
            }
            if role.is_key && key.replace(field).is_some() {
                return Err(Error::new_spanned(field, "an entity has one key"));
            }
            if role.has_peers {
                references.push(field);
            }
            columns.push(field);
        }
        let key =
            key.ok_or_else(|| Error::new_spanned(&input.ident, "one field must be marked #[entity(key)]"))?;
        if let Some(tenant) = &tenant
            && columns.iter().all(|field| field.ident.as_ref() != Some(tenant))
        {
            return Err(Error::new_spanned(tenant, format!("there is no field `{tenant}`")));
        }
        Ok(Shape { table, tenant, key, columns, relations, references })
    }

    fn implementation(&self, input: &DeriveInput, data: &TokenStream) -> TokenStream {
        let name = &input.ident;
        let entity = name.to_string();
        let table = &self.table;
        let owner = if self.tenant.is_some() { quote!(Tenant) } else { quote!(Global) };
        let tenant = match self.tenant.as_ref().map(ToString::to_string) {
            Some(tenant) => quote!(::std::option::Option::Some(#tenant)),
            None => quote!(::std::option::Option::None),
        };
        let (key, key_type) = (&self.key.ident, &self.key.ty);
        let key_name = name_of(self.key);
        let idents: Vec<_> = self.columns.iter().map(|field| &field.ident).collect();
        let names: Vec<_> = self.columns.iter().map(|field| name_of(field)).collect();
        let types: Vec<_> = self.columns.iter().map(|field| &field.ty).collect();
        let indices = 0..self.columns.len();
        let related: Vec<_> = self.relations.iter().map(|relation| &relation.field.ident).collect();
        let links = self.relations.iter().map(|relation| relation.link(name, &self.table, key, data));
        let references = self.references.iter().map(|field| &field.ident);
        quote! {
            impl #data::Entity for #name {
                type Key = #key_type;
                type Owner = #data::#owner;

                fn table() -> &'static #data::Table {
                    static COLUMNS: &[#data::ColumnSpec] = &[
                        #(#data::ColumnSpec { name: #names, kind: <#types as #data::ColumnType>::KIND }),*
                    ];
                    static TABLE: #data::Table = #data::Table::new(
                        #entity, #table, env!("CARGO_PKG_NAME"), COLUMNS, #key_name, #tenant,
                    );
                    &TABLE
                }

                fn read(row: &#data::Row<'_>) -> ::std::result::Result<Self, #data::ReadError> {
                    ::std::result::Result::Ok(#name {
                        #(#idents: #data::ColumnType::read(row, #indices)?,)*
                        #(#related: ::std::default::Default::default(),)*
                    })
                }

                fn values(&self) -> ::std::vec::Vec<#data::Value> {
                    ::std::vec![#(#data::ColumnType::to_value(&self.#idents)),*]
                }

                fn key(&self) -> #key_type {
                    ::std::clone::Clone::clone(&self.#key)
                }

                fn link(rows: &mut [Self], tenant: ::std::option::Option<#data::OrgId>) {
                    let _ = (&rows, tenant);
                    #(#links)*
                    #(#data::relation::link_references(rows, |row: &mut #name| &mut row.#references);)*
                }
            }
        }
    }

    fn column_names(&self, input: &DeriveInput, data: &TokenStream) -> TokenStream {
        let (name, vis) = (&input.ident, &input.vis);
        let constants = self.columns.iter().map(|field| {
            let (ident, ty) = (&field.ident, &field.ty);
            let text = name_of(field);
            let doc = format!("The column `{text}`, for queries.");
            quote! {
                #[doc = #doc]
                #[allow(non_upper_case_globals, dead_code)]
                #vis const #ident: #data::Column<#name, #ty> = #data::Column::new(#text);
            }
        });
        quote!(impl #name { #(#constants)* })
    }
}

impl Relation<'_> {
    /// The statement in `link` that makes the rows peers for this relation.
    fn link(&self, entity: &Ident, table: &LitStr, key: &Option<Ident>, data: &TokenStream) -> TokenStream {
        let (field, target, by) = (&self.field.ident, self.target, &self.by);
        let name = name_of(self.field);
        let by_name = by.to_string();
        let link =
            |value: TokenStream| quote!(#data::relation::Link::new(#data::ColumnType::to_value(&#value)));
        let (row_type, foreign, of, own) = match self.kind {
            RelationKind::Has => {
                (quote!(#target), quote!(Some(#by_name)), link(quote!(row.#by)), quote!(row.#key))
            }
            RelationKind::BelongsTo => {
                (quote!(#target), quote!(None), link(quote!(#data::Entity::key(row))), quote!(row.#by))
            }
            RelationKind::Count => (
                quote!(#data::relation::Counted<#target>),
                quote!(Some(#by_name)),
                quote!(row.link.clone()),
                quote!(row.#key),
            ),
        };
        let own = link(own);
        let constant = format_ident!("RELATION");
        quote! {{
            static #constant: #data::relation::Relation<#row_type> =
                #data::relation::Relation::new(#table, #name, #foreign, |row: &#row_type| #of);
            #data::relation::link(
                rows, tenant, &#constant,
                |row: &#entity| #own,
                |row: &mut #entity| &mut row.#field,
            );
        }}
    }
}

fn name_of(field: &Field) -> String {
    field.ident.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn read_container(input: &DeriveInput) -> Result<(LitStr, Option<Ident>)> {
    let (mut table, mut tenant) = (None, None);
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("entity")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("table") {
                table = Some(meta.value()?.parse::<LitStr>()?);
            } else if meta.path.is_ident("tenant") {
                tenant = Some(meta.value()?.parse::<Ident>()?);
            } else {
                return Err(meta.error("an entity takes `table = \"…\"` and `tenant = field`"));
            }
            Ok(())
        })?;
    }
    let table =
        table.ok_or_else(|| Error::new_spanned(&input.ident, "say #[entity(table = \"module_things\")]"))?;
    Ok((table, tenant))
}

/// What one field is.
struct Role<'a> {
    is_key: bool,
    has_peers: bool,
    relation: Option<Relation<'a>>,
}

fn read_field(field: &Field) -> Result<Role<'_>> {
    let mut role = Role { is_key: false, has_peers: false, relation: None };
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("entity")) {
        attribute.parse_nested_meta(|meta| {
            let allowed =
                [("has_one", "One"), ("has_many", "Many"), ("belongs_to", "One"), ("count", "Count")];
            if meta.path.is_ident("key") {
                role.is_key = true;
                return Ok(());
            }
            if meta.path.is_ident("peers") {
                target_of(&field.ty, "Ref")?;
                role.has_peers = true;
                return Ok(());
            }
            let Some((word, holder)) = allowed.iter().find(|(word, _)| meta.path.is_ident(word)) else {
                return Err(meta
                    .error("a field takes `key`, `peers`, `has_one`, `has_many`, `belongs_to` or `count`"));
            };
            let mut by = None;
            meta.parse_nested_meta(|inner| {
                if !inner.path.is_ident("by") {
                    return Err(inner.error("a relation takes `by = column`"));
                }
                by = Some(inner.value()?.parse::<Ident>()?);
                Ok(())
            })?;
            let by = by.ok_or_else(|| meta.error("a relation takes `by = column`"))?;
            let kind = match *word {
                "belongs_to" => RelationKind::BelongsTo,
                "count" => RelationKind::Count,
                _ => RelationKind::Has,
            };
            role.relation = Some(Relation { field, target: target_of(&field.ty, holder)?, kind, by });
            Ok(())
        })?;
    }
    Ok(role)
}

/// `Profile` of `One<Profile>`.
fn target_of<'a>(ty: &'a Type, holder: &str) -> Result<&'a Type> {
    if let Type::Path(path) = ty
        && let Some(last) = path.path.segments.last()
        && last.ident == holder
        && let PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(GenericArgument::Type(target)) = arguments.args.first()
    {
        return Ok(target);
    }
    Err(Error::new_spanned(ty, format!("this relation is a field of type {holder}<Entity>")))
}
