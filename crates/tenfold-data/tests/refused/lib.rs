//! Code that must not compile, each line beside a counterpart that must. `tests/it/refused.rs` compiles this file.
//!
//! A line that ends with ``// ~` CODE TEXT` is refused, with that code and a message that holds that text. No other line
//! is: the counterpart, which differs in the one thing that the line is about, shows that nothing else stopped it.

#![allow(dead_code, missing_docs, unused_must_use)]

// The derive names the framework's front crate, which is not needed here.
extern crate self as tenfold;
pub use tenfold_data as data;

use tenfold_data::{Context, Count, Entity, EntityExt, Filter, Many, One, OrgId, SystemContext, SystemTx, Tx, id};

id!(NoteId);
id!(TagId);
id!(TaggingId);
id!(AccountId);

#[derive(Entity)]
#[entity(table = "notes_notes", tenant = org_id, unique(text))]
pub struct Note {
    #[entity(key)]
    pub id: NoteId,
    pub org_id: OrgId,
    pub text: String,
    pub size: i64,
    pub parent: Option<NoteId>,
    pub account_id: AccountId,
    #[entity(belongs_to(by = parent))]
    pub above: One<Note>,
    #[entity(has_many(by = note_id))]
    pub tags: Many<Tag>,
    #[entity(count(by = note_id))]
    pub tag_count: Count<Tag>,
    #[entity(belongs_to(by = account_id))]
    pub account: One<Account>,
}

#[derive(Entity)]
#[entity(table = "notes_tags", tenant = org_id, search(name))]
pub struct Tag {
    #[entity(key)]
    pub id: TagId,
    pub org_id: OrgId,
    pub note_id: NoteId,
    pub name: String,
    #[entity(version)]
    pub version: i64,
}

/// Belongs to no organization.
#[derive(Entity)]
#[entity(table = "notes_accounts", global = "people of several organizations")]
pub struct Account {
    #[entity(key)]
    pub id: AccountId,
    pub email: String,
    #[entity(has_many(by = account_id))]
    pub notes: Many<Note>,
}

/// Belongs to an organization.
#[derive(Entity)]
#[entity(table = "notes_taggings", tenant = org_id)]
pub struct Tagging {
    #[entity(key)]
    pub id: TaggingId,
    pub org_id: OrgId,
    pub note_id: NoteId,
    pub tag_id: TagId,
    pub word: String,
}

/// The same, but belongs to no organization.
#[derive(Entity)]
#[entity(table = "notes_loose_taggings", global = "the owner is left out, for the lines below")]
pub struct LooseTagging {
    #[entity(key)]
    pub id: TaggingId,
    pub note_id: NoteId,
    pub tag_id: TagId,
}

// An organization's rows are read through a context that names it.
fn reads(cx: &Context, system: &SystemContext, id: NoteId) {
    Note::get(cx, id);
    Note::get(system, id); //~ E0277 `SystemContext` cannot reach rows owned by `Tenant`
    Note::find(cx, id);
    Note::find(system, id); //~ E0277 cannot reach rows owned by
    Note::find_many(cx, vec![id]);
    Note::find_many(system, vec![id]); //~ E0277 cannot reach rows owned by
    Note::query().all(cx);
    Note::query().all(system); //~ E0277 cannot reach rows owned by
    Note::query().first(cx);
    Note::query().first(system); //~ E0277 cannot reach rows owned by
    Note::query().all(&system.within(OrgId(id.0)));
}

fn aggregates(cx: &Context, system: &SystemContext) {
    Note::query().count(cx);
    Note::query().count(system); //~ E0277 cannot reach rows owned by
    Note::query().exists(cx);
    Note::query().exists(system); //~ E0277 cannot reach rows owned by
    Note::query().sum(cx, Note::size);
    Note::query().sum(system, Note::size); //~ E0277 cannot reach rows owned by
    Note::query().avg(cx, Note::size);
    Note::query().avg(system, Note::size); //~ E0277 cannot reach rows owned by
    Note::query().min(cx, Note::size);
    Note::query().min(system, Note::size); //~ E0277 cannot reach rows owned by
    Note::query().max(cx, Note::size);
    Note::query().max(system, Note::size); //~ E0277 cannot reach rows owned by
}

fn reads_inside(tx: &Tx<'_>, system: &SystemTx<'_>, id: NoteId) {
    Note::get(tx, id);
    Note::get(system, id); //~ E0277 cannot reach rows owned by
    Note::query().all(tx);
    Note::query().all(system); //~ E0277 cannot reach rows owned by
    Note::query().all(&system.within(OrgId(id.0)));
}

// Related rows too are read only through such a context, wherever the entity came from.
fn relations(cx: &Context, system: &SystemContext, note: &Note, account: &Account) {
    note.above.get(cx);
    note.above.get(system); //~ E0277 cannot reach rows owned by
    note.above.find(cx);
    note.above.find(system); //~ E0277 cannot reach rows owned by
    note.tags.get(cx);
    note.tags.get(system); //~ E0277 cannot reach rows owned by
    note.tag_count.get(cx);
    note.tag_count.get(system); //~ E0277 cannot reach rows owned by
    account.notes.get(cx);
    account.notes.get(system); //~ E0277 cannot reach rows owned by
    note.account.get(system);
}

