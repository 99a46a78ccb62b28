//! Every entity names its owner: the organization in one of its fields, or none, with a reason.
//!
//! See `lib.rs` for the marks. Each refused entity has a counterpart that is accepted.

#![allow(dead_code, missing_docs)]

extern crate self as tenfold;
pub use tenfold_data as data;

use tenfold_data::{Entity, EntityExt, OrgId, Uuid, id};

id!(NoteId);

type Organization = OrgId;

#[derive(Entity)]
#[entity(table = "notes_notes", tenant = org_id)]
struct OfATenant {
    #[entity(key)]
    id: NoteId,
    org_id: OrgId,
}

#[derive(Entity)]
#[entity(table = "notes_notes")]
struct OfAForgottenTenant { //~ derive `tenant = org_id` if each belongs to the organization in that field, or `global = "why"`
    #[entity(key)]
    id: NoteId,
    org_id: OrgId,
}

#[derive(Entity)]
#[entity(table = "notes_notes", tenant = owner)]
struct ByAnotherName {
    #[entity(key)]
    id: NoteId,
    owner: Organization,
}

#[derive(Entity)]
#[entity(table = "notes_notes")]
struct ByAForgottenName { //~ derive say whose rows `ByAForgottenName` has
    #[entity(key)]
    id: NoteId,
    owner: Organization,
}

#[derive(Entity)]
#[entity(table = "notes_notes")]
struct OfSome { //~ derive say whose rows
    #[entity(key)]
    id: NoteId,
    org_id: Option<OrgId>,
}

#[derive(Entity)]
#[entity(table = "notes_notes")]
struct OfAnotherType { //~ derive say whose rows
    #[entity(key)]
    id: NoteId,
    org_id: Uuid,
}

#[derive(Entity)]
#[entity(table = "notes_notes")]
struct OfNobody { //~ derive say whose rows
    #[entity(key)]
    id: NoteId,
}

#[derive(Entity)]
#[entity(table = "notes_notes", global = "notes that all share")]
struct OfNobodyForAReason {
    #[entity(key)]
    id: NoteId,
    org_id: Option<OrgId>,
}

#[derive(Entity)]
#[entity(table = "notes_notes", global = " ")] //~ derive say why the rows belong to no organization
struct OfNobodyForNoReason {
    #[entity(key)]
    id: NoteId,
}

#[derive(Entity)]
#[entity(table = "notes_notes", global)] //~ derive `global` takes the reason why
struct OfNobodyWithoutAReason {
    #[entity(key)]
    id: NoteId,
}

#[derive(Entity)]
#[entity(table = "notes_notes", tenant = org_id, global = "both")] //~ derive and not both
struct OfBoth {
    #[entity(key)]
    id: NoteId,
    org_id: OrgId,
}

#[derive(Entity)]
#[entity(table = "notes_notes", tenant = org_id, search(text))]
struct SearchedOfATenant {
    #[entity(key)]
    id: NoteId,
    org_id: OrgId,
    text: String,
}

#[derive(Entity)]
#[entity(table = "notes_notes", global = "for the line below", search(text))] //~ derive the rows of an organization are searched
struct SearchedOfNobody {
    #[entity(key)]
    id: NoteId,
    text: String,
}

#[derive(Entity)]
#[entity(table = "notes_notes", tenant = org_id, cached(lists))]
struct CachedWithLists {
    #[entity(key)]
    id: NoteId,
    org_id: OrgId,
}

#[derive(Entity)]
#[entity(table = "notes_notes", tenant = org_id, lists)] //~ derive lists are kept of an entity that is cached: say `cached(lists)`
struct ListsWithoutRows {
    #[entity(key)]
    id: NoteId,
    org_id: OrgId,
}

#[derive(Entity)]
#[entity(table = "notes_notes", tenant = org_id, cached(rows))] //~ derive `cached` stands alone, or as `cached(lists)`
struct CachedOtherwise {
    #[entity(key)]
    id: NoteId,
    org_id: OrgId,
}

#[derive(Entity)]
#[entity(table = "notes_notes", tenant = org_id)]
struct MoneyAndMore {
    #[entity(key, money)] //~ derive a field with `money` is nothing else
    id: NoteId,
    org_id: OrgId,
}
