//! Entities that say `cached`: what is served from memory, and that it is never stale after a commit. `cached_races.rs`
//! has readers and writers at once, and other processes.

use std::time::Duration;

use futures_util::future::join_all;
use tenfold_data::jiff::civil::date;
use tenfold_data::{
    Clock, Context, DataError, DatabaseSettings, Date, Entity, EntityExt, MigrationFile, ModuleMigrations,
    One, OrgId, Timestamp, TopicKind, Tx, feed_migrations, id, sql,
};

use crate::bench::Bench;
use crate::{people, work};

on_both_databases!(
    a_warm_load_sends_no_statement,
    a_very_large_row_is_not_kept,
    a_row_comes_back_with_all_its_columns,
    each_verb_is_seen_by_the_next_load,
    a_text_that_says_what_it_changes_is_seen,
    a_key_looked_for_in_vain_is_found_once_stored,
    a_row_under_a_new_key_is_found,
    a_cascade_is_seen,
    a_rolled_back_write_drops_nothing,
    a_transaction_reads_for_itself,
    a_read_beside_an_open_transaction_asks_the_database,
    organizations_share_no_rows,
    two_structs_of_one_table_are_told_apart,
    an_entity_without_the_word_is_not_cached,
    a_page_of_warm_rows_is_a_cohort,
);

id!(AuthorId);
id!(BookId);

#[derive(Debug, Entity)]
#[entity(table = "library_authors", tenant = org_id)]
pub struct Author {
    #[entity(key)]
    pub id: AuthorId,
    pub org_id: OrgId,
    pub name: String,
}

#[derive(Clone, Debug, Entity)]
#[entity(table = "library_books", tenant = org_id, unique(title), cached)]
pub struct Book {
    #[entity(key)]
    pub id: BookId,
    pub org_id: OrgId,
    pub author_id: AuthorId,
    pub title: String,
    pub pages: i64,
    pub price: f64,
    pub is_lent: bool,
    pub lent_at: Option<Timestamp>,
    pub due: Option<Date>,
    pub notes: serde_json::Value,
    pub cover: Vec<u8>,
    #[entity(belongs_to(by = author_id))]
    pub author: One<Author>,
}

/// Another view of the same rows.
#[derive(Debug, Entity)]
#[entity(table = "library_books", tenant = org_id, cached)]
struct BookTitle {
    #[entity(key)]
    id: BookId,
    org_id: OrgId,
    title: String,
}

#[derive(Debug, Entity)]
#[entity(table = "library_countries", global = "the same for everybody", cached)]
pub struct Country {
    #[entity(key)]
    pub code: String,
    pub name: String,
}

/// Whose library it is.
#[derive(Debug, Entity)]
#[entity(table = "library_owners", global = "these are the organizations")]
pub struct LibraryOwner {
    #[entity(key)]
    pub id: OrgId,
    pub name: String,
}

pub const LIBRARY: ModuleMigrations = ModuleMigrations {
    module: "library",
    files: &[MigrationFile { name: "0001_library.sql", text: TABLES }],
};

const TABLES: &str = "
CREATE TABLE library_authors (
    org_id uuid NOT NULL, id uuid NOT NULL, name text NOT NULL, PRIMARY KEY (org_id, id)
);
CREATE TABLE library_books (
    org_id uuid NOT NULL, id uuid NOT NULL, author_id uuid NOT NULL, title text NOT NULL, pages bigint NOT NULL,
    price double precision NOT NULL, is_lent boolean NOT NULL, lent_at timestamptz, due date, notes jsonb NOT NULL,
    cover bytea NOT NULL,
    PRIMARY KEY (org_id, id), UNIQUE (org_id, title),
    FOREIGN KEY (org_id, author_id) REFERENCES library_authors (org_id, id) ON DELETE CASCADE
);
CREATE INDEX library_books_by_author ON library_books (org_id, author_id);
CREATE TABLE library_countries (code text PRIMARY KEY, name text NOT NULL);
CREATE TABLE library_owners (id uuid PRIMARY KEY, name text NOT NULL);
";