// Global rows are reached by both.
fn global(cx: &Context, system: &SystemContext, inside: &SystemTx<'_>, id: AccountId) {
    Account::get(cx, id);
    Account::get(system, id);
    Account::query().all(inside);
}

// An organization's rows are written inside a transaction that names it.
fn writes(tx: &Tx<'_>, system: &SystemTx<'_>, cx: &Context, note: fn() -> Note, id: NoteId) {
    note().insert(tx);
    note().insert(system); //~ E0277 `SystemTx<'_>` cannot write rows owned by
    note().insert(cx); //~ E0277 `tenfold_data::Context` cannot write rows owned by
    Note::insert_many(tx, vec![note()]);
    Note::insert_many(system, vec![note()]); //~ E0277 cannot write rows owned by
    Note::insert_many(cx, vec![note()]); //~ E0277 cannot write rows owned by
    note().upsert(Note::unique_text).run(tx);
    note().upsert(Note::unique_text).run(system); //~ E0277 cannot write rows owned by
    note().upsert(Note::unique_text).run(cx); //~ E0277 cannot write rows owned by
    Note::delete(tx, id);
    Note::delete(system, id); //~ E0277 cannot write rows owned by
    Note::delete(cx, id); //~ E0277 cannot write rows owned by
    note().insert(&system.within(OrgId(id.0)));
}

fn changes(tx: &Tx<'_>, system: &SystemTx<'_>, cx: &Context, id: NoteId, tag: TagId) {
    Note::update(id).set(Note::size, 1).run(tx);
    Note::update(id).set(Note::size, 1).run(system); //~ E0277 cannot write rows owned by
    Note::update(id).set(Note::size, 1).run(cx); //~ E0277 cannot write rows owned by
    Note::query().update().set(Note::size, 1).run(tx);
    Note::query().update().set(Note::size, 1).run(system); //~ E0277 cannot write rows owned by
    Note::query().update().set(Note::size, 1).run(cx); //~ E0277 cannot write rows owned by
    Note::query().delete(tx);
    Note::query().delete(system); //~ E0277 cannot write rows owned by
    Note::query().delete(cx); //~ E0277 cannot write rows owned by
    tenfold_data::Versioned::version(&tagged());
    <Tag as EntityExt>::delete_version(tx, tag, 1);
    <Tag as EntityExt>::delete_version(system, tag, 1); //~ E0277 cannot write rows owned by
}

fn tagged() -> Tag {
    loop {}
}

// Global rows are written inside a transaction too, and in no other way.
fn global_writes(inside: &SystemTx<'_>, system: &SystemContext, account: fn() -> Account) {
    account().insert(inside);
    account().insert(system); //~ E0277 `SystemContext` cannot write rows owned by
}

// A column has a type and an entity.
fn columns(id: NoteId) {
    Note::query().filter(Note::size.eq(1));
    Note::query().filter(Note::size.eq("1")); //~ E0308 mismatched types
    Note::query().filter(Note::id.eq(id));
    Note::query().filter(Note::id.eq(TagId(id.0))); //~ E0308 mismatched types
    Note::query().filter(Note::parent.eq(Some(id)));
    Note::query().filter(Note::parent.eq(id)); //~ E0308 mismatched types
    Note::query().filter(Note::size.any_of([1]));
    Note::query().filter(Note::size.any_of([true])); //~ E0271 type mismatch
    Note::query().filter(Note::text.starts_with("a"));
    Note::query().filter(Note::size.starts_with("a")); //~ E0599 no method named `starts_with`
    Note::query().filter(Note::parent.is_null());
    Note::query().filter(Note::size.is_null()); //~ E0599 no method named `is_null`
    Tag::query().filter(Tag::name.eq(String::new()));
    Note::query().filter(Tag::name.eq(String::new())); //~ E0308 mismatched types
    Note::query().filter(Note::size.eq(1).or(Note::size.eq(2)));
    Note::query().filter(Note::size.eq(1).or(Tag::version.eq(2))); //~ E0308 mismatched types
    Note::query().order_by(Note::text);
    Note::query().order_by(Tag::name); //~ E0308 mismatched types
    Note::query().order_by(Note::parent); //~ E0277 rows cannot be ordered by a column of type `Option<NoteId>`
}

// A relation belongs to its entity, and its conditions to the other one. Global rows do not look at those of
// organizations.
fn associations() {
    Note::query().filter(Note::tags.any(Tag::name.eq(String::new())));
    Note::query().filter(Note::tags.any(Note::text.eq(String::new()))); //~ E0308 mismatched types
    Tag::query().filter(Note::tags.any(Tag::name.eq(String::new()))); //~ E0308 mismatched types
    Note::query().filter(Note::account.any(Account::email.eq(String::new())));
    Account::query().filter(Account::notes.any(Note::size.eq(1))); //~ E0599 trait bounds were not satisfied
}

