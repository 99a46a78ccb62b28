//! The feed within a process: a commit wakes those who watch what it changed, and nothing else does.

use futures_util::FutureExt as _;
use futures_util::future::{join, join_all};
use tenfold_data::{
    Context, DataError, Entity, EntityExt, EntityRow as _, MigrationFile, ModuleMigrations, OrgId, Topic, Tx,
    Watch, id, sql,
};

use crate::bench::Bench;
use crate::people::{self, Account};
use crate::work::{self, Label};

on_both_databases!(
    a_commit_wakes_the_watchers_of_its_tables_and_no_others,
    a_transaction_that_is_rolled_back_says_nothing,
    neighbours_in_a_group_speak_for_themselves,
    a_dropped_transaction_says_nothing,
    every_verb_says_its_table,
    a_delete_says_what_its_cascades_reach,
    an_authors_text_says_what_its_author_says,
    a_global_table_reaches_all_who_watch_it,
    a_statement_for_all_organizations_reaches_each,
    a_signal_is_said_with_the_commit,
    changes_before_the_look_count_and_count_once,
    a_watch_follows_its_new_topics,
    a_thousand_watchers_wake_once_for_a_burst,
);

id!(BoxId);
id!(DrawerId);
id!(ThingId);
id!(NoteId);

/// A box has drawers, a drawer has things, and a note may be about a thing.
#[derive(Entity)]
#[entity(table = "store_boxes", tenant = org_id, unique(name))]
struct Crate {
    #[entity(key)]
    id: BoxId,
    org_id: OrgId,
    name: String,
}

#[derive(Entity)]
#[entity(table = "store_drawers", tenant = org_id)]
struct Drawer {
    #[entity(key)]
    id: DrawerId,
    org_id: OrgId,
    box_id: BoxId,
}

#[derive(Entity)]
#[entity(table = "store_things", tenant = org_id)]
struct Thing {
    #[entity(key)]
    id: ThingId,
    org_id: OrgId,
    drawer_id: DrawerId,
}

pub const STORE: ModuleMigrations =
    ModuleMigrations { module: "store", files: &[MigrationFile { name: "0001_store.sql", text: TABLES }] };

const TABLES: &str = "
CREATE TABLE store_boxes (
    org_id uuid NOT NULL, id uuid NOT NULL, name text NOT NULL, PRIMARY KEY (org_id, id), UNIQUE (org_id, name)
);
CREATE TABLE store_drawers (
    org_id uuid NOT NULL, id uuid NOT NULL, box_id uuid NOT NULL, PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, box_id) REFERENCES store_boxes (org_id, id) ON DELETE CASCADE
);
CREATE TABLE store_things (
    org_id uuid NOT NULL, id uuid NOT NULL, drawer_id uuid NOT NULL, PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, drawer_id) REFERENCES store_drawers (org_id, id) ON DELETE CASCADE
);
CREATE TABLE store_shelves (id uuid PRIMARY KEY);
CREATE TABLE store_lists (id uuid PRIMARY KEY, shelf_id uuid REFERENCES store_shelves (id) ON DELETE SET NULL);
CREATE TABLE store_entries (id uuid PRIMARY KEY, list_id uuid NOT NULL REFERENCES store_lists (id) ON DELETE CASCADE);
";

#[derive(Entity)]
#[entity(table = "store_shelves", global = "shelves are everybody's")]
struct Shelf {
    #[entity(key)]
    id: NoteId,
}

fn crate_of(cx: &Context, name: &str) -> CrateRow {
    CrateRow { id: BoxId(cx.new_id()), org_id: cx.tenant(), name: name.to_owned() }
}

/// Whether a watch is ready. What a commit says is said before its caller is answered.
pub fn is_told(watch: &mut Watch) -> bool {
    watch.changed().now_or_never().is_some()
}

