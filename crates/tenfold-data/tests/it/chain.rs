//! A module may have many entities, each related to the next: fifty here, as `Link0` … `Link49`.

use tenfold_data::{
    Context, DataError, Entity, EntityExt, EntityRow as _, Many, MigrationFile, ModuleMigrations, OrgId, Uuid,
};

use crate::bench::Bench;

on_both_databases!(fifty_related_entities_compile_and_load);

macro_rules! table {
    ($name:literal) => {
        concat!(
            "CREATE TABLE ",
            $name,
            " (org_id uuid NOT NULL, id uuid NOT NULL, before uuid NOT NULL, PRIMARY KEY (org_id, id));"
        )
    };
}

/// Declares an entity for each name, which has many of the next one. The last has many of itself.
macro_rules! chain {
    ($name:ident $table:literal) => { chain!(@entity $name $name $table); };
    ($name:ident $table:literal, $next:ident $next_table:literal $(, $more:ident $more_table:literal)*) => {
        chain!(@entity $name $next $table);
        chain!($next $next_table $(, $more $more_table)*);
    };
    (@entity $name:ident $next:ident $table:literal) => {
        #[derive(Debug, Entity)]
        #[allow(dead_code, reason = "most of them are only declared")]
        #[entity(table = $table, tenant = org_id)]
        struct $name {
            #[entity(key)]
            id: Uuid,
            org_id: OrgId,
            before: Uuid,
            #[entity(has_many(by = before))]
            next: Many<$next>,
        }
    };
}

chain!(
    Link0 "chain_links_0", Link1 "chain_links_1", Link2 "chain_links_2", Link3 "chain_links_3", Link4 "chain_links_4",
    Link5 "chain_links_5", Link6 "chain_links_6", Link7 "chain_links_7", Link8 "chain_links_8", Link9 "chain_links_9",
    Link10 "chain_links_10", Link11 "chain_links_11", Link12 "chain_links_12", Link13 "chain_links_13", Link14 "chain_links_14",
    Link15 "chain_links_15", Link16 "chain_links_16", Link17 "chain_links_17", Link18 "chain_links_18", Link19 "chain_links_19",
    Link20 "chain_links_20", Link21 "chain_links_21", Link22 "chain_links_22", Link23 "chain_links_23", Link24 "chain_links_24",
    Link25 "chain_links_25", Link26 "chain_links_26", Link27 "chain_links_27", Link28 "chain_links_28", Link29 "chain_links_29",
    Link30 "chain_links_30", Link31 "chain_links_31", Link32 "chain_links_32", Link33 "chain_links_33", Link34 "chain_links_34",
    Link35 "chain_links_35", Link36 "chain_links_36", Link37 "chain_links_37", Link38 "chain_links_38", Link39 "chain_links_39",
    Link40 "chain_links_40", Link41 "chain_links_41", Link42 "chain_links_42", Link43 "chain_links_43", Link44 "chain_links_44",
    Link45 "chain_links_45", Link46 "chain_links_46", Link47 "chain_links_47", Link48 "chain_links_48", Link49 "chain_links_49"
);

/// The tables that are read.
const MIGRATIONS: ModuleMigrations = ModuleMigrations {
    module: "chain",
    files: &[MigrationFile {
        name: "0001_chain.sql",
        text: concat!(
            table!("chain_links_0"),
            table!("chain_links_1"),
            table!("chain_links_2"),
            table!("chain_links_3")
        ),
    }],
};

/// Like a handler: the future must be `Send`, with rows and related rows alive across each `await`.
async fn walk(cx: Context) -> Result<usize, DataError> {
    let mut found = 0;
    for first in &Link0::query().limit(1000).all(&cx).await? {
        for second in first.next.get(&cx).await? {
            for third in second.next.get(&cx).await? {
                found += third.next.get(&cx).await?.len();
            }
        }
    }
    Ok(found)
}

async fn plant(cx: &Context) -> Result<(), DataError> {
    cx.transaction(async |tx| {
        let (id, org_id, before) = (tx.new_id(), tx.tenant(), tx.new_id());
        let first = Link0Row { id, org_id, before }.insert(tx).await?;
        // One, two and five rows of a link are stored in different ways.
        for _ in 0..2 {
            Link1Row { id: tx.new_id(), org_id, before: first.id }.insert(tx).await?;
        }
        for parent in &Link1::query().all(tx).await? {
            let row = |_| Link2Row { id: tx.new_id(), org_id, before: parent.id };
            Link2::insert_many(tx, (0..5).map(row).collect()).await?;
        }
        let row = |parent: &Link2| Link3Row { id: tx.new_id(), org_id, before: parent.id };
        let rows = Link2::query().all(tx).await?.iter().map(row).collect();
        Link3::insert_many(tx, rows).await?;
        Ok(())
    })
    .await
}

async fn fifty_related_entities_compile_and_load(bench: Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.unwrap();
    bench
        .request(async |cx| {
            plant(&cx).await.unwrap();
            bench.statements();
            let found = cx.spawn(walk(cx.clone())).await.expect("the request goes on").unwrap();
            assert_eq!((found, bench.statements().len()), (10, 4));
        })
        .await;
}