/// A process with a cache. It reads what others tell only when it is asked to, and its clock stands still.
pub struct CachingProcess {
    pub bench: Bench,
    pub clock: Clock,
}

impl CachingProcess {
    pub async fn start(on: &Bench) -> Self {
        CachingProcess::start_with(on, DatabaseSettings::default()).await
    }

    pub async fn start_with(on: &Bench, mut settings: DatabaseSettings) -> Self {
        settings.feed.poll = Duration::from_secs(3600);
        let clock = Clock::manual(Timestamp::from_second(1_767_225_600).unwrap());
        let bench = on.reopened_at(&settings, clock.clone());
        let migrations = [people::MIGRATIONS, work::MIGRATIONS, feed_migrations(), LIBRARY];
        bench.database.migrate(&migrations).await.unwrap();
        bench.database.feed().tell([TopicKind::every_table()]);
        bench.database.feed().start().await.unwrap();
        CachingProcess { bench, clock }
    }

    pub async fn poll(&self) {
        self.bench.database.feed().poll_now().await;
    }

    pub async fn find(&self, id: BookId) -> Option<Book> {
        self.bench.request(async |cx| Book::find(&cx, id).await.unwrap().map(|book| Book::clone(&book))).await
    }

    pub async fn title(&self, id: BookId) -> Option<String> {
        self.find(id).await.map(|book| book.title)
    }

