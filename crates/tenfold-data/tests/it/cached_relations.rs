//! Relations to entities that say `cached`.

use futures_util::future::join_all;
use tenfold_data::{
    Context, Count, Entity, EntityExt, Many, MigrationFile, ModuleMigrations, One, OrgId, id,
};

use crate::bench::Bench;
use crate::cached::CachingProcess;

on_both_databases!(
    a_warm_list_asks_the_database_for_the_list_only,
    a_relation_by_key_shares_its_rows_with_loads_by_key,
    each_change_of_a_child_is_seen,
    a_child_that_moves_is_seen_on_both_sides,
    a_transaction_reads_relations_for_itself,
);

id!(ShelfId);
id!(PlaceId);

#[derive(Debug, Entity)]
#[entity(table = "depot_shelves", tenant = org_id, cached)]
struct Rack {
    #[entity(key)]
    id: ShelfId,
    org_id: OrgId,
    name: String,
    #[entity(has_many(by = shelf_id))]
    places: Many<RackPlace>,
    #[entity(count(by = shelf_id))]
    place_count: Count<RackPlace>,
}

#[derive(Debug, Entity)]
#[entity(table = "depot_places", tenant = org_id, cached)]
struct RackPlace {
    #[entity(key)]
    id: PlaceId,
    org_id: OrgId,
    shelf_id: ShelfId,
    name: String,
    #[entity(belongs_to(by = shelf_id))]
    shelf: One<Rack>,
}

const DEPOT: ModuleMigrations =
    ModuleMigrations { module: "depot", files: &[MigrationFile { name: "0001_depot.sql", text: TABLES }] };

const TABLES: &str = "
CREATE TABLE depot_shelves (
    org_id uuid NOT NULL, id uuid NOT NULL, name text NOT NULL, PRIMARY KEY (org_id, id)
);
CREATE TABLE depot_places (
    org_id uuid NOT NULL, id uuid NOT NULL, shelf_id uuid NOT NULL, name text NOT NULL, PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, shelf_id) REFERENCES depot_shelves (org_id, id) ON DELETE CASCADE
);
CREATE INDEX depot_places_by_shelf ON depot_places (org_id, shelf_id, id);
";

struct Depot {
    process: CachingProcess,
    shelves: Vec<ShelfId>,
}

fn place(cx: &Context, shelf_id: ShelfId, name: &str) -> RackPlace {
    RackPlace {
        id: PlaceId(cx.new_id()),
        org_id: cx.tenant(),
        shelf_id,
        name: name.to_owned(),
        shelf: One::default(),
    }
}

impl Depot {
    /// Three shelves: `0` has no places, `1` has one, `2` has two.
    async fn filled(on: &Bench) -> Self {
        let process = CachingProcess::start(on).await;
        process.bench.database.migrate(&[DEPOT]).await.unwrap();
        let stored = process.bench.request(async |cx| {
            let shelf = |n: i32| Rack {
                id: ShelfId(cx.new_id()),
                org_id: cx.tenant(),
                name: n.to_string(),
                places: Many::default(),
                place_count: Count::default(),
            };
            let shelves: Vec<_> = (0..3).map(shelf).collect();
            let ids: Vec<_> = shelves.iter().map(|shelf| shelf.id).collect();
            let of = [(1, "a"), (2, "b"), (2, "c")];
            let places: Vec<_> = of.iter().map(|(shelf, name)| place(&cx, ids[*shelf], name)).collect();
            let work = cx.transaction(async |tx| {
                Rack::insert_many(tx, shelves).await?;
                RackPlace::insert_many(tx, places).await
            });
            work.await.unwrap();
            ids
        });
        let shelves = stored.await;
        Depot { process, shelves }
    }

    /// The list of shelves, with the names and the number of their places.
    async fn listed(&self) -> Vec<String> {
        let listed = self.process.bench.request(async |cx| {
            let shelves = Rack::query().order_by(Rack::name).all(&cx).await.unwrap();
            let shown = shelves.iter().map(async |shelf| {
                let places = shelf.places.get(&cx).await.unwrap();
                let names: Vec<_> = places.iter().map(|place| place.name.as_str()).collect();
                format!("{} {}: {}", shelf.name, shelf.place_count.get(&cx).await.unwrap(), names.concat())
            });
            join_all(shown).await
        });
        listed.await
    }

