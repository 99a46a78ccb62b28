//! Data access: entities, cohorts, the request scope, transactions, migrations and the two database drivers.
//!
//! Every access to a database goes through this crate, with a name, a module and the author's file and line.
//!
//! An organization's rows are reached through a context that names it, and written inside a transaction:
//!
//! ```
//! # use tenfold_data::{Context, DataError, Entity, EntityExt, OrgId, SystemContext, id};
//! # id!(NoteId);
//! # id!(TagId);
//! # #[derive(Entity)]
//! # #[entity(table = "notes_notes", tenant = org_id)]
//! # struct Note { #[entity(key)] id: NoteId, org_id: OrgId, text: String }
//! # #[derive(Entity)]
//! # #[entity(table = "notes_tags", tenant = org_id)]
//! # struct Tag { #[entity(key)] id: TagId, org_id: OrgId, name: String }
//! async fn keep(cx: &Context, note: Note) -> Result<NoteId, DataError> {
//!     let note = cx.transaction(async |tx| note.insert(tx).await).await?;
//!     let change = Note::update(note.id).set(Note::text, "changed".to_owned());
//!     cx.transaction(async |tx| change.run(tx).await).await?;
//!     Ok(Note::get(cx, note.id).await?.id)
//! }
//! ```
//!
//! Code that would break this does not compile. A context that names no organization reaches no organization's rows:
//!
//! ```compile_fail,E0277
//! # use tenfold_data::{Context, DataError, Entity, EntityExt, OrgId, SystemContext, id};
//! # id!(NoteId);
//! # id!(TagId);
//! # #[derive(Entity)]
//! # #[entity(table = "notes_notes", tenant = org_id)]
//! # struct Note { #[entity(key)] id: NoteId, org_id: OrgId, text: String }
//! # #[derive(Entity)]
//! # #[entity(table = "notes_tags", tenant = org_id)]
//! # struct Tag { #[entity(key)] id: TagId, org_id: OrgId, name: String }
//! async fn read(system: &SystemContext, id: NoteId) -> Result<OrgId, DataError> {
//!     Ok(Note::get(system, id).await?.org_id) // say system.within(organization)
//! }
//! ```
//!
//! Nothing is written without a transaction:
//!
//! ```compile_fail,E0277
//! # use tenfold_data::{Context, DataError, Entity, EntityExt, OrgId, SystemContext, id};
//! # id!(NoteId);
//! # id!(TagId);
//! # #[derive(Entity)]
//! # #[entity(table = "notes_notes", tenant = org_id)]
//! # struct Note { #[entity(key)] id: NoteId, org_id: OrgId, text: String }
//! # #[derive(Entity)]
//! # #[entity(table = "notes_tags", tenant = org_id)]
//! # struct Tag { #[entity(key)] id: TagId, org_id: OrgId, name: String }
//! async fn keep(cx: &Context, note: Note) -> Result<Note, DataError> {
//!     note.insert(cx).await // say cx.transaction(async |tx| …)
//! }
//! ```
//!
//! A column and a key belong to their entity:
//!
//! ```compile_fail,E0308
//! # use tenfold_data::{Context, DataError, Entity, EntityExt, OrgId, SystemContext, id};
//! # id!(NoteId);
//! # id!(TagId);
//! # #[derive(Entity)]
//! # #[entity(table = "notes_notes", tenant = org_id)]
//! # struct Note { #[entity(key)] id: NoteId, org_id: OrgId, text: String }
//! # #[derive(Entity)]
//! # #[entity(table = "notes_tags", tenant = org_id)]
//! # struct Tag { #[entity(key)] id: TagId, org_id: OrgId, name: String }
//! fn change(id: NoteId) -> tenfold_data::write::Update<Note> {
//!     Note::update(id).set(Tag::name, "another entity's column".to_owned())
//! }
//! ```
//!
//! ```compile_fail,E0308
//! # use tenfold_data::{Context, DataError, Entity, EntityExt, OrgId, SystemContext, id};
//! # id!(NoteId);
//! # id!(TagId);
//! # #[derive(Entity)]
//! # #[entity(table = "notes_notes", tenant = org_id)]
//! # struct Note { #[entity(key)] id: NoteId, org_id: OrgId, text: String }
//! # #[derive(Entity)]
//! # #[entity(table = "notes_tags", tenant = org_id)]
//! # struct Tag { #[entity(key)] id: TagId, org_id: OrgId, name: String }
//! async fn read(cx: &Context, tag: TagId) -> Result<OrgId, DataError> {
//!     Ok(Note::get(cx, tag).await?.org_id) // another entity's key
//! }
//! ```