    pub async fn write<T>(&self, work: impl AsyncFnOnce(&mut Tx<'_>) -> Result<T, DataError>) -> T {
        self.bench.request(async |cx| cx.transaction(work).await.unwrap()).await
    }

    /// Stores so many books of one author.
    pub async fn store(&self, count: usize) -> Vec<Book> {
        let books = self.bench.request(async |cx| {
            let author = Author { id: AuthorId(cx.new_id()), org_id: cx.tenant(), name: "Ada".to_owned() };
            let books: Vec<Book> = (0..count).map(|n| book(&cx, &author, &format!("book {n}"))).collect();
            let stored = cx.transaction(async |tx| {
                author.insert(tx).await?;
                Book::insert_many(tx, books).await
            });
            stored.await.unwrap()
        });
        books.await
    }

    /// One book that is in the cache.
    pub async fn warm(&self) -> Book {
        let book = self.store(1).await.remove(0);
        assert!(self.find(book.id).await.is_some());
        self.forget_statements();
        book
    }

    pub fn forget_statements(&self) {
        self.bench.statements();
    }

    /// How many statements have loaded books by key since the last time.
    pub fn loads(&self) -> usize {
        self.bench.statements().iter().filter(|record| record.name == "library_books.get").count()
    }
}

fn book(cx: &Context, author: &Author, title: &str) -> Book {
    Book {
        id: BookId(cx.new_id()),
        org_id: cx.tenant(),
        author_id: author.id,
        title: format!("{title} of {}", author.id),
        pages: 0,
        price: 9.75,
        is_lent: true,
        lent_at: Some("2026-01-02T03:04:05.678901Z".parse().unwrap()),
        due: Some(date(2026, 2, 3)),
        notes: serde_json::json!({"shelf": [1, "two", null]}),
        cover: vec![0, 1, 255],
        author: One::default(),
    }
}

async fn a_warm_load_sends_no_statement(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.store(1).await.remove(0);
    process.forget_statements();
    for _ in 0..3 {
        assert_eq!(process.title(book.id).await.as_ref(), Some(&book.title));
        assert!(process.find(BookId(process.clock.new_id())).await.is_none());
    }
    assert_eq!(process.loads(), 1 + 3, "the book once, and each missing one");
    assert_eq!(process.bench.database.cache_figures().hits, 2);
    process.bench.database.clear_cache();
    process.find(book.id).await.unwrap();
    assert_eq!(process.loads(), 1);
}

async fn a_row_comes_back_with_all_its_columns(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let stored = process.store(1).await.remove(0);
    let cold = process.find(stored.id).await.unwrap();
    process.forget_statements();
    let warm = process.find(stored.id).await.unwrap();
    assert_eq!(process.loads(), 0);
    assert_eq!(warm.values(), cold.values());
    assert_eq!(warm.values(), stored.values());
}

async fn each_verb_is_seen_by_the_next_load(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    let title = |n: i32| format!("{} {n}", book.title);
    let expect = async |expected: Option<String>| {
        assert_eq!(process.title(book.id).await, expected);
        assert_eq!(process.loads(), 1, "{expected:?} is loaded once");
        assert_eq!(process.title(book.id).await, expected);
        assert_eq!(process.loads(), 0, "{expected:?} is kept");
    };
    process.write(async |tx| Book::update(book.id).set(Book::title, title(1)).run(tx).await).await;
    expect(Some(title(1))).await;
    let all = || Book::query().filter(Book::title.eq(title(1)));
    process.write(async |tx| all().update().set(Book::title, title(2)).run(tx).await).await;
    expect(Some(title(2))).await;
    let again = Book { id: BookId(process.clock.new_id()), title: title(2), pages: 7, ..book.clone() };
    process.write(async |tx| again.upsert(Book::unique_title).run(tx).await).await;
    assert_eq!(process.find(book.id).await.unwrap().pages, 7);
    process.forget_statements();
    process.write(async |tx| Book::delete(tx, book.id).await).await;
    expect(None).await;
    process.write(async |tx| book.clone().insert_deferred(tx).await).await;
    expect(Some(book.title.clone())).await;
    process.write(async |tx| Book::query().delete(tx).await).await;
    expect(None).await;
    process.write(async |tx| Book::insert_many(tx, vec![book.clone()]).await).await;
    expect(Some(book.title.clone())).await;
}

async fn a_text_that_says_what_it_changes_is_seen(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    let text = sql!("library.read_on", "UPDATE library_books SET pages = pages + 1 WHERE org_id = $1")
        .changes(Book::TABLE);
    process.write(async |tx| text.execute(tx).await).await;
    assert_eq!(process.find(book.id).await.unwrap().pages, 1);
    let everywhere =
        sql!("library.read_all", "UPDATE library_books SET pages = pages + 1").changes(Book::TABLE);
    let changed = process.bench.system(async |cx| {
        cx.transaction(async |tx| everywhere.execute(tx).await).await.unwrap();
    });
    changed.await;
    assert_eq!(process.find(book.id).await.unwrap().pages, 2);
}

async fn a_key_looked_for_in_vain_is_found_once_stored(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let country = async |code: &str| {
        let code = code.to_owned();
        let found = process.bench.system(async |cx| Country::find(&cx, code).await.unwrap());
        found.await.map(|country| country.name.clone())
    };
    assert_eq!(country("de").await, None);
    assert_eq!(country("de").await, None);
    assert_eq!(
        process.bench.statements().iter().filter(|record| record.name == "library_countries.get").count(),
        1
    );
    let stored = Country { code: "de".to_owned(), name: "Germany".to_owned() };
    process.write(async |tx| stored.insert(tx).await).await;
    assert_eq!(country("de").await.as_deref(), Some("Germany"));
    assert_eq!(country("at").await, None);
}

async fn a_row_under_a_new_key_is_found(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    let other = BookId(process.clock.new_id());
    assert!(process.find(other).await.is_none());
    process.write(async |tx| Book::update(book.id).set(Book::id, other).run(tx).await).await;
    assert!(process.find(other).await.is_some());
    assert!(process.find(book.id).await.is_none());
}

async fn a_cascade_is_seen(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    process.write(async |tx| Author::delete(tx, book.author_id).await).await;
    assert!(process.find(book.id).await.is_none());
}

async fn a_rolled_back_write_drops_nothing(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    let refused = process.bench.request(async |cx| {
        let written = cx.transaction(async |tx| {
            Book::update(book.id).set(Book::title, "never".to_owned()).run(tx).await?;
            assert_eq!(Book::get(tx, book.id).await?.title, "never");
            Err::<(), _>(DataError::Settings("given up".to_owned()))
        });
        written.await.is_err()
    });
    assert!(refused.await);
    process.forget_statements();
    assert_eq!(process.title(book.id).await, Some(book.title));
    assert_eq!(process.loads(), 0);
}

async fn a_transaction_reads_for_itself(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    process.write(async |tx| Book::get(tx, book.id).await.map(drop)).await;
    assert_eq!(process.loads(), 1, "what a transaction reads decides what it writes");
    let both = process.store(1).await.remove(0);
    process.write(async |tx| Book::get(tx, both.id).await.map(drop)).await;
    process.forget_statements();
    process.find(both.id).await.unwrap();
    assert_eq!(process.loads(), 1, "what a transaction has read is not kept");
}

async fn a_read_beside_an_open_transaction_asks_the_database(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    let beside = process.bench.request(async |cx| {
        let work = cx.transaction(async |tx| {
            Book::update(book.id).set(Book::pages, 1).run(tx).await?;
            Book::get(&cx, book.id).await.map(|book| book.pages)
        });
        work.await.unwrap()
    });
    assert_eq!(beside.await, 0, "it is not committed");
    assert_eq!(process.loads(), 1);
}

async fn organizations_share_no_rows(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    let other = OrgId(process.clock.new_id());
    let found = process.bench.system(async |cx| Book::find(&cx.within(other), book.id).await.unwrap());
    assert!(found.await.is_none());
    assert!(process.find(book.id).await.is_some());
}

async fn two_structs_of_one_table_are_told_apart(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    let title = async || {
        let found =
            process.bench.request(async |cx| BookTitle::get(&cx, book.id).await.unwrap().title.clone());
        found.await
    };
    assert_eq!((title().await, title().await), (book.title.clone(), book.title.clone()));
    assert_eq!(process.loads(), 1, "the title is loaded once");
    process.write(async |tx| Book::update(book.id).set(Book::title, "new".to_owned()).run(tx).await).await;
    assert_eq!((title().await, process.title(book.id).await), ("new".to_owned(), Some("new".to_owned())));
}

async fn an_entity_without_the_word_is_not_cached(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.warm().await;
    let author =
        || process.bench.request(async |cx| Author::get(&cx, book.author_id).await.unwrap().name.clone());
    assert_eq!((author().await, author().await), ("Ada".to_owned(), "Ada".to_owned()));
    assert_eq!(process.bench.statements().len(), 2);
}

/// Rows from the cache and rows from the database are one cohort: a relation is loaded for all of them.
async fn a_page_of_warm_rows_is_a_cohort(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(20).await;
    let keys: Vec<_> = books.iter().map(|book| book.id).collect();
    for book in &books[..10] {
        process.find(book.id).await.unwrap();
    }
    process.forget_statements();
    let names = process.bench.request(async |cx| {
        let books = Book::find_many(&cx, keys).await.unwrap();
        let names = books.iter().flatten().map(async |book| book.author.get(&cx).await.unwrap().name.clone());
        join_all(names).await
    });
    assert_eq!(names.await, vec!["Ada".to_owned(); 20]);
    let statements = process.bench.statements();
    assert_eq!(statements.len(), 2, "the ten that are missing, and their author: {statements:?}");
    assert_eq!(statements[0].rows, 10);
}

async fn a_very_large_row_is_not_kept(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.store(1).await.remove(0);
    let large = Book::update(book.id).set(Book::cover, vec![7; 300 << 10]);
    process.write(async |tx| large.run(tx).await).await;
    process.forget_statements();
    for loads in 1..3 {
        assert_eq!(process.find(book.id).await.unwrap().cover.len(), 300 << 10);
        assert_eq!(process.loads(), 1, "{loads}");
    }
    let figures = process.bench.database.cache_figures();
    assert_eq!((figures.large, figures.load_statements, figures.hits), (2, 2, 0));
    assert!(figures.bytes < 10_000, "{figures:?}");
}