    async fn statements(&self) -> Vec<String> {
        let mut names: Vec<_> =
            self.process.bench.statements().iter().map(|record| record.name.to_string()).collect();
        names.sort();
        names
    }
}

async fn a_warm_list_asks_the_database_for_the_list_only(bench: Bench) {
    let depot = Depot::filled(&bench).await;
    depot.statements().await;
    assert_eq!(depot.listed().await, ["0 0: ", "1 1: a", "2 2: bc"]);
    assert_eq!(depot.statements().await.len(), 3, "the list, its places and their number");
    assert_eq!(depot.listed().await, ["0 0: ", "1 1: a", "2 2: bc"]);
    assert_eq!(depot.statements().await.len(), 1);
}

async fn a_relation_by_key_shares_its_rows_with_loads_by_key(bench: Bench) {
    let depot = Depot::filled(&bench).await;
    let shelf_of_all = async || {
        let shown = depot.process.bench.request(async |cx| {
            let places = RackPlace::query().order_by(RackPlace::name).all(&cx).await.unwrap();
            join_all(places.iter().map(async |place| place.shelf.get(&cx).await.unwrap().name.clone())).await
        });
        shown.await
    };
    assert_eq!(shelf_of_all().await, ["1", "2", "2"]);
    depot.statements().await;
    assert_eq!(shelf_of_all().await, ["1", "2", "2"]);
    let one =
        depot.process.bench.request(async |cx| Rack::get(&cx, depot.shelves[2]).await.unwrap().name.clone());
    assert_eq!(one.await, "2");
    assert_eq!(depot.statements().await.len(), 1, "the list");
    let renamed = Rack::update(depot.shelves[2]).set(Rack::name, "two".to_owned());
    depot.process.write(async |tx| renamed.run(tx).await).await;
    assert_eq!(shelf_of_all().await, ["1", "two", "two"]);
}

async fn each_change_of_a_child_is_seen(bench: Bench) {
    let depot = Depot::filled(&bench).await;
    depot.listed().await;
    let new = depot.process.bench.request(async |cx| place(&cx, depot.shelves[0], "d")).await;
    let id = new.id;
    depot.process.write(async |tx| new.insert(tx).await).await;
    assert_eq!(depot.listed().await[0], "0 1: d");
    depot
        .process
        .write(async |tx| RackPlace::update(id).set(RackPlace::name, "e".to_owned()).run(tx).await)
        .await;
    assert_eq!(depot.listed().await[0], "0 1: e");
    depot.process.write(async |tx| RackPlace::delete(tx, id).await).await;
    assert_eq!(depot.listed().await[0], "0 0: ");
    depot.process.write(async |tx| Rack::delete(tx, depot.shelves[2]).await).await;
    assert_eq!(depot.listed().await, ["0 0: ", "1 1: a"]);
    depot.process.write(async |tx| RackPlace::query().delete(tx).await).await;
    assert_eq!(depot.listed().await, ["0 0: ", "1 0: "]);
}

async fn a_child_that_moves_is_seen_on_both_sides(bench: Bench) {
    let depot = Depot::filled(&bench).await;
    depot.listed().await;
    let moving = RackPlace::query().filter(RackPlace::name.eq("a".to_owned()));
    let id = depot.process.bench.request(async |cx| moving.all(&cx).await.unwrap()[0].id).await;
    let moved = RackPlace::update(id).set(RackPlace::shelf_id, depot.shelves[0]);
    depot.process.write(async |tx| moved.run(tx).await).await;
    assert_eq!(depot.listed().await, ["0 1: a", "1 0: ", "2 2: bc"]);
}

async fn a_transaction_reads_relations_for_itself(bench: Bench) {
    let depot = Depot::filled(&bench).await;
    depot.listed().await;
    let seen = depot.process.write(async |tx| {
        RackPlace::query().filter(RackPlace::shelf_id.eq(depot.shelves[2])).delete(tx).await?;
        let shelf = Rack::get(tx, depot.shelves[2]).await?;
        Ok(shelf.places.get(tx).await?.len())
    });
    assert_eq!(seen.await, 0);
}
