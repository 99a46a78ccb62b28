//! Author's statements whose rows are kept.

use tenfold_data::{ColumnType, DataError, EntityExt, OrgId, sql};

use crate::bench::Bench;
use crate::cached::{Author, Book, BookId, CachingProcess, LibraryOwner};

on_both_databases!(
    a_warm_statement_is_not_sent,
    a_change_of_its_row_or_beside_it_is_seen,
    a_change_of_another_row_drops_nothing,
    a_text_that_reads_other_tables_is_refused,
    each_parameter_tells_rows_apart,
    a_parameter_that_cannot_be_compared_is_refused,
    a_text_says_the_keys_that_it_returns,
    a_change_of_the_organizations_row_is_seen,
);

/// A book's title and its author's name.
async fn described(process: &CachingProcess, id: BookId) -> Vec<(String, String)> {
    let org = process.bench.org;
    let found = process.bench.system(async |cx| {
        let text = sql!(
            "library.describe",
            "SELECT b.title, a.name FROM library_books b
             JOIN library_authors a ON a.org_id = b.org_id AND a.id = b.author_id
             WHERE b.org_id = $1 AND b.id = $2"
        );
        let text = text.bind(org).bind(id).bounded();
        text.cached_by::<Book>(&[Author::TABLE]).all(&cx).await.unwrap()
    });
    found.await
}

fn sent(process: &CachingProcess) -> usize {
    process.bench.statements().iter().filter(|record| record.name == "library.describe").count()
}

async fn a_warm_statement_is_not_sent(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.store(1).await.remove(0);
    let expected = [(book.title.clone(), "Ada".to_owned())];
    assert_eq!(described(&process, book.id).await, expected);
    assert_eq!(described(&process, book.id).await, expected);
    assert_eq!(sent(&process), 1);
    assert!(described(&process, BookId(process.clock.new_id())).await.is_empty());
}

async fn a_change_of_its_row_or_beside_it_is_seen(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.store(1).await.remove(0);
    described(&process, book.id).await;
    process.write(async |tx| Book::update(book.id).set(Book::title, "new".to_owned()).run(tx).await).await;
    assert_eq!(described(&process, book.id).await[0].0, "new");
    let renamed = Author::update(book.author_id).set(Author::name, "Grace".to_owned());
    process.write(async |tx| renamed.run(tx).await).await;
    assert_eq!(described(&process, book.id).await[0].1, "Grace");
    process.write(async |tx| Author::delete(tx, book.author_id).await).await;
    assert!(described(&process, book.id).await.is_empty());
}

async fn a_change_of_another_row_drops_nothing(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(2).await;
    described(&process, books[0].id).await;
    process.write(async |tx| Book::update(books[1].id).set(Book::pages, 9).run(tx).await).await;
    sent(&process);
    described(&process, books[0].id).await;
    assert_eq!(sent(&process), 0);
}

async fn a_text_that_reads_other_tables_is_refused(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let (book, org) = (process.store(1).await.remove(0), process.bench.org);
    let refused = process.bench.system(async |cx| {
        let text =
            sql!("library.count", "SELECT count(*) FROM library_books, library_authors WHERE $1 <> $2");
        let text = text.bind(org).bind(book.id).cached_by::<Book>(&[]);
        text.all::<(i64,), _>(&cx).await
    });
    assert!(matches!(refused.await, Err(DataError::Settings(text)) if text.contains("library.count")));
}

/// How many pages more than `than` a book has, for a request of this organization.
async fn pages_above(process: &CachingProcess, id: BookId, than: impl ColumnType) -> Result<i64, DataError> {
    let found = process.bench.request(async |cx| {
        let text = sql!(
            "library.pages_above",
            "SELECT pages FROM library_books WHERE org_id = $1 AND id = $2 AND pages > $3"
        );
        let text = text.bind(id).bind(than).bounded().cached_by::<Book>(&[]);
        text.first::<(i64,), _>(&cx).await
    });
    Ok(found.await?.map_or(-1, |(pages,)| pages))
}