/// Which of these tables of the organization `work` changes, as the feed says.
async fn told<const N: usize>(
    bench: &Bench,
    tables: [&'static str; N],
    work: impl AsyncFnOnce(&mut Tx<'_>) -> Result<(), DataError>,
) -> Vec<&'static str> {
    let mut watches = tables.map(|table| bench.database.feed().watch([Topic::table(Some(bench.org), table)]));
    bench.request(async |cx| cx.transaction(work).await).await.unwrap();
    tables
        .into_iter()
        .zip(&mut watches)
        .filter_map(|(table, watch)| is_told(watch).then_some(table))
        .collect()
}

async fn a_commit_wakes_the_watchers_of_its_tables_and_no_others(bench: Bench) {
    let (feed, org) = (bench.database.feed(), bench.org);
    let other = OrgId(bench.database.clock().new_id());
    let mut own = feed.watch([Topic::of::<Label>(Some(org))]);
    let mut all = feed.watch([Topic::of::<Label>(None)]);
    let mut of_another = feed.watch([Topic::of::<Label>(Some(other))]);
    let mut another = feed.watch([Topic::table(Some(org), "work_tasks"), Topic::signal("work_labels")]);
    assert!([&mut own, &mut all, &mut of_another, &mut another].into_iter().all(|watch| !is_told(watch)));
    work::store_label(&bench, "one").await.unwrap();
    assert!(is_told(&mut own) && is_told(&mut all));
    assert!(!is_told(&mut of_another) && !is_told(&mut another));
    assert!(!is_told(&mut own), "the look was the last one");
}

async fn a_transaction_that_is_rolled_back_says_nothing(bench: Bench) {
    let mut watch = bench.database.feed().watch([Topic::of::<Label>(Some(bench.org)), Topic::signal("test")]);
    let given_up: Result<(), DataError> = bench
        .request(async |cx| {
            cx.transaction(async |tx| {
                work::label(&cx, "one").insert(tx).await?;
                tx.signal(Topic::signal("test"));
                Err(DataError::Settings("given up".to_owned()))
            })
            .await
        })
        .await;
    assert!(given_up.is_err() && !is_told(&mut watch));
    // The second label has the first one's key: the statement that travels with COMMIT fails.
    let refused = bench
        .request(async |cx| {
            let label = work::label(&cx, "one");
            let again = Label { id: label.id, ..work::label(&cx, "two") };
            cx.transaction(async |tx| {
                label.insert(tx).await?;
                again.insert_deferred(tx).await
            })
            .await
        })
        .await;
    assert!(refused.is_err() && !is_told(&mut watch));
}

/// On SQLite both are savepoints of one transaction.
async fn neighbours_in_a_group_speak_for_themselves(bench: Bench) {
    let feed = bench.database.feed();
    let mut kept = feed.watch([Topic::of::<Label>(Some(bench.org))]);
    let mut lost = feed.watch([Topic::table(Some(bench.org), "store_boxes"), Topic::signal("lost")]);
    bench.database.migrate(&[STORE]).await.unwrap();
    let losing = bench.request(async |cx| {
        cx.transaction(async |tx| {
            crate_of(&cx, "lost").insert(tx).await?;
            tx.signal(Topic::signal("lost"));
            Err::<(), _>(DataError::Settings("given up".to_owned()))
        })
        .await
    });
    let (lost_too, stored) = join(losing, work::store_label(&bench, "kept")).await;
    assert!(lost_too.is_err() && stored.is_ok());
    assert!(is_told(&mut kept) && !is_told(&mut lost));
}

async fn a_dropped_transaction_says_nothing(bench: Bench) {
    let mut watch = bench.database.feed().watch([Topic::of::<Label>(Some(bench.org))]);
    let dropped = bench.request(async |cx| {
        cx.transaction(async |tx| {
            work::label(&cx, "one").insert(tx).await?;
            std::future::pending::<Result<(), DataError>>().await
        })
        .await
    });
    // Polled until the statement is answered; the pool's connection is opened meanwhile.
    let limited =
        async { tokio::time::timeout(std::time::Duration::from_millis(200), dropped).await.is_err() };
    assert!(limited.await && !is_told(&mut watch));
    bench.waited();
}

async fn every_verb_says_its_table(bench: Bench) {
    bench.database.migrate(&[STORE]).await.unwrap();
    let tables = ["store_boxes", "store_drawers", "store_things"];
    let boxes = ["store_boxes"];
    let first = bench.request(async |cx| crate_of(&cx, "first")).await;
    let id = first.id;
    assert_eq!(told(&bench, tables, async |tx| first.insert(tx).await.map(drop)).await, boxes);
    let more = bench.request(async |cx| ["a", "b", "c"].map(|name| crate_of(&cx, name)).into()).await;
    let many = async |tx: &mut Tx<'_>| Crate::insert_many::<_, CrateRow>(tx, more).await.map(drop);
    assert_eq!(told(&bench, tables, many).await, boxes);
    let late: Crate = bench.request(async |cx| crate_of(&cx, "late")).await.into();
    assert_eq!(told(&bench, tables, async |tx| late.insert_deferred(tx).await).await, boxes);
    let rename = Crate::update(id).set(Crate::name, "renamed".to_owned());
    assert_eq!(told(&bench, tables, async |tx| rename.run(tx).await).await, boxes);
    let again = bench.request(async |cx| crate_of(&cx, "renamed")).await;
    let upsert = async |tx: &mut Tx<'_>| again.upsert(Crate::unique_name).run(tx).await.map(drop);
    assert_eq!(told(&bench, tables, upsert).await, boxes);
    let all =
        Crate::query().filter(Crate::name.eq("a".to_owned())).update().set(Crate::name, "aa".to_owned());
    assert_eq!(told(&bench, tables, async |tx| all.run(tx).await.map(drop)).await, boxes);
    let none =
        Crate::query().filter(Crate::name.eq("a".to_owned())).update().set(Crate::name, "x".to_owned());
    assert_eq!(told(&bench, tables, async |tx| none.run(tx).await.map(drop)).await, [""; 0]);
    let delete = Crate::query().filter(Crate::name.eq("b".to_owned()));
    assert_eq!(told(&bench, tables, async |tx| delete.delete(tx).await.map(drop)).await, tables);
    assert_eq!(told(&bench, tables, async |tx| Crate::delete(tx, id).await).await, tables);
    let read = async |tx: &mut Tx<'_>| Crate::query().all(tx).await.map(drop);
    assert_eq!(told(&bench, tables, read).await, [""; 0]);
}

async fn a_delete_says_what_its_cascades_reach(bench: Bench) {
    bench.database.migrate(&[STORE]).await.unwrap();
    let drawer = bench
        .request(async |cx| {
            let (outer, drawer) = (crate_of(&cx, "outer"), DrawerId(cx.new_id()));
            let row = DrawerRow { id: drawer, org_id: cx.tenant(), box_id: outer.id };
            let thing = ThingRow { id: ThingId(cx.new_id()), org_id: cx.tenant(), drawer_id: drawer };
            let stored = cx.transaction(async |tx| {
                outer.insert(tx).await?;
                row.insert(tx).await?;
                thing.insert(tx).await
            });
            stored.await.map(|_| drawer)
        })
        .await
        .unwrap();
    let tables = ["store_boxes", "store_drawers", "store_things"];
    let told = told(&bench, tables, async |tx| Drawer::delete(tx, drawer).await).await;
    assert_eq!(told, ["store_drawers", "store_things"]);
    // A key that is set to NULL changes its row, and deletes nothing that refers to it.
    let feed = bench.database.feed();
    let mut lists = feed.watch([Topic::table(None, "store_lists")]);
    let mut entries = feed.watch([Topic::table(None, "store_entries")]);
    bench
        .system(async |cx| {
            let shelf = Shelf { id: NoteId(cx.new_id()) };
            let stored = cx.transaction(async |tx| shelf.insert(tx).await).await?;
            cx.transaction(async |tx| Shelf::delete(tx, stored.id).await).await
        })
        .await
        .unwrap();
    assert!(is_told(&mut lists) && !is_told(&mut entries));
}

async fn an_authors_text_says_what_its_author_says(bench: Bench) {
    work::store_label(&bench, "one").await.unwrap();
    let rename = || sql!("test.rename", "UPDATE work_labels SET name = 'two' WHERE org_id = $1");
    let tables = ["work_labels", "work_tasks"];
    let told_of = async |query: tenfold_data::sql::SqlQuery| {
        told(&bench, tables, async |tx| query.execute(tx).await.map(drop)).await
    };
    assert_eq!(told_of(rename().changes(Label::TABLE)).await, ["work_labels"]);
    let more = rename().changes(Label::TABLE).changes("work_tasks");
    assert_eq!(told_of(more).await, tables);
    let nothing =
        sql!("test.nothing", "UPDATE work_labels SET name = 'x' WHERE org_id = $1 AND name = 'one'");
    assert_eq!(told_of(nothing.changes(Label::TABLE)).await, [""; 0], "no row was changed");
    let returning =
        sql!("test.returning", "UPDATE work_labels SET name = 'three' WHERE org_id = $1 RETURNING name");
    let query = returning.changes(Label::TABLE);
    let run = async |tx: &mut Tx<'_>| query.all::<(String,), _>(tx).await.map(drop);
    assert_eq!(told(&bench, tables, run).await, ["work_labels"]);
}

/// PostgreSQL counts the rows of the outer statement.
#[tokio::test]
async fn a_text_whose_own_count_is_zero_is_said() {
    let bench = Bench::postgres().await;
    work::store_label(&bench, "one").await.unwrap();
    let text = sql!(
        "test.moved",
        "WITH gone AS (DELETE FROM work_labels WHERE org_id = $1 RETURNING name)
         UPDATE work_labels SET name = 'two' WHERE org_id = $1 AND name = 'nothing'"
    );
    let run = async |tx: &mut Tx<'_>| {
        assert_eq!(text.changes(Label::TABLE).execute(tx).await?, 0);
        Ok(())
    };
    assert_eq!(told(&bench, ["work_labels"], run).await, ["work_labels"]);
}

