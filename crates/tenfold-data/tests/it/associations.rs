//! Filters by the rows of a relation: `any`, `none`, and whether there are any.

use tenfold_data::{
    Context, Entity, EntityExt, EntityQuery, Many, MigrationFile, ModuleMigrations, OrgId, Page, Uuid,
};

use crate::bench::Bench;
use crate::people::{self, Account, User};
use crate::plans::explained;
use crate::shelf::{self, Author, AuthorId, Book, Review, Writing, WritingId};
use crate::work::{self, Comment, Project, Task};

on_both_databases!(
    rows_are_kept_that_have_a_related_row,
    one_related_row_passes_all_conditions_of_its_filter,
    the_row_that_is_referred_to_filters_as_well,
    a_relation_to_the_own_table_is_told_apart,
    relations_of_relations_are_nested,
    filters_combine_with_each_other,
    a_filtered_list_is_paged_and_counted,
    writes_take_the_same_filters,
    related_rows_of_another_organization_do_not_count,
    a_relation_to_global_rows_filters,
    a_loop_over_such_a_list_is_an_n_plus_one,
    a_narrowed_list_is_served_by_the_relations_index,
    an_index_that_the_relation_lacks_is_named,
);

/// The numbers of the books in a list, in order. Book n has n % 5 of the authors d, c, b, a, and reviews with 0 to
/// n % 7 - 1 stars.
async fn books(cx: &Context, list: EntityQuery<Book>) -> Vec<usize> {
    let numbers = list.order_by(Book::title).all(cx).await.unwrap();
    numbers.iter().map(|book| book.title["book ".len()..].parse().unwrap()).collect()
}

fn numbers(keep: impl Fn(usize) -> bool) -> Vec<usize> {
    (0..35).filter(|n| keep(*n)).collect()
}

/// Lists the books of a shelf with 35.
async fn on_a_shelf(bench: &Bench, work: impl AsyncFnOnce(&Context)) {
    shelf::migrate(bench).await;
    bench
        .request(async |cx| {
            shelf::fill(&cx, 35).await;
            work(&cx).await;
        })
        .await;
}

async fn rows_are_kept_that_have_a_related_row(bench: Bench) {
    on_a_shelf(&bench, async |cx| {
        let list = |filter| books(cx, Book::query().filter(filter));
        let by_b = || Author::name.eq("b".to_owned());
        assert_eq!(list(Book::authors.any(by_b())).await, numbers(|n| n % 5 >= 3));
        assert_eq!(list(Book::authors.none(by_b())).await, numbers(|n| n % 5 < 3));
        assert_eq!(list(Book::authors.is_empty()).await, numbers(|n| n % 5 == 0));
        assert_eq!(list(Book::authors.is_not_empty()).await, numbers(|n| n % 5 != 0));
        assert_eq!(list(Book::reviews.any(Review::stars.ge(4))).await, numbers(|n| n % 7 >= 5));
        assert_eq!(list(Book::reviews.none(Review::stars.ge(4))).await, numbers(|n| n % 7 < 5));
        assert_eq!(list(Book::authors.any(Author::name.eq("nobody".to_owned()))).await, numbers(|_| false));
        assert_eq!(list(Book::authors.any(Author::name.any_of([]))).await, numbers(|_| false));
        assert_eq!(list(Book::authors.none(Author::name.any_of([]))).await, numbers(|_| true));
        assert_eq!(
            list(Book::authors.any(Author::name.starts_with_ignore_ascii_case("A"))).await,
            [4, 9, 14, 19, 24, 29, 34]
        );
    })
    .await;
}

async fn one_related_row_passes_all_conditions_of_its_filter(bench: Bench) {
    on_a_shelf(&bench, async |cx| {
        // No review has both; two reviews have one each.
        let both = Book::reviews.any(Review::stars.eq(1).and(Review::stars.eq(2)));
        assert_eq!(books(cx, Book::query().filter(both)).await, numbers(|_| false));
        let each = Book::query()
            .filter(Book::reviews.any(Review::stars.eq(1)))
            .filter(Book::reviews.any(Review::stars.eq(2)));
        assert_eq!(books(cx, each).await, numbers(|n| n % 7 >= 3));
        let between = Review::stars.gt(1).and(Review::stars.lt(3)).or(Review::stars.eq(5));
        assert_eq!(
            books(cx, Book::query().filter(Book::reviews.any(between))).await,
            numbers(|n| n % 7 >= 3)
        );
    })
    .await;
}

