//! The third fixture module: books, their authors and their reviews. It has a relation and a column of every kind that
//! the other two lack.

use tenfold_data::{
    Context, DataError, Entity, EntityExt, Many, MigrationFile, ModuleMigrations, One, OrgId, Timestamp, id,
};

use crate::bench::Bench;

id!(BookId);
id!(AuthorId);
id!(WritingId);
id!(ReviewId);

#[derive(Debug, Entity)]
#[entity(table = "shelf_books", tenant = org_id, unique(title))]
pub struct Book {
    #[entity(key)]
    pub id: BookId,
    pub org_id: OrgId,
    pub title: String,
    pub pages: i64,
    pub sold: Option<i64>,
    pub price: Option<f64>,
    pub published_at: Timestamp,
    #[entity(version)]
    pub version: i64,
    #[entity(has_many(through = Writing, by = book_id, to = author_id, order_by = name))]
    pub authors: Many<Author>,
    #[entity(has_many(through = Writing, by = book_id, to = author_id, order_by = name, limit = 2))]
    pub first_authors: Many<Author>,
    #[entity(has_many(by = book_id, order_by = stars))]
    pub reviews: Many<Review>,
    #[entity(has_many(by = book_id, order_by = stars, descending, limit = 3))]
    pub best_reviews: Many<Review>,
    #[entity(has_one(by = book_id, order_by = stars))]
    pub worst_review: One<Review>,
}

#[derive(Debug, Entity)]
#[entity(table = "shelf_authors", tenant = org_id)]
pub struct Author {
    #[entity(key)]
    pub id: AuthorId,
    pub org_id: OrgId,
    pub name: String,
    #[entity(has_many(through = Writing, by = author_id, to = book_id))]
    pub books: Many<Book>,
}

#[derive(Debug, Entity)]
#[entity(table = "shelf_writings", tenant = org_id, unique(book_id, author_id))]
pub struct Writing {
    #[entity(key)]
    pub id: WritingId,
    pub org_id: OrgId,
    pub book_id: BookId,
    pub author_id: AuthorId,
}

#[derive(Debug, Entity)]
#[entity(table = "shelf_reviews", tenant = org_id)]
pub struct Review {
    #[entity(key)]
    pub id: ReviewId,
    pub org_id: OrgId,
    pub book_id: BookId,
    pub stars: i64,
}

const MIGRATIONS: ModuleMigrations =
    ModuleMigrations { module: "shelf", files: &[MigrationFile { name: "0001_shelf.sql", text: TABLES }] };

const TABLES: &str = "
CREATE TABLE shelf_books (
    org_id uuid NOT NULL, id uuid NOT NULL, title text NOT NULL, pages bigint NOT NULL, sold bigint,
    price double precision, published_at timestamptz NOT NULL, version bigint NOT NULL,
    PRIMARY KEY (org_id, id), UNIQUE (org_id, title)
);
CREATE TABLE shelf_authors (
    org_id uuid NOT NULL, id uuid NOT NULL, name text NOT NULL, PRIMARY KEY (org_id, id)
);
CREATE TABLE shelf_writings (
    org_id uuid NOT NULL, id uuid NOT NULL, book_id uuid NOT NULL, author_id uuid NOT NULL,
    PRIMARY KEY (org_id, id), UNIQUE (org_id, book_id, author_id)
);
CREATE INDEX shelf_writings_of_author ON shelf_writings (org_id, author_id, book_id);
CREATE TABLE shelf_reviews (
    org_id uuid NOT NULL, id uuid NOT NULL, book_id uuid NOT NULL, stars bigint NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX shelf_reviews_of_book ON shelf_reviews (org_id, book_id, stars, id);
";

/// Creates the module's tables, which the other tests do not need.
pub async fn migrate(bench: &Bench) {
    bench.database.migrate(&[MIGRATIONS]).await.expect("the fixture migrates");
}

pub fn book(cx: &Context, title: &str) -> Book {
    Book {
        id: BookId(cx.new_id()),
        org_id: cx.tenant(),
        title: title.to_owned(),
        pages: 100,
        sold: None,
        price: None,
        published_at: cx.now(),
        version: 1,
        authors: Many::default(),
        first_authors: Many::default(),
        reviews: Many::default(),
        best_reviews: Many::default(),
        worst_review: One::default(),
    }
}

/// Stores `count` books, `book 00` and so on, and four authors. Book n has the first n % 5 authors, whose names are
/// `d`, `c`, `b` and `a` in order of creation. It has n % 7 reviews; each has as many stars as there are reviews before
/// it.
pub async fn fill(cx: &Context, count: usize) -> Vec<Book> {
    let org_id = cx.tenant();
    let author = |name: &str| Author {
        id: AuthorId(cx.new_id()),
        org_id,
        name: name.to_owned(),
        books: Many::default(),
    };
    let authors: Vec<_> = ["d", "c", "b", "a"].map(author).into();
    let books: Vec<_> = (0..count).map(|n| book(cx, &format!("book {n:02}"))).collect();
    let (mut writings, mut reviews) = (Vec::new(), Vec::new());
    for (n, book) in books.iter().enumerate() {
        writings.extend(authors.iter().take(n % 5).map(|author| Writing {
            id: WritingId(cx.new_id()),
            org_id,
            book_id: book.id,
            author_id: author.id,
        }));
        let review = |stars| Review { id: ReviewId(cx.new_id()), org_id, book_id: book.id, stars };
        reviews.extend((0..i64::try_from(n % 7).expect("small")).map(review));
    }
    let stored = cx.transaction(async |tx| {
        Author::insert_many(tx, authors).await?;
        let books = Book::insert_many(tx, books).await?;
        Writing::insert_many(tx, writings).await?;
        Review::insert_many(tx, reviews).await?;
        Ok::<_, DataError>(books)
    });
    stored.await.expect("the fixture is stored")
}
