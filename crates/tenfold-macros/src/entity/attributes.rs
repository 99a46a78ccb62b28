//! The attributes of `derive(Entity)`.

use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{
    DeriveInput, Error, Field, GenericArgument, Ident, LitInt, LitStr, PathArguments, Result, Token, Type,
    parenthesized, token,
};

/// The attributes of the struct.
pub(super) struct Container {
    pub table: LitStr,
    /// The column that names the organization; none for an entity that states why its rows belong to no organization.
    pub tenant: Option<Ident>,
    pub uniques: Vec<Vec<Ident>>,
    /// The columns whose words are searched.
    pub searched: Vec<Ident>,
    pub cached: Option<CachedReads>,
}

/// What is kept of a `cached` entity for later requests.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum CachedReads {
    /// Rows that are looked up by key.
    ByKey,
    /// Lists as well.
    WithLists,
}

impl Container {
    pub fn read(input: &DeriveInput) -> Result<Self> {
        let (mut table, mut tenant, mut global) = (None, None, None);
        let (mut uniques, mut searched, mut cached) = (Vec::new(), Vec::new(), None);
        for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("entity")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("table") {
                    table = Some(meta.value()?.parse::<LitStr>()?);
                } else if meta.path.is_ident("tenant") {
                    tenant = Some(meta.value()?.parse::<Ident>()?);
                } else if meta.path.is_ident("global") {
                    let reason = "`global` takes the reason why the rows belong to no organization, as text";
                    let parsed = meta.value().and_then(|value| value.parse::<LitStr>());
                    global = Some(parsed.map_err(|_| meta.error(reason))?);
                } else if meta.path.is_ident("unique") {
                    let columns;
                    parenthesized!(columns in meta.input);
                    let columns = Punctuated::<Ident, Token![,]>::parse_terminated(&columns)?;
                    uniques.push(columns.into_iter().collect());
                } else if meta.path.is_ident("search") {
                    let columns;
                    parenthesized!(columns in meta.input);
                    searched.extend(Punctuated::<Ident, Token![,]>::parse_terminated(&columns)?);
                } else if meta.path.is_ident("cached") {
                    cached = Some(CachedReads::read(&meta)?);
                } else if meta.path.is_ident("lists") {
                    return Err(meta.error("lists are kept of an entity that is cached: say `cached(lists)`"));
                } else {
                    let allowed = "an entity takes `table = \"…\"`, `tenant = field` or `global = \"why\"`, \
                                   `unique(field, …)`, `search(field, …)`, and `cached` or `cached(lists)`";
                    return Err(meta.error(allowed));
                }
                Ok(())
            })?;
        }
        let missing = || Error::new_spanned(&input.ident, "say #[entity(table = \"module_things\")]");
        let table = table.ok_or_else(missing)?;
        check_owner(input, tenant.as_ref(), global.as_ref())?;
        if cached.is_some() && table.value().starts_with("tenfold_") {
            let why = "a table of the framework is not cached: nobody is told of its changes";
            return Err(Error::new_spanned(&table, why));
        }
        if let (Some(first), None) = (searched.first(), &tenant) {
            return Err(Error::new_spanned(
                first,
                "the rows of an organization are searched, not global ones",
            ));
        }
        Ok(Container { table, tenant, uniques, searched, cached })
    }
}

impl CachedReads {
    /// `cached` or `cached(lists)`.
    fn read(meta: &ParseNestedMeta<'_>) -> Result<Self> {
        if !meta.input.peek(token::Paren) {
            return Ok(CachedReads::ByKey);
        }
        let what;
        parenthesized!(what in meta.input);
        let word = what.parse::<Ident>();
        match word {
            Ok(word) if word == "lists" && what.is_empty() => Ok(CachedReads::WithLists),
            _ => Err(meta.error("`cached` stands alone, or as `cached(lists)`, which keeps lists as well")),
        }
    }
}

/// An entity without an owner would show every organization all rows, so each names one, or states why it has none.
fn check_owner(input: &DeriveInput, tenant: Option<&Ident>, global: Option<&LitStr>) -> Result<()> {
    match (tenant, global) {
        (Some(_), None) => Ok(()),
        (None, Some(reason)) if !reason.value().trim().is_empty() => Ok(()),
        (None, Some(empty)) => Err(Error::new_spanned(
            empty,
            "say why the rows belong to no organization: everybody can reach them",
        )),
        (Some(_), Some(reason)) => Err(Error::new_spanned(
            reason,
            "an entity has `tenant = field` or `global = \"why\"`, and not both",
        )),
        (None, None) => Err(Error::new_spanned(
            &input.ident,
            format!(
                "say whose rows `{}` has: `tenant = org_id` if each belongs to the organization in that field, or \
                 `global = \"why\"` if they belong to none and everybody can reach them",
                input.ident
            ),
        )),
    }
}

