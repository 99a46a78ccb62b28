//! Data access: entities, cohorts, the request scope, transactions, migrations and the two database drivers.
//!
//! Everything that reaches a database passes through here, with a name, a module and the author's file and line.

// The derives and macros write `::tenfold_data::…`, also when this crate itself uses them.
extern crate self as tenfold_data;

pub mod clock;
pub mod context;
pub mod database;
mod driver;
pub mod entity;
pub mod error;
pub mod migrate;
pub mod page;
pub mod query;
pub mod relation;
mod row;
pub mod scope;
pub mod sql;
pub mod statement;
pub mod testing;
pub mod trace;
pub mod transaction;
mod value;
pub mod write;

#[doc(hidden)]
pub use serde;
#[doc(hidden)]
pub use utoipa;
#[doc(hidden)]
pub use uuid::Error as UuidError;

pub use jiff;
pub use tenfold_macros::{Entity, TextEnum, migrations};
pub use uuid::Uuid;

pub use crate::clock::{Clock, Timestamp};
pub use crate::context::{Context, Principal, Reach, SystemContext};
pub use crate::database::{Database, DatabaseSettings, PostgresSettings, SqliteSettings};
pub use crate::entity::{Column, ColumnSpec, Entity, Global, OrgId, Table, Tenant};
pub use crate::error::DataError;
pub use crate::migrate::{MigrationFile, ModuleMigrations};
pub use crate::page::{Listing, Page};
pub use crate::query::{Query, Rows};
pub use crate::relation::{Count, Many, One, PeerKey, Ref};
pub use crate::row::{ReadError, Row};
pub use crate::scope::{Cost, Scope};
pub use crate::sql::{FromRow, Sql};
pub use crate::statement::{CallRecord, CallSite, Dialect, Observer, Outcome, StatementRecord};
pub use crate::trace::TraceContext;
pub use crate::transaction::{SystemTx, Tx, Write};
#[doc(hidden)]
pub use crate::value::uuid_schema;
pub use crate::value::{ColumnType, KeyType, Kind, Value};
