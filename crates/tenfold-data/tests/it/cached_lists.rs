//! Lists of entities that say `cached(lists)`: what is served from memory, and that it is never stale after a commit.
//! `cached_list_pages.rs` has pages, counts and values, `cached_list_filters.rs` lists that depend on other tables.

use futures_util::future::join_all;
use tenfold_data::{
    DataError, DatabaseSettings, Date, Entity, EntityExt, EntityQuery, One, OrgId, Timestamp, Tx, Value, sql,
};

use crate::bench::Bench;
use crate::cached::{Author, AuthorId, Book, BookId, CachingProcess};

on_both_databases!(
    a_warm_list_sends_no_statement,
    a_warm_list_is_a_cohort,
    each_verb_is_seen_by_the_next_list,
    a_rolled_back_write_leaves_the_list,
    another_process_sees_a_list_change,
    a_list_of_another_organization_is_never_served,
    a_transaction_lists_for_itself,
    requests_at_once_share_one_list,
    an_entity_without_the_word_lists_from_the_database,
    a_list_from_memory_names_its_table,
    a_list_is_sampled_in_its_order,
    a_list_is_served_for_the_staleness_and_no_longer,
);

/// Books as they are listed.
#[derive(Clone, Debug, Entity)]
#[entity(table = "library_books", tenant = org_id, cached(lists))]
pub struct ListedBook {
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
    #[entity(belongs_to(by = author_id))]
    pub author: One<Author>,
}

pub fn by_title() -> EntityQuery<ListedBook> {
    ListedBook::query().order_by(ListedBook::title)
}

impl CachingProcess {
    pub async fn titles(&self, list: EntityQuery<ListedBook>) -> Vec<String> {
        let listed = self.bench.request(async |cx| {
            let books = list.all(&cx).await.unwrap();
            books.iter().map(|book| book.title.clone()).collect()
        });
        listed.await
    }

    /// The rows of a list as values.
    async fn listed_values(&self) -> Vec<Vec<Value>> {
        self.bench
            .request(async |cx| by_title().all(&cx).await.unwrap().iter().map(Entity::values).collect())
            .await
    }

    /// How many statements have listed or counted since the last time.
    pub fn list_statements(&self) -> usize {
        let lists = ["list", "count"];
        let is_list = |name: &str| lists.iter().any(|verb| name.ends_with(&format!(".{verb}")));
        self.bench.statements().iter().filter(|record| is_list(&record.name)).count()
    }

    async fn retitle(&self, id: BookId, title: &str) {
        self.write(async |tx| Book::update(id).set(Book::title, title.to_owned()).run(tx).await).await;
    }
}

pub fn titles_of(books: &[Book]) -> Vec<String> {
    let mut titles: Vec<_> = books.iter().map(|book| book.title.clone()).collect();
    titles.sort_unstable();
    titles
}

async fn a_warm_list_sends_no_statement(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(3).await;
    process.forget_statements();
    let cold = process.listed_values().await;
    assert_eq!((cold.len(), process.list_statements()), (3, 1));
    for _ in 0..3 {
        assert_eq!(process.listed_values().await, cold);
    }
    assert_eq!(process.list_statements(), 0);
    assert_eq!(process.titles(by_title()).await, titles_of(&books));
    let turned: Vec<_> = titles_of(&books).into_iter().rev().collect();
    assert_eq!(process.titles(by_title().descending()).await, turned);
    assert_eq!(process.list_statements(), 1, "another order is another list");
    process.bench.database.clear_cache();
    assert_eq!((process.listed_values().await, process.list_statements()), (cold, 1));
}

async fn a_warm_list_is_a_cohort(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    process.store(20).await;
    let names = async || {
        let names = process.bench.request(async |cx| {
            let books = by_title().all(&cx).await.unwrap();
            let mut names = Vec::new();
            for book in &books {
                names.push(book.author.get(&cx).await.unwrap().name.clone());
            }
            names
        });
        names.await
    };
    assert_eq!(names().await, vec!["Ada".to_owned(); 20]);
    process.forget_statements();
    assert_eq!(names().await, vec!["Ada".to_owned(); 20]);
    let statements = process.bench.statements();
    assert_eq!(statements.len(), 1, "their author, who is not cached: {statements:?}");
}