async fn a_global_table_reaches_all_who_watch_it(bench: Bench) {
    let feed = bench.database.feed();
    let mut of_nobody = feed.watch([Topic::of::<Account>(None)]);
    let mut of_one = feed.watch([Topic::of::<Account>(Some(bench.org))]);
    let stored = bench.request(async |cx| {
        let account = people::account(&cx, "a");
        cx.transaction(async |tx| account.insert(tx).await).await
    });
    stored.await.unwrap();
    assert!(is_told(&mut of_nobody) && is_told(&mut of_one));
    let text = sql!("test.email", "UPDATE people_accounts SET email = 'b' WHERE id <> $1");
    let told = told(&bench, ["people_accounts"], async |tx| {
        text.changes(Account::TABLE).execute(tx).await.map(drop)
    });
    assert_eq!(told.await, ["people_accounts"]);
    assert!(is_told(&mut of_nobody), "the transaction's organization does not own the row");
}

async fn a_statement_for_all_organizations_reaches_each(bench: Bench) {
    work::store_label(&bench, "one").await.unwrap();
    let mut watch = bench.database.feed().watch([Topic::of::<Label>(Some(bench.org))]);
    let text = sql!("test.all", "UPDATE work_labels SET name = 'x' WHERE name <> $1");
    let query = text.bind(String::new()).changes(Label::TABLE);
    bench.system(async |cx| cx.transaction(async |tx| query.execute(tx).await).await).await.unwrap();
    assert!(is_told(&mut watch));
}

