//! The rows that are read and written: shelves, and items that a delete of their shelf takes away.

use harness::random::Random;
use tenfold::data::{Entity, Many, MigrationFile, ModuleMigrations, OrgId, Uuid, id};

id!(ShelfId);
id!(ItemId);

#[derive(Debug, Entity)]
#[entity(table = "bench_shelves", tenant = org_id, cached)]
pub struct BenchShelf {
    #[entity(key)]
    pub id: ShelfId,
    pub org_id: OrgId,
    #[entity(has_many(by = shelf_id))]
    pub items: Many<BenchItem>,
}

#[derive(Debug, Entity)]
#[entity(table = "bench_items", tenant = org_id, unique(label), cached(lists))]
pub struct BenchItem {
    #[entity(key)]
    pub id: ItemId,
    pub org_id: OrgId,
    pub shelf_id: ShelfId,
    pub label: String,
    pub version: i64,
    /// Of the transaction that has written it.
    pub token: i64,
}

/// `bench_counts` has the last version of each item, also while the item is not there. Who changes an item locks its count first. The last
/// two have a state to go back to (`restore.rs`).
pub const SHELVES: ModuleMigrations =
    ModuleMigrations { module: "bench", files: &[MigrationFile { name: "0001_shelves.sql", text: TABLES }] };

const TABLES: &str = "
CREATE TABLE bench_shelves (org_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (org_id, id));
CREATE TABLE bench_items (
    org_id uuid NOT NULL, id uuid NOT NULL, shelf_id uuid NOT NULL, label text NOT NULL, version bigint NOT NULL, token bigint NOT NULL,
    PRIMARY KEY (org_id, id), UNIQUE (org_id, label),
    FOREIGN KEY (org_id, shelf_id) REFERENCES bench_shelves (org_id, id) ON DELETE CASCADE
);
CREATE INDEX bench_items_of_shelf ON bench_items (org_id, shelf_id);
CREATE TABLE bench_counts (
    org_id uuid NOT NULL, id bigint NOT NULL, shelf bigint NOT NULL, n bigint NOT NULL, PRIMARY KEY (org_id, id)
);
CREATE TABLE bench_saved_shelves (org_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (org_id, id));
CREATE TABLE bench_saved_items (
    org_id uuid NOT NULL, id uuid NOT NULL, shelf_id uuid NOT NULL, label text NOT NULL, version bigint NOT NULL, token bigint NOT NULL,
    PRIMARY KEY (org_id, id)
);
";

pub const SHELF_COUNT: u64 = 8;
pub const ITEMS_OF_SHELF: u64 = 12;
pub const ITEM_COUNT: u64 = SHELF_COUNT * ITEMS_OF_SHELF;
const HOT_ITEMS: u64 = 6;

/// The organization that has them all.
pub fn organization() -> OrgId {
    OrgId(Uuid::from_u128(1))
}

/// One of all items, or of the few that are read and written most.
pub fn some_item(random: &mut Random) -> u64 {
    let among = if random.below(2) == 0 { HOT_ITEMS } else { ITEM_COUNT };
    random.below(among)
}

/// The id of an item, by its number.
pub fn item(number: u64) -> ItemId {
    ItemId(Uuid::from_u128(0x1000 + u128::from(number)))
}

/// The number of an item.
pub fn number_of(item: ItemId) -> u64 {
    u64::try_from(item.0.as_u128() - 0x1000).unwrap_or(u64::MAX)
}

/// The shelf of an item.
pub fn shelf_of(number: u64) -> u64 {
    number / ITEMS_OF_SHELF
}

/// The items of a shelf.
pub fn items_of(shelf: u64) -> std::ops::Range<u64> {
    shelf * ITEMS_OF_SHELF..(shelf + 1) * ITEMS_OF_SHELF
}

/// The id of a shelf.
pub fn shelf(number: u64) -> ShelfId {
    ShelfId(Uuid::from_u128(0x100 + u128::from(number)))
}

/// The unique label of an item.
pub fn label(number: u64) -> String {
    format!("item {number}")
}