async fn each_verb_is_seen_by_the_next_list(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(2).await;
    let (one, other) = (&books[0], &books[1]);
    let expect = async |mut titles: Vec<&str>| {
        titles.sort_unstable();
        process.forget_statements();
        assert_eq!(process.titles(by_title()).await, titles);
        assert_eq!(process.list_statements(), 1, "{titles:?} are listed once");
        assert_eq!(process.titles(by_title()).await, titles);
        assert_eq!(process.list_statements(), 0, "{titles:?} are kept");
    };
    expect(vec![one.title.as_str(), &other.title]).await;
    process.retitle(one.id, "renamed").await;
    expect(vec!["renamed", &other.title]).await;
    let all = || Book::query().filter(Book::title.eq("renamed".to_owned()));
    process.write(async |tx| all().update().set(Book::title, "bulk".to_owned()).run(tx).await).await;
    expect(vec!["bulk", &other.title]).await;
    let third = Book { id: BookId(process.clock.new_id()), title: "third".to_owned(), ..one.clone() };
    process.write(async |tx| third.clone().insert(tx).await.map(drop)).await;
    expect(vec!["bulk", "third", &other.title]).await;
    let again = Book { id: BookId(process.clock.new_id()), pages: 7, ..third.clone() };
    process.write(async |tx| again.upsert(Book::unique_title).run(tx).await).await;
    assert_eq!(process.titles(by_title().filter(ListedBook::pages.eq(7))).await, ["third"]);
    expect(vec!["bulk", "third", &other.title]).await;
    process.write(async |tx| Book::delete(tx, third.id).await).await;
    expect(vec!["bulk", &other.title]).await;
    let text =
        sql!("library.retitle", "UPDATE library_books SET title = 'text' WHERE org_id = $1 AND id = $2")
            .changes_only(Book::TABLE, [one.id])
            .bind(one.id);
    process.write(async |tx| text.execute(tx).await).await;
    expect(vec!["text", &other.title]).await;
    let text = sql!("library.retitle_all", "UPDATE library_books SET title = title || '!' WHERE org_id = $1")
        .changes(Book::TABLE);
    process.write(async |tx| text.execute(tx).await).await;
    let loud = format!("{}!", other.title);
    expect(vec!["text!", &loud]).await;
    process.write(async |tx| Author::delete(tx, one.author_id).await).await;
    expect(vec![]).await;
    process.store(1).await;
    process.write(async |tx| Book::query().delete(tx).await).await;
    expect(vec![]).await;
}

async fn a_rolled_back_write_leaves_the_list(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(2).await;
    assert_eq!(process.titles(by_title()).await, titles_of(&books));
    let refused = process.bench.request(async |cx| {
        let written = cx.transaction(async |tx| {
            Book::update(books[0].id).set(Book::title, "never".to_owned()).run(tx).await?;
            Err::<(), _>(DataError::Settings("given up".to_owned()))
        });
        written.await.is_err()
    });
    assert!(refused.await);
    process.forget_statements();
    assert_eq!(process.titles(by_title()).await, titles_of(&books));
    assert_eq!(process.list_statements(), 0);
}

async fn another_process_sees_a_list_change(bench: Bench) {
    let (here, there) = (CachingProcess::start(&bench).await, CachingProcess::start(&bench).await);
    here.poll().await;
    let books = here.store(2).await;
    there.poll().await;
    assert_eq!(there.titles(by_title()).await, titles_of(&books));
    here.retitle(books[0].id, "a new one").await;
    here.write(async |tx| Book::delete(tx, books[1].id).await).await;
    assert_eq!(here.titles(by_title()).await, ["a new one"]);
    assert_eq!(there.titles(by_title()).await, titles_of(&books), "it was not told yet");
    there.poll().await;
    assert_eq!(there.titles(by_title()).await, ["a new one"]);
    here.write(async |tx| Author::delete(tx, books[0].author_id).await).await;
    there.poll().await;
    assert!(there.titles(by_title()).await.is_empty(), "a cascade has deleted it");
}

async fn a_list_of_another_organization_is_never_served(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.store(1).await.remove(0);
    let other = OrgId(process.clock.new_id());
    let titles = async |org: OrgId| {
        let listed = process.bench.system(async |cx| {
            let books = by_title().all(&cx.within(org)).await.unwrap();
            books.iter().map(|book| (book.org_id, book.title.clone())).collect::<Vec<_>>()
        });
        listed.await
    };
    assert_eq!(titles(process.bench.org).await, [(process.bench.org, book.title.clone())]);
    assert!(titles(other).await.is_empty());
    let written = process.bench.system(async |cx| {
        let author = Author { id: book.author_id, org_id: other, name: "Eve".to_owned() };
        let theirs = Book { org_id: other, title: "theirs".to_owned(), ..book.clone() };
        let cx = cx.within(other);
        let stored = cx.transaction(async |tx| {
            author.insert(tx).await?;
            theirs.insert(tx).await
        });
        stored.await.unwrap();
    });
    written.await;
    process.forget_statements();
    assert_eq!(titles(process.bench.org).await, [(process.bench.org, book.title.clone())]);
    assert_eq!(process.list_statements(), 0, "the change of another organization drops nothing");
    assert_eq!(titles(other).await, [(other, "theirs".to_owned())]);
}

