//! Lists of entities that say `cached(lists)` whose filters look at other tables, or search.

use tenfold_data::{
    Entity, EntityExt, EntityQuery, Filter, Many, MigrationFile, ModuleMigrations, One, OrgId, Uuid,
};

use crate::bench::Bench;
use crate::cached::{Author, Book, CachingProcess};
use crate::cached_lists::{ListedBook, by_title};

on_both_databases!(
    a_filter_over_a_relation_sees_each_change_of_it,
    a_filter_over_a_join_table_sees_both_tables_change,
    a_filter_over_its_own_table_sees_it_change,
    a_search_sees_each_change_of_the_texts,
    another_process_sees_what_a_filter_looks_at,
    a_list_of_more_tables_than_are_watched_is_not_kept,
);

#[derive(Clone, Debug, Entity)]
#[entity(table = "desk_notes", tenant = org_id, search(body), cached(lists))]
struct DeskNote {
    #[entity(key)]
    id: Uuid,
    org_id: OrgId,
    above_id: Option<Uuid>,
    folder_id: Uuid,
    body: String,
    #[entity(belongs_to(by = above_id))]
    above: One<DeskNote>,
    #[entity(belongs_to(by = folder_id))]
    folder: One<DeskFolder>,
    #[entity(has_many(through = DeskLabeling, by = note_id, to = label_id))]
    labels: Many<DeskLabel>,
}

#[derive(Clone, Debug, Entity)]
#[entity(table = "desk_folders", tenant = org_id)]
struct DeskFolder {
    #[entity(key)]
    id: Uuid,
    org_id: OrgId,
    name: String,
}

#[derive(Clone, Debug, Entity)]
#[entity(table = "desk_labels", tenant = org_id)]
struct DeskLabel {
    #[entity(key)]
    id: Uuid,
    org_id: OrgId,
    name: String,
}

#[derive(Clone, Debug, Entity)]
#[entity(table = "desk_labelings", tenant = org_id)]
struct DeskLabeling {
    #[entity(key)]
    id: Uuid,
    org_id: OrgId,
    note_id: Uuid,
    label_id: Uuid,
}

const DESK: ModuleMigrations = ModuleMigrations {
    module: "desk",
    files: &[
        MigrationFile { name: "0001_desk.sql", text: TABLES },
        MigrationFile { name: "0002_search.sql", text: "-- tenfold: search desk_notes (body)\n" },
    ],
};

const TABLES: &str = "
CREATE TABLE desk_folders (org_id uuid NOT NULL, id uuid NOT NULL, name text NOT NULL, PRIMARY KEY (org_id, id));
CREATE TABLE desk_labels (org_id uuid NOT NULL, id uuid NOT NULL, name text NOT NULL, PRIMARY KEY (org_id, id));
CREATE TABLE desk_notes (
    org_id uuid NOT NULL, id uuid NOT NULL, above_id uuid, folder_id uuid NOT NULL, body text NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE TABLE desk_labelings (
    org_id uuid NOT NULL, id uuid NOT NULL, note_id uuid NOT NULL, label_id uuid NOT NULL, PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, label_id) REFERENCES desk_labels (org_id, id) ON DELETE CASCADE
);
CREATE INDEX desk_labelings_of_note ON desk_labelings (org_id, note_id, label_id);
CREATE INDEX desk_labelings_of_label ON desk_labelings (org_id, label_id);
";

async fn with_desk(bench: &Bench) -> CachingProcess {
    let process = CachingProcess::start(bench).await;
    process.bench.database.migrate(&[DESK]).await.unwrap();
    process
}

impl CachingProcess {
    /// Two notes in a folder, `a fox` above `a dog`.
    async fn two_notes(&self) -> (DeskFolder, DeskNote, DeskNote) {
        let (org_id, id) = (self.bench.org, || self.clock.new_id());
        let folder = DeskFolder { id: id(), org_id, name: "open".to_owned() };
        let note = |above_id, body: &str| DeskNote {
            id: id(),
            org_id,
            above_id,
            folder_id: folder.id,
            body: body.to_owned(),
            above: One::default(),
            folder: One::default(),
            labels: Many::default(),
        };
        let first = note(None, "a fox");
        let second = note(Some(first.id), "a dog");
        let (stored, notes) = (folder.clone(), vec![first.clone(), second.clone()]);
        self.write(async |tx| {
            stored.insert(tx).await?;
            DeskNote::insert_many(tx, notes).await
        })
        .await;
        (folder, first, second)
    }

    async fn notes(&self, filter: Filter<DeskNote>) -> Vec<String> {
        let listed = DeskNote::query().order_by(DeskNote::body).filter(filter);
        let listed = self.bench.request(async |cx| {
            listed.all(&cx).await.unwrap().iter().map(|note| note.body.clone()).collect()
        });
        listed.await
    }

    /// Asserts what is listed, and that it is in memory after that.
    #[track_caller]
    fn expect(&self, filter: impl Fn() -> Filter<DeskNote>, bodies: &[&str]) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move {
            assert_eq!(self.notes(filter()).await, bodies, "{at}");
            self.forget_statements();
            assert_eq!(self.notes(filter()).await, bodies, "{at}");
            assert_eq!(self.list_statements(), 0, "{at}");
        }
    }
}

fn of(name: &str) -> EntityQuery<ListedBook> {
    by_title().filter(ListedBook::author.any(Author::name.eq(name.to_owned())))
}