/// The role of one field.
pub(super) struct FieldRole<'a> {
    pub is_key: bool,
    pub is_version: bool,
    pub has_peers: bool,
    /// Stored as two columns.
    pub is_money: bool,
    pub relation: Option<RelationField<'a>>,
}

pub(super) struct RelationField<'a> {
    pub field: &'a Field,
    /// The entity in `One<…>`, `Many<…>` or `Count<…>`.
    pub target: &'a Type,
    pub kind: RelationKind,
    pub by: Ident,
    /// The entity between, and its field with the related key.
    pub through: Option<(Type, Ident)>,
    pub order_by: Option<Ident>,
    pub descending: bool,
    pub limit: Option<LitInt>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum RelationKind {
    HasOne,
    HasMany,
    BelongsTo,
    Count,
}

pub(super) fn read_field(field: &Field) -> Result<FieldRole<'_>> {
    let mut role =
        FieldRole { is_key: false, is_version: false, has_peers: false, is_money: false, relation: None };
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("entity")) {
        attribute.parse_nested_meta(|meta| {
            let kinds = [
                ("has_one", "One", RelationKind::HasOne),
                ("has_many", "Many", RelationKind::HasMany),
                ("belongs_to", "One", RelationKind::BelongsTo),
                ("count", "Count", RelationKind::Count),
            ];
            if meta.path.is_ident("key") {
                role.is_key = true;
            } else if meta.path.is_ident("version") {
                role.is_version = true;
            } else if meta.path.is_ident("money") {
                role.is_money = true;
            } else if meta.path.is_ident("peers") {
                target_of(&field.ty, "Ref")?;
                role.has_peers = true;
            } else if let Some((_, holder, kind)) = kinds.iter().find(|(word, ..)| meta.path.is_ident(word)) {
                role.relation = Some(read_relation(field, target_of(&field.ty, holder)?, *kind, &meta)?);
            } else {
                let allowed = "a field takes `key`, `version`, `peers`, `money`, `has_one`, `has_many`, `belongs_to` \
                               or `count`";
                return Err(meta.error(allowed));
            }
            Ok(())
        })?;
    }
    if role.is_money && (role.is_key || role.is_version || role.has_peers || role.relation.is_some()) {
        return Err(Error::new_spanned(field, "a field with `money` is nothing else"));
    }
    Ok(role)
}

fn read_relation<'a>(
    field: &'a Field,
    target: &'a Type,
    kind: RelationKind,
    meta: &ParseNestedMeta<'_>,
) -> Result<RelationField<'a>> {
    let (mut by, mut through, mut to, mut order_by) = (None, None, None, None);
    let (mut descending, mut limit) = (false, None);
    let has_rows = matches!(kind, RelationKind::HasOne | RelationKind::HasMany);
    meta.parse_nested_meta(|inner| {
        if inner.path.is_ident("by") {
            by = Some(inner.value()?.parse::<Ident>()?);
        } else if inner.path.is_ident("order_by") && has_rows {
            order_by = Some(inner.value()?.parse::<Ident>()?);
        } else if inner.path.is_ident("descending") && has_rows {
            descending = true;
        } else if inner.path.is_ident("limit") && kind == RelationKind::HasMany {
            limit = Some(inner.value()?.parse::<LitInt>()?);
        } else if inner.path.is_ident("through") && kind == RelationKind::HasMany {
            through = Some(inner.value()?.parse::<Type>()?);
        } else if inner.path.is_ident("to") && kind == RelationKind::HasMany {
            to = Some(inner.value()?.parse::<Ident>()?);
        } else {
            return Err(inner.error(
                "a relation takes `by = column`; one that has rows also `order_by = column` and `descending`; \
                 `has_many` also `limit = n`, and `through = Entity` with `to = column`",
            ));
        }
        Ok(())
    })?;
    let by = by.ok_or_else(|| meta.error("a relation takes `by = column`"))?;
    let through = match (through, to) {
        (Some(between), Some(to)) => Some((between, to)),
        (None, None) => None,
        _ => return Err(meta.error("`through = Entity` and `to = column` come together")),
    };
    if descending && order_by.is_none() {
        return Err(meta.error("`descending` turns `order_by = column` round"));
    }
    if limit.as_ref().is_some_and(|limit| !limit.base10_parse::<u32>().is_ok_and(|limit| limit > 0)) {
        return Err(meta.error("`limit` is a number of rows, 1 at least"));
    }
    if kind == RelationKind::HasOne && order_by.is_some() {
        // `has_one` takes the first of many in this order.
        limit = Some(LitInt::new("1", meta.path.segments[0].ident.span()));
    }
    Ok(RelationField { field, target, kind, by, through, order_by, descending, limit })
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