async fn each_parameter_tells_rows_apart(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.store(1).await.remove(0);
    for _ in 0..2 {
        assert_eq!(pages_above(&process, book.id, -1_i64).await.unwrap(), 0);
        assert_eq!(pages_above(&process, book.id, 0_i64).await.unwrap(), -1);
    }
    let statements = process.bench.statements();
    assert_eq!(statements.iter().filter(|record| record.name == "library.pages_above").count(), 2);
    let other = OrgId(process.clock.new_id());
    let found = process.bench.system(async |cx| {
        let found = async |org: OrgId| {
            let text =
                sql!("library.title_of", "SELECT title FROM library_books WHERE org_id = $1 AND id = $2");
            let text = text.bind(org).bind(book.id).bounded().cached_by::<Book>(&[]);
            text.all::<(String,), _>(&cx).await.unwrap().len()
        };
        (found(process.bench.org).await, found(other).await, found(process.bench.org).await)
    });
    assert_eq!(found.await, (1, 0, 1));
}

async fn a_parameter_that_cannot_be_compared_is_refused(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let book = process.store(1).await.remove(0);
    let refused = pages_above(&process, book.id, 0.5_f64).await;
    assert!(matches!(refused, Err(DataError::Settings(text)) if text.contains("library.pages_above")));
}

async fn a_text_says_the_keys_that_it_returns(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let books = process.store(9).await;
    let find_all = async || {
        for book in &books {
            process.find(book.id).await;
        }
    };
    find_all().await;
    let taken = process.write(async |tx| {
        let text =
            sql!("library.take", "DELETE FROM library_books WHERE org_id = $1 AND title = $2 RETURNING id");
        text.changes_returned(Book::TABLE).bind(books[0].title.clone()).all::<(BookId,), _>(tx).await
    });
    assert_eq!(taken.await, [(books[0].id,)]);
    process.forget_statements();
    assert!(process.find(books[0].id).await.is_none());
    find_all().await;
    // Another may share its word by chance.
    assert!(process.loads() < 5);
    process.write(async |tx| Book::insert_many(tx, vec![books[0].clone()]).await).await;
    process.find(books[0].id).await.unwrap();
    let taken = process.write(async |tx| {
        let text = sql!("library.take_on", "DELETE FROM library_books WHERE org_id = $1 AND title = $2");
        text.changes_returned(Book::TABLE).bind(books[0].title.clone()).execute(tx).await
    });
    assert_eq!(taken.await, 1);
    assert!(process.find(books[0].id).await.is_none(), "nothing was returned");
}

async fn a_change_of_the_organizations_row_is_seen(bench: Bench) {
    let process = CachingProcess::start(&bench).await;
    let (book, org) = (process.store(1).await.remove(0), process.bench.org);
    let owner_of = async || {
        let found = process.bench.system(async |cx| {
            let text = sql!(
                "library.owner_of",
                "SELECT o.name FROM library_books b JOIN library_owners o ON o.id = b.org_id
                 WHERE b.org_id = $1 AND b.id = $2"
            );
            let text = text.bind(org).bind(book.id).bounded().cached_by::<Book>(&[]);
            text.and_organization(LibraryOwner::TABLE).first::<(String,), _>(&cx).await.unwrap()
        });
        found.await.map(|(name,)| name)
    };
    let named = async |id: OrgId, name: &str| {
        let owner = LibraryOwner { id, name: name.to_owned() };
        let stored = process.bench.system(async |cx| {
            let upserted = cx.transaction(async |tx| owner.upsert(LibraryOwner::unique_key).run(tx).await);
            upserted.await.unwrap();
        });
        stored.await;
    };
    assert_eq!(owner_of().await, None);
    named(org, "Ada").await;
    assert_eq!(owner_of().await.as_deref(), Some("Ada"));
    process.forget_statements();
    named(OrgId(process.clock.new_id()), "Charles").await;
    assert_eq!(owner_of().await.as_deref(), Some("Ada"));
    let sent = process.bench.statements();
    assert!(sent.iter().all(|record| record.name != "library.owner_of"), "another organization's row");
    named(org, "Grace").await;
    assert_eq!(owner_of().await.as_deref(), Some("Grace"));
}