async fn a_transaction_lists_for_itself(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.store(1).await.remove(0);
    assert_eq!(process.titles(by_title()).await, std::slice::from_ref(&book.title));
    process.forget_statements();
    let beside = process.bench.request(async |cx| {
        let work = cx.transaction(async |tx| {
            Book::update(book.id).set(Book::title, "mine".to_owned()).run(tx).await?;
            Ok::<_, DataError>(by_title().all(tx).await?[0].title.clone())
        });
        let within = work.await.unwrap();
        (within, by_title().all(&cx).await.unwrap()[0].title.clone())
    });
    assert_eq!(beside.await, ("mine".to_owned(), "mine".to_owned()));
    assert_eq!(process.list_statements(), 2, "in the transaction and after it");
    process.write(async |tx| by_title().all(tx).await.map(drop)).await;
    assert_eq!(process.list_statements(), 1, "what a transaction reads decides what it writes");
}

async fn requests_at_once_share_one_list(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    process.store(5).await;
    process.forget_statements();
    let listed = join_all((0..50).map(async |_| process.titles(by_title()).await.len())).await;
    assert_eq!((listed, process.list_statements()), (vec![5; 50], 1));
}

async fn an_entity_without_the_word_lists_from_the_database(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    process.store(1).await;
    process.forget_statements();
    for _ in 0..2 {
        process.bench.request(async |cx| Book::query().all(&cx).await.unwrap().len()).await;
        assert_eq!(process.list_statements(), 1);
    }
}

async fn a_list_from_memory_names_its_table(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    process.store(1).await;
    let named = async || {
        let named = process.bench.request(async |cx| {
            cx.scope().note_tables();
            let ada = ListedBook::author.any(Author::name.eq("Ada".to_owned()));
            by_title().filter(ada).all(&cx).await.unwrap();
            cx.scope().noted_tables().iter().map(ToString::to_string).collect::<Vec<_>>()
        });
        named.await
    };
    for _ in 0..2 {
        assert_eq!(named().await, ["library_authors", "library_books"], "a live answer depends on both");
    }
}

async fn a_list_is_sampled_in_its_order(bench: Bench) {
    let mut settings = DatabaseSettings::default();
    settings.cache.sample = 1;
    let process = CachingProcess::start_with(&bench, settings).await;
    let books = process.store(2).await;
    let titles = [books[0].title.clone(), books[1].title.clone()];
    process.write(async |tx| Book::update(books[1].id).set(Book::pages, 1).run(tx).await).await;
    let by_pages = || ListedBook::query().order_by(ListedBook::pages);
    assert_eq!(process.titles(by_pages()).await, titles);
    // Nobody is told. The values are the same, in other rows.
    let silently = sql!("library.swap", "UPDATE library_books SET pages = 1 - pages WHERE org_id = $1");
    process.write(async |tx: &mut Tx<'_>| silently.execute(tx).await.map(drop)).await;
    assert_eq!(
        process.titles(by_pages()).await,
        [titles[1].clone(), titles[0].clone()],
        "it is read from the database"
    );
    let figures = process.bench.database.cache_figures();
    assert_eq!((figures.samples, figures.stale), (1, 1));
}

async fn a_list_is_served_for_the_staleness_and_no_longer(bench: Bench) {
    let (here, there) = (CachingProcess::start(&bench).await, CachingProcess::start(&bench).await);
    here.poll().await;
    let book = here.store(1).await.remove(0);
    there.poll().await;
    assert_eq!(there.titles(by_title()).await, std::slice::from_ref(&book.title));
    here.retitle(book.id, "new").await;
    let staleness = DatabaseSettings::default().cache.staleness;
    there.clock.advance(staleness);
    assert_eq!(there.titles(by_title()).await, std::slice::from_ref(&book.title));
    there.clock.advance(std::time::Duration::from_millis(1));
    assert_eq!(there.titles(by_title()).await, ["new"], "its certificate is too old");
}