// Only an entity that says so is searched.
fn searches() {
    Tag::query().search("words");
    Note::query().search("words"); //~ E0599 trait bounds were not satisfied
    Note::query().filter(Note::tags.any(Filter::search("words")));
    Note::query().filter(Note::above.any(Filter::search("words"))); //~ E0277 does not say which of its texts are searched
}

fn columns_of_changes(cx: &Context, note: fn() -> Note, id: NoteId, tag: TagId) {
    Note::update(id).set(Note::size, 1);
    Note::update(id).set(Note::size, true); //~ E0308 mismatched types
    Note::update(id).set(Tag::version, 1); //~ E0308 mismatched types
    Note::update(id).add(Note::size, 1);
    Note::update(id).add(Note::text, 1); //~ E0277 `String: Summed` is not satisfied
    Note::query().sum(cx, Note::size);
    Note::query().sum(cx, Note::text); //~ E0277 `String: Summed` is not satisfied
    Note::query().sum(cx, Tag::version); //~ E0308 mismatched types
    note().upsert(Note::unique_key);
    note().upsert(Tag::unique_key); //~ E0308 mismatched types
    Tag::update(tag).set(Tag::version, 1);
    Note::update(tag).set(Note::size, 1); //~ E0308 mismatched types
    Note::get(cx, id);
    Note::get(cx, tag); //~ E0308 mismatched types
}

// An entity without a version cannot be stale.
fn versions(tx: &Tx<'_>, id: NoteId, tag: TagId) {
    Tag::update(tag).expect_version(1);
    Note::update(id).expect_version(1); //~ E0599 trait bounds were not satisfied
    <Tag as EntityExt>::delete_version(tx, tag, 1);
    <Note as EntityExt>::delete_version(tx, id, 1); //~ E0277 `Note: Versioned` is not satisfied
}

// A relation uses a column that holds the other's key.
mod by_a_key {
    use super::*;

    #[derive(Entity)]
    #[entity(table = "notes_right", tenant = org_id)]
    pub struct Right {
        #[entity(key)]
        pub id: NoteId,
        pub org_id: OrgId,
        pub tag: Option<TagId>,
        #[entity(has_many(by = note_id))]
        pub tags: Many<Tag>,
        #[entity(count(by = note_id))]
        pub count: Count<Tag>,
        #[entity(belongs_to(by = tag))]
        pub one: One<Tag>,
    }

    #[derive(Entity)]
    #[entity(table = "notes_wrong", tenant = org_id)]
    pub struct Wrong {
        #[entity(key)]
        pub id: NoteId,
        pub org_id: OrgId,
        pub tag: Option<NoteId>,
        #[entity(has_many(by = name))] //~ E0277 a column of type `String` cannot hold the key `NoteId`
        pub tags: Many<Tag>,
        #[entity(count(by = id))] //~ E0277 a column of type `TagId` cannot hold the key `NoteId`
        pub count: Count<Tag>,
        #[entity(belongs_to(by = tag))] //~ E0277 a column of type `Option<NoteId>` cannot hold the key `TagId`
        pub one: One<Tag>,
        #[entity(has_many(by = note_id, order_by = note))] //~ E0277 rows cannot be ordered by a column of type `Option<TagId>`
        pub ordered: Many<Rated>,
        #[entity(has_many(by = note_id, order_by = name))]
        pub twin: Many<Rated>,
    }

    #[derive(Entity)]
    #[entity(table = "notes_rated", tenant = org_id)]
    pub struct Rated {
        #[entity(key)]
        pub id: TagId,
        pub org_id: OrgId,
        pub note_id: NoteId,
        pub note: Option<TagId>,
        pub name: String,
    }
}

// An entity that joins two entities of an organization belongs to it, and holds both keys.
mod between {
    use super::*;

    #[derive(Entity)]
    #[entity(table = "notes_right", tenant = org_id)]
    pub struct Right {
        #[entity(key)]
        pub id: NoteId,
        pub org_id: OrgId,
        #[entity(has_many(through = Tagging, by = note_id, to = tag_id))]
        pub tags: Many<Tag>,
    }

    #[derive(Entity)]
    #[entity(table = "notes_wrong", tenant = org_id)]
    pub struct Wrong {
        #[entity(key)]
        pub id: NoteId,
        pub org_id: OrgId,
        #[entity(has_many(through = LooseTagging, by = note_id, to = tag_id))] //~ E0271 type mismatch resolving `<LooseTagging as Entity>::Owner == Tenant`
        pub through_anybodys: Many<Tag>,
        #[entity(has_many(through = Tagging, by = note_id, to = word))] //~ E0277 a column of type `String` cannot hold the key `TagId`
        pub to_a_text: Many<Tag>,
        #[entity(has_many(through = Tagging, by = word, to = tag_id))] //~ E0277 a column of type `String` cannot hold the key `NoteId`
        pub by_a_text: Many<Tag>,
        #[entity(has_many(through = Tagging, by = note_id, to = tag_id))]
        pub twin: Many<Tag>,
    }
}