async fn the_row_that_is_referred_to_filters_as_well(bench: Bench) {
    bench
        .request(async |cx| {
            work::plan(&cx, 4).await;
            let of = |name: &str| Task::query().filter(Task::project.any(Project::name.eq(name.to_owned())));
            assert_eq!(of("north").count(&cx).await.unwrap(), 4);
            assert_eq!(of("west").count(&cx).await.unwrap(), 0);
            let elsewhere = Task::project.none(Project::name.eq("north".to_owned()));
            assert_eq!(Task::query().filter(elsewhere).count(&cx).await.unwrap(), 4);
            // Tasks 1 and 2 of each project have comments.
            let commented = Task::query().filter(Task::comments.any(Comment::body.eq("done?".to_owned())));
            assert_eq!(commented.count(&cx).await.unwrap(), 4);
        })
        .await;
}

async fn a_relation_to_the_own_table_is_told_apart(bench: Bench) {
    bench
        .request(async |cx| {
            people::hire(&cx, 4).await;
            let name = |n: usize| User::name.eq(format!("user {n:04}"));
            let managed = User::query().filter(User::manager.any(name(1))).all(&cx).await.unwrap();
            assert_eq!(managed.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["user 0002"]);
            // The one without a manager has none with that name either.
            let others = User::query().filter(User::manager.none(name(1))).count(&cx).await.unwrap();
            assert_eq!(others, 3);
            let of_a_managed = User::manager.any(User::manager.any(name(0)).and(name(1)));
            let second = User::query().filter(of_a_managed).first(&cx).await.unwrap().unwrap();
            assert_eq!(second.name, "user 0002");
        })
        .await;
}

async fn relations_of_relations_are_nested(bench: Bench) {
    on_a_shelf(&bench, async |cx| {
        let with_reviewed =
            Author::books.any(Book::reviews.any(Review::stars.eq(5)).and(Book::title.starts_with("book 1")));
        let authors = Author::query().filter(with_reviewed).order_by(Author::name).all(cx).await.unwrap();
        // Book 13, the only one with six reviews among 10 to 19, has the first three authors.
        assert_eq!(authors.iter().map(|author| author.name.as_str()).collect::<String>(), "bcd");
        let colleagues = Book::authors.any(Author::books.any(Book::title.eq("book 04".to_owned())));
        assert_eq!(books(cx, Book::query().filter(colleagues)).await, numbers(|n| n % 5 != 0));
    })
    .await;
}

async fn filters_combine_with_each_other(bench: Bench) {
    on_a_shelf(&bench, async |cx| {
        let either = Book::authors.any(Author::name.eq("a".to_owned())).or(Book::reviews.is_empty());
        let list = Book::query().filter(either).filter(Book::title.lt("book 20".to_owned()));
        assert_eq!(books(cx, list).await, numbers(|n| (n % 5 == 4 || n % 7 == 0) && n < 20));
        let neither =
            Book::authors.is_empty().and(Book::reviews.is_empty()).or(Book::title.eq("book 01".to_owned()));
        assert_eq!(books(cx, Book::query().filter(neither)).await, [0, 1]);
    })
    .await;
}