async fn a_filter_over_a_relation_sees_each_change_of_it(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(2).await;
    assert_eq!((process.titles(of("Ada")).await.len(), process.titles(of("Grace")).await.len()), (2, 0));
    process.forget_statements();
    assert_eq!((process.titles(of("Ada")).await.len(), process.titles(of("Grace")).await.len()), (2, 0));
    assert_eq!(process.list_statements(), 0);
    let renamed = Author::update(books[0].author_id).set(Author::name, "Grace".to_owned());
    process.write(async |tx| renamed.run(tx).await).await;
    assert_eq!((process.titles(of("Ada")).await.len(), process.titles(of("Grace")).await.len()), (0, 2));
    process.write(async |tx| Book::delete(tx, books[0].id).await).await;
    assert_eq!(process.titles(of("Grace")).await.len(), 1);
    process.write(async |tx| Author::delete(tx, books[0].author_id).await).await;
    assert!(process.titles(of("Grace")).await.is_empty());
}

async fn a_filter_over_a_join_table_sees_both_tables_change(bench: Bench) {
    let process = with_desk(&bench).await;
    let (_, fox, _) = process.two_notes().await;
    let (org_id, bug) = (process.bench.org, || DeskNote::labels.any(DeskLabel::name.eq("bug".to_owned())));
    process.expect(bug, &[]).await;
    let label = DeskLabel { id: process.clock.new_id(), org_id, name: "bug".to_owned() };
    let labeling = DeskLabeling { id: process.clock.new_id(), org_id, note_id: fox.id, label_id: label.id };
    let (labeling_id, stored) = (labeling.id, (label.clone(), labeling.clone()));
    process
        .write(async |tx| {
            stored.0.insert(tx).await?;
            stored.1.insert(tx).await
        })
        .await;
    process.expect(bug, &["a fox"]).await;
    let renamed = DeskLabel::update(label.id).set(DeskLabel::name, "idea".to_owned());
    process.write(async |tx| renamed.run(tx).await).await;
    process.expect(bug, &[]).await;
    let renamed = DeskLabel::update(label.id).set(DeskLabel::name, "bug".to_owned());
    process.write(async |tx| renamed.run(tx).await).await;
    process.expect(bug, &["a fox"]).await;
    process.write(async |tx| DeskLabeling::delete(tx, labeling_id).await).await;
    process.expect(bug, &[]).await;
    process.write(async |tx| labeling.insert(tx).await).await;
    process.expect(bug, &["a fox"]).await;
    process.write(async |tx| DeskLabel::delete(tx, label.id).await).await;
    process.expect(bug, &[]).await;
}

async fn a_filter_over_its_own_table_sees_it_change(bench: Bench) {
    let process = with_desk(&bench).await;
    let (_, fox, _) = process.two_notes().await;
    let below = || DeskNote::above.any(DeskNote::body.eq("a fox".to_owned()));
    process.expect(below, &["a dog"]).await;
    let change = DeskNote::update(fox.id).set(DeskNote::body, "a cat".to_owned());
    process.write(async |tx| change.run(tx).await).await;
    process.expect(below, &[]).await;
}

async fn a_search_sees_each_change_of_the_texts(bench: Bench) {
    let process = with_desk(&bench).await;
    let (folder, fox, _) = process.two_notes().await;
    let foxes = || Filter::<DeskNote>::search("fox");
    process.expect(foxes, &["a fox"]).await;
    let change = DeskNote::update(fox.id).set(DeskNote::body, "a cat".to_owned());
    process.write(async |tx| change.run(tx).await).await;
    process.expect(foxes, &[]).await;
    let third = DeskNote { id: process.clock.new_id(), body: "another fox".to_owned(), ..fox.clone() };
    let id = third.id;
    process.write(async |tx| third.insert(tx).await).await;
    process.expect(foxes, &["another fox"]).await;
    process.write(async |tx| DeskNote::delete(tx, id).await).await;
    process.expect(foxes, &[]).await;
    let open = || DeskNote::folder.any(DeskFolder::name.eq("open".to_owned())).and(Filter::search("dog"));
    process.expect(open, &["a dog"]).await;
    process.write(async |tx| DeskFolder::delete(tx, folder.id).await).await;
    process.expect(open, &[]).await;
}

async fn another_process_sees_what_a_filter_looks_at(bench: Bench) {
    let (here, there) = (with_desk(&bench).await, with_desk(&bench).await);
    here.poll().await;
    let (folder, ..) = here.two_notes().await;
    there.poll().await;
    let open = || DeskNote::folder.any(DeskFolder::name.eq("open".to_owned()));
    there.expect(open, &["a dog", "a fox"]).await;
    let closed = DeskFolder::update(folder.id).set(DeskFolder::name, "closed".to_owned());
    here.write(async |tx| closed.run(tx).await).await;
    here.expect(open, &[]).await;
    there.poll().await;
    there.expect(open, &[]).await;
}

async fn a_list_of_more_tables_than_are_watched_is_not_kept(bench: Bench) {
    let process = with_desk(&bench).await;
    process.two_notes().await;
    let both = || DeskNote::labels.is_empty().and(DeskNote::folder.is_not_empty());
    process.forget_statements();
    for _ in 0..2 {
        assert_eq!(process.notes(both()).await, ["a dog", "a fox"]);
        assert_eq!(process.list_statements(), 1, "labels, labelings and folders are three");
    }
}