//! A relation must use a column that can hold the other entity's key:
//!
//! ```compile_fail,E0277
//! # use tenfold_data::{Entity, EntityExt, Many, OrgId, id};
//! # id!(NoteId);
//! # id!(TagId);
//! # #[derive(Entity)]
//! # #[entity(table = "notes_tags", tenant = org_id)]
//! # struct Tag { #[entity(key)] id: TagId, org_id: OrgId, name: String }
//! #[derive(Entity)]
//! #[entity(table = "notes_notes", tenant = org_id)]
//! struct Note {
//!     #[entity(key)]
//!     id: NoteId,
//!     org_id: OrgId,
//!     #[entity(has_many(by = name))] // a text, not the id of a note
//!     tags: Many<Tag>,
//! }
//! ```
//!
//! A list cannot be ordered by a nullable column, because the databases sort NULL differently. An entity without a
//! version has no stale version to expect:
//!
//! ```compile_fail,E0277
//! # use tenfold_data::{Entity, EntityExt, OrgId, id};
//! # id!(NoteId);
//! # #[derive(Entity)]
//! # #[entity(table = "notes_notes", tenant = org_id)]
//! # struct Note { #[entity(key)] id: NoteId, org_id: OrgId, text: Option<String> }
//! fn list() -> tenfold_data::EntityQuery<Note> {
//!     Note::query().order_by(Note::text)
//! }
//! ```
//!
//! ```compile_fail,E0599
//! # use tenfold_data::{Entity, EntityExt, OrgId, id};
//! # id!(NoteId);
//! # #[derive(Entity)]
//! # #[entity(table = "notes_notes", tenant = org_id)]
//! # struct Note { #[entity(key)] id: NoteId, org_id: OrgId, text: String }
//! fn change(id: NoteId) -> tenfold_data::write::Update<Note> {
//!     Note::update(id).expect_version(3)
//! }
//! ```

// The derives and macros write `::tenfold_data::…`, also when this crate itself uses them.
extern crate self as tenfold_data;

mod cache;
mod cascades;
pub mod clock;
mod constraint;
pub mod context;
pub mod database;
mod described_tables;
mod driver;
pub mod entity;
pub mod error;
mod feed;
mod ids;
mod known_tables;
mod looks;
pub mod migrate;
pub mod money;
mod owned_tables;
pub mod ownership;
pub mod page;
mod pressure;
pub mod query;
pub mod relation;
mod row;
mod rows_left;
pub mod scope;
pub mod search;
mod searched_tables;
pub mod sql;
pub mod statement;
pub mod testing;
pub mod trace;
pub mod transaction;
mod under_way;
mod value;
pub mod verbs;
mod waited;
mod words;
pub mod write;

#[doc(hidden)]
pub use serde;
#[doc(hidden)]
pub use utoipa;
#[doc(hidden)]
pub use uuid::Error as UuidError;

pub use jiff;
pub use jiff::civil::Date;
pub use tenfold_macros::{Entity, TextEnum, migrations};
pub use uuid::Uuid;

pub use crate::cache::{CacheFigures, CacheSettings};
pub use crate::clock::{Clock, Timestamp};
pub use crate::constraint::{Constraint, ConstraintKind};
pub use crate::context::{Context, Principal, Reach, SystemContext};
pub use crate::database::{Database, DatabaseSettings, FeedSettings};
pub use crate::described_tables::{
    ColumnDescription, IndexDescription, ReferenceDescription, TableDescription,
};
pub use crate::driver::{
    DatabaseLook, PlanRequest, Pooler, PostgresSettings, SchemaItem, SchemaKind, SqliteSettings,
    TableActivity,
};
pub use crate::entity::{Column, ColumnSpec, Entity, Table, Unique, Versioned};
pub use crate::error::DataError;
pub use crate::feed::{Feed, Topic, TopicKind, Watch, feed_migrations};
#[doc(hidden)]
pub use crate::ids::{read_uuid, uuid_schema};
pub use crate::migrate::{Holds, MigrationFile, ModuleMigrations, RowLevelSecurity};
pub use crate::money::{Currency, Money, MoneyError, MoneyField, Percent, Rounding};
pub use crate::ownership::{Global, OrgId, Ownership, Tenant};
pub use crate::page::{Listing, Page};
pub use crate::pressure::PressureGauge;
pub use crate::query::{Association, EntityQuery, Filter, MoneyColumns, Rows};
pub use crate::relation::{Count, Many, One, PeerKey, Ref};
pub use crate::row::{ReadError, Row};
pub use crate::scope::{Cost, Scope};
pub use crate::search::Searched;
pub use crate::sql::{FromRow, Sql};
#[doc(hidden)]
pub use crate::statement::module_of;
pub use crate::statement::{
    Boundary, CallRecord, CallSite, Dialect, Observer, Outcome, RepeatKind, RepeatedRecord, StatementRecord,
    TransactionRecord, WaitRecord,
};
pub use crate::trace::{SpanId, TraceContext, TraceId};
pub use crate::transaction::{SystemTx, Tx, Write};
pub use crate::under_way::{CallUnderWay, CallsUnderWay, DatabaseCall};
pub use crate::value::{ColumnType, KeyType, Kind, Measured, Sortable, Summed, Value};
pub use crate::verbs::{EntityExt, EntityRow, EraseRows};
pub use crate::waited::{DatabaseWaits, LockHolder};