async fn a_filtered_list_is_paged_and_counted(bench: Bench) {
    on_a_shelf(&bench, async |cx| {
        let list =
            || Book::query().filter(Book::authors.any(Author::name.eq("c".to_owned()))).with_total(100);
        let expected = numbers(|n| n % 5 >= 2);
        for turned in [false, true] {
            let (mut seen, mut page) = (Vec::new(), Page::first(4));
            loop {
                let list = list().order_by(Book::pages).order_by(Book::title);
                let list = if turned { list.descending() } else { list };
                let rows = list.page(&page).all(cx).await.unwrap();
                seen.extend(rows.iter().map(|book| book.title.clone()));
                let listing = rows.listing(Vec::<()>::new());
                assert_eq!(listing.total, Some(21));
                let Some(cursor) = listing.next_cursor else { break };
                page.cursor = Some(cursor);
            }
            let mut expected: Vec<_> = expected.iter().map(|n| format!("book {n:02}")).collect();
            if turned {
                expected.reverse();
            }
            assert_eq!(seen, expected);
        }
        assert_eq!(list().sum(cx, Book::pages).await.unwrap(), 2100);
        assert!(list().exists(cx).await.unwrap());
        assert_eq!(list().max(cx, Book::title).await.unwrap().as_deref(), Some("book 34"));
        // A cursor belongs to its filter.
        let first = list().page(&Page::first(4)).all(cx).await.unwrap().listing(Vec::<()>::new());
        let other = Book::query().filter(Book::authors.any(Author::name.eq("d".to_owned())));
        let page = Page { limit: 4, cursor: first.next_cursor };
        assert!(other.page(&page).all(cx).await.is_err());
    })
    .await;
}

async fn writes_take_the_same_filters(bench: Bench) {
    on_a_shelf(&bench, async |cx| {
        let unread = || Book::query().filter(Book::reviews.is_empty());
        let (changed, deleted) = cx
            .transaction(async |tx| {
                let by_a = Book::query().filter(Book::authors.any(Author::name.eq("a".to_owned())));
                let changed = by_a.update().set(Book::pages, 7).run(tx).await?;
                Ok::<_, tenfold_data::DataError>((changed, unread().delete(tx).await?))
            })
            .await
            .unwrap();
        assert_eq!((changed, deleted), (7, 5));
        assert_eq!(books(cx, Book::query().filter(Book::pages.eq(7))).await, [4, 9, 19, 24, 29, 34]);
        assert_eq!(books(cx, Book::query()).await, numbers(|n| n % 7 != 0));
    })
    .await;
}

/// Another organization's rows that point to ours, with the same ids: no foreign key stops them here.
async fn related_rows_of_another_organization_do_not_count(bench: Bench) {
    shelf::migrate(&bench).await;
    let other = OrgId(bench.database.clock().new_id());
    bench
        .system(async |system| {
            let (here, there) = (system.within(bench.org), system.within(other));
            let book = shelf::book(&here, "book 00");
            let (book_id, author_id) = (book.id, AuthorId(here.new_id()));
            here.transaction(async |tx| book.insert(tx).await).await.unwrap();
            there
                .transaction(async |tx| {
                    let (org_id, id, books) = (other, author_id, Many::default());
                    Author { id, org_id, name: "spy".to_owned(), books }.insert(tx).await?;
                    Writing { id: WritingId(tx.new_id()), org_id, book_id, author_id }.insert(tx).await?;
                    Review { id: shelf::ReviewId(tx.new_id()), org_id, book_id, stars: 5 }.insert(tx).await
                })
                .await
                .unwrap();
            let list = |filter| books(&here, Book::query().filter(filter));
            assert!(list(Book::authors.any(Author::name.eq("spy".to_owned()))).await.is_empty());
            assert!(list(Book::authors.is_not_empty()).await.is_empty());
            assert!(list(Book::reviews.any(Review::stars.eq(5))).await.is_empty());
            assert_eq!(list(Book::reviews.is_empty()).await, [0]);
            // Ours is between now, and theirs at its end.
            let writing = Writing { id: WritingId(here.new_id()), org_id: bench.org, book_id, author_id };
            here.transaction(async |tx| writing.insert(tx).await).await.unwrap();
            assert!(list(Book::authors.is_not_empty()).await.is_empty());
            let nested = Author::books.any(Book::title.eq("book 00".to_owned()));
            assert_eq!(Author::query().filter(nested).count(&there).await.unwrap(), 0);
        })
        .await;
}

