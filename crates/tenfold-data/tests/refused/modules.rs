//! Relations between two modules, in a file of their own, because the compiler evaluates constants only when everything
//! else is right.

#![allow(dead_code, missing_docs)]

// The derive names the framework's front crate, which is not needed here.
extern crate self as tenfold;
pub use tenfold_data as data;

use tenfold_data::relation::{Link, Peering};
use tenfold_data::{Entity, Global, Many, One, OrgId, ReadError, Row, Table, Uuid, Value};

/// An entity as another package would declare it.
pub struct Invoice;

impl Entity for Invoice {
    type Key = Uuid;
    type Owner = Global;
    const MODULE: &'static str = "billing";
    fn table() -> &'static Table {
        loop {}
    }
    fn read(_: &Row<'_>, _: Option<OrgId>) -> Result<Self, ReadError> {
        loop {}
    }
    fn values(&self) -> Vec<Value> {
        loop {}
    }
    fn into_values(self) -> Vec<Value> {
        loop {}
    }
    fn link_at(&self, _: usize) -> Link {
        loop {}
    }
    fn key(&self) -> Uuid {
        loop {}
    }
    fn link<'r>(_: impl Iterator<Item = &'r mut Self>, _: Peering) {}
}

#[derive(Entity)]
#[entity(table = "notes_notes", tenant = org_id)]
pub struct Note {
    #[entity(key)]
    pub id: Uuid,
    pub org_id: OrgId,
    pub above_id: Uuid,
    pub invoice_id: Uuid,
    #[entity(belongs_to(by = above_id))]
    pub above: One<Note>,
    #[entity(has_many(by = above_id))]
    pub below: Many<Note>,
    #[entity(belongs_to(by = invoice_id))]
    pub invoice: One<Invoice>, //~ E0080 a relation leads to an entity of the same module
}
