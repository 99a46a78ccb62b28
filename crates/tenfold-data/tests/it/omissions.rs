//! Each guarantee, and the test that leaves out its precondition. Tests in other files:
//!
//! | left out | what happens | test |
//! |---|---|---|
//! | `tenant = …` or `global = "why"` | it does not compile | `refused::an_entity_that_names_no_owner_does_not_compile` |
//! | the organization, in a load or a write | it does not compile | `refused`, `types` |
//! | `tenant`, where the key begins with `org_id` | refused before it is sent, and by `tenfold check` | `tenancy::a_global_entity_is_refused_on_the_table_of_a_tenant` |
//! | `org_id` at the beginning of the key | `tenfold check`, rule `tenant` | `tenfold-cli`, `tenant` |
//! | `$1` in a text through a context | an error that names the text | `tenancy::sql_by_its_author_gets_the_organization_as_its_first_parameter` |
//! | the organization's condition in a text | no row of others on PostgreSQL | `rls` |
//! | a transaction around a write | it does not compile, or is refused | `types`, `refusals::sql_outside_a_transaction_cannot_write` |
//! | `tx` inside a transaction | an error with both lines | `transactions` |
//! | `expect_version` | the last write wins, and is counted | `writes::every_change_counts_the_version_up` |
//! | an index for a list | the plan check names it | `plans` |
//! | the index of a search | an error with the line that makes it, and `tenfold check`, rule `search` | `search_index::a_missing_index_is_named` |
//! | a page or a limit | an error at `database.max_rows` | `scope::a_list_without_a_limit_that_grows_too_long_is_refused` |
//! | a relation, in a loop | an N+1 with the loop's line | `repeats` |
//! | an interface, for another module's table | a test fails with its owner | `rights` |
//! | the rebuild of a crate with new migrations | `tenfold check`, rule `rebuild` | `rebuilds` |
//! | a CAST of a sum that is divided | it does not compile | `refused::a_text_that_divides_a_sum_does_not_compile` |

use tenfold_data::testing::plans::{self, Ran};
use tenfold_data::{
    Context, DataError, Entity, EntityExt, EntityRow as _, Many, MigrationFile, ModuleMigrations, OrgId, id,
    sql,
};

use crate::bench::Bench;

on_both_databases!(
    without_its_migration_an_entity_is_named,
    a_relation_without_its_index_is_found,
    a_bounded_text_without_its_index_is_found,
);

id!(ShelfId);
id!(BookId);

#[derive(Debug, Entity)]
#[entity(table = "library_shelves", tenant = org_id)]
struct Shelf {
    #[entity(key)]
    id: ShelfId,
    org_id: OrgId,
    #[entity(has_many(by = shelf_id, order_by = title))]
    books: Many<Book>,
}

#[derive(Debug, Entity)]
#[entity(table = "library_books", tenant = org_id)]
struct Book {
    #[entity(key)]
    id: BookId,
    org_id: OrgId,
    shelf_id: ShelfId,
    title: String,
}

/// The tables lack an index for the books of a shelf.
const TABLES: ModuleMigrations = ModuleMigrations {
    module: "library",
    files: &[MigrationFile {
        name: "0001_library.sql",
        text: "CREATE TABLE library_shelves (org_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (org_id, id));
               CREATE TABLE library_books (org_id uuid NOT NULL, id uuid NOT NULL, shelf_id uuid NOT NULL, title text NOT NULL,
               PRIMARY KEY (org_id, id));",
    }],
};

async fn add_shelf(cx: &Context) -> Result<ShelfId, DataError> {
    let row = ShelfRow { id: ShelfId(cx.new_id()), org_id: cx.tenant() };
    cx.transaction(async |tx| Ok(row.insert(tx).await?.id)).await
}

async fn without_its_migration_an_entity_is_named(bench: Bench) {
    bench
        .request(async |cx| {
            let refused = [
                add_shelf(&cx).await.map(drop),
                Shelf::query().all(&cx).await.map(drop),
                Shelf::find(&cx, ShelfId(cx.new_id())).await.map(drop),
            ];
            for error in refused.map(Result::unwrap_err) {
                assert!(matches!(error, DataError::Statement { .. }), "{error}");
                let told = error.to_string();
                assert!(told.starts_with("library_shelves.") && told.contains("omissions.rs:"), "{told}");
            }
        })
        .await;
}

async fn a_relation_without_its_index_is_found(bench: Bench) {
    bench.database.migrate(&[TABLES]).await.unwrap();
    bench
        .request(async |cx| {
            add_shelf(&cx).await.unwrap();
            add_shelf(&cx).await.unwrap();
            for shelf in &Shelf::query().limit(10).all(&cx).await.unwrap() {
                assert_eq!(shelf.books.get(&cx).await.unwrap().len(), 0);
            }
        })
        .await;
    assert_named(&bench, "library_books.").await;
}

async fn a_bounded_text_without_its_index_is_found(bench: Bench) {
    bench.database.migrate(&[TABLES]).await.unwrap();
    bench
        .request(async |cx| {
            let text = sql!(
                "library_books.of_shelf",
                "SELECT title FROM library_books WHERE org_id = $1 AND shelf_id = $2 ORDER BY title, id LIMIT 5"
            );
            let books: Vec<(String,)> = text.bind(ShelfId(cx.new_id())).bounded().all(&cx).await.unwrap();
            assert_eq!(books.len(), 0);
        })
        .await;
    assert_named(&bench, "library_books.of_shelf").await;
}

/// Asserts that one statement is found, with this name, and with the index for the books of a shelf.
async fn assert_named(bench: &Bench, name: &str) {
    let ran: Vec<Ran> = bench.statements().iter().map(Ran::of).collect();
    let bad = plans::explain(&bench.superuser_url(), &ran).await;
    assert_eq!(bad.len(), 1);
    let told = bad[0].to_string();
    assert!(told.starts_with(name) && told.contains("omissions.rs:"), "{told}");
    assert!(told.contains("ON library_books (org_id, shelf_id"), "{told}");
}