async fn a_relation_to_global_rows_filters(bench: Bench) {
    bench
        .request(async |cx| {
            let users = people::hire(&cx, 3).await;
            let email = users[1].account.get(&cx).await.unwrap().email.clone();
            let found =
                User::query().filter(User::account.any(Account::email.eq(email))).all(&cx).await.unwrap();
            assert_eq!(found.iter().map(|user| user.id).collect::<Vec<_>>(), [users[1].id]);
        })
        .await;
}

async fn a_loop_over_such_a_list_is_an_n_plus_one(bench: Bench) {
    on_a_shelf(&bench, async |cx| {
        for name in ["a", "b", "c", "d", "e"] {
            Book::query().filter(Book::authors.any(Author::name.eq(name.to_owned()))).all(cx).await.unwrap();
        }
    })
    .await;
    let repeated = bench.repeated();
    assert_eq!(repeated.len(), 1);
    assert_eq!(&*repeated[0].name, "shelf_books.list");
}

async fn a_narrowed_list_is_served_by_the_relations_index(bench: Bench) {
    let bad = explained(&bench, async |cx| {
        let projects = work::plan(&cx, 4).await;
        let in_project = || Task::query().filter(Task::project_id.eq(projects[0].id));
        let labelled =
            || Task::labelings.any(work::Labeling::label.any(work::Label::name.eq("urgent".to_owned())));
        for filter in [
            labelled,
            || Task::comments.is_empty(),
            || Task::labels.any(work::Label::name.ne("x".to_owned())),
        ] {
            for turned in [false, true] {
                let list = || in_project().filter(filter());
                let list = || if turned { list().newest_first() } else { list() };
                let first = list().page(&Page::first(1)).all(&cx).await.unwrap();
                let cursor = first.listing(Vec::<()>::new()).next_cursor;
                assert!(cursor.is_some());
                list().page(&Page { limit: 1, cursor }).all(&cx).await.unwrap();
            }
            in_project().filter(filter()).count(&cx).await.unwrap();
        }
    })
    .await;
    assert!(bad.is_empty(), "{}", bad[0]);
}

/// A chapter refers to its book, and no index leads from the book to it.
#[derive(Debug, Entity)]
#[entity(table = "unindexed_chapters", tenant = org_id)]
struct Chapter {
    #[entity(key)]
    id: Uuid,
    org_id: OrgId,
    volume_id: Uuid,
}

#[derive(Debug, Entity)]
#[entity(table = "unindexed_volumes", tenant = org_id)]
struct Volume {
    #[entity(key)]
    id: Uuid,
    org_id: OrgId,
    shelf: i64,
    #[entity(has_many(by = volume_id))]
    chapters: Many<Chapter>,
}

const UNINDEXED: ModuleMigrations = ModuleMigrations {
    module: "unindexed",
    files: &[MigrationFile {
        name: "0001_volumes.sql",
        text: "CREATE TABLE unindexed_volumes (
                   org_id uuid NOT NULL, id uuid NOT NULL, shelf bigint NOT NULL, PRIMARY KEY (org_id, id)
               );
               CREATE INDEX unindexed_volumes_by_shelf ON unindexed_volumes (org_id, shelf, id);
               CREATE TABLE unindexed_chapters (
                   org_id uuid NOT NULL, id uuid NOT NULL, volume_id uuid NOT NULL, PRIMARY KEY (org_id, id)
               );",
    }],
};

async fn an_index_that_the_relation_lacks_is_named(bench: Bench) {
    bench.database.migrate(&[UNINDEXED]).await.unwrap();
    let bad = explained(&bench, async |cx| {
        let list = Volume::query().filter(Volume::shelf.eq(1)).filter(Volume::chapters.is_not_empty());
        list.limit(10).all(&cx).await.unwrap();
    })
    .await;
    assert_eq!(bad.len(), 1);
    let index = "CREATE INDEX unindexed_chapters_by_volume_id ON unindexed_chapters (org_id, volume_id";
    assert!(bad[0].index.as_deref().is_some_and(|found| found.starts_with(index)), "{}", bad[0]);
}