async fn a_signal_is_said_with_the_commit(bench: Bench) {
    let feed = bench.database.feed();
    let mut watch = feed.watch([Topic::signal("test/a")]);
    let mut other = feed.watch([Topic::signal("test/b")]);
    bench
        .system(async |cx| {
            cx.transaction(async |tx| {
                tx.signal(Topic::signal("test/a"));
                assert!(!is_told(&mut watch), "it is not committed");
                Ok::<_, DataError>(())
            })
            .await
        })
        .await
        .unwrap();
    assert!(is_told(&mut watch) && !is_told(&mut other));
}

async fn changes_before_the_look_count_and_count_once(bench: Bench) {
    let mut watch = bench.database.feed().watch([Topic::of::<Label>(Some(bench.org))]);
    for name in ["one", "two", "three"] {
        work::store_label(&bench, name).await.unwrap();
    }
    assert!(is_told(&mut watch) && !is_told(&mut watch));
    // A look that is given up does not take the change with it.
    drop(watch.changed());
    work::store_label(&bench, "four").await.unwrap();
    drop(watch.changed());
    assert!(is_told(&mut watch));
}

async fn a_watch_follows_its_new_topics(bench: Bench) {
    let mut watch = bench.database.feed().watch([Topic::signal("test")]);
    work::store_label(&bench, "one").await.unwrap();
    assert!(!is_told(&mut watch));
    watch.set([Topic::of::<Label>(Some(bench.org)), Topic::of::<Label>(None)]);
    work::store_label(&bench, "two").await.unwrap();
    assert!(is_told(&mut watch) && !is_told(&mut watch));
    watch.set([]);
    work::store_label(&bench, "three").await.unwrap();
    assert!(!is_told(&mut watch));
}

async fn a_thousand_watchers_wake_once_for_a_burst(bench: Bench) {
    let feed = bench.database.feed();
    let mut watches: Vec<_> = (0..1000).map(|_| feed.watch([Topic::of::<Label>(Some(bench.org))])).collect();
    let waiting = join_all(watches.iter_mut().map(Watch::changed));
    let writing = join_all((0..50).map(|n| work::store_label(&bench, format!("{n:02}"))));
    let (_, stored) = join(waiting, writing).await;
    assert!(stored.iter().all(Result::is_ok));
    let again = watches.iter_mut().map(|watch| usize::from(is_told(watch))).sum::<usize>();
    assert!(again <= 1000, "{again}: what came after the wake counts once more at most");
    assert_eq!(watches.iter_mut().filter_map(|watch| is_told(watch).then_some(())).count(), 0);
}
