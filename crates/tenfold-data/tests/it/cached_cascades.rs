//! Entities that say `cached` whose rows a delete changes by foreign keys, also within one table.

use tenfold_data::{Entity, EntityExt, MigrationFile, ModuleMigrations, OrgId, id};

use crate::bench::Bench;
use crate::cached::{Book, BookId, CachingProcess};

on_both_databases!(
    a_cascade_within_one_table_is_seen,
    a_reference_within_one_table_is_seen_set_to_null,
    a_foreign_key_that_came_later_is_learned,
);

id!(BranchId);
id!(LeafId);
id!(LoanId);

#[derive(Clone, Debug, Entity)]
#[entity(table = "tree_branches", tenant = org_id, cached)]
struct Branch {
    #[entity(key)]
    id: BranchId,
    org_id: OrgId,
    parent_id: Option<BranchId>,
}

#[derive(Clone, Debug, Entity)]
#[entity(table = "tree_leaves", tenant = org_id, cached)]
struct Leaf {
    #[entity(key)]
    id: LeafId,
    org_id: OrgId,
    beside_id: Option<LeafId>,
}

/// Comes with a later version of the application.
#[derive(Clone, Debug, Entity)]
#[entity(table = "library_loans", tenant = org_id, cached)]
struct Loan {
    #[entity(key)]
    id: LoanId,
    org_id: OrgId,
    book_id: BookId,
}

const TREE: ModuleMigrations =
    ModuleMigrations { module: "tree", files: &[MigrationFile { name: "0001_tree.sql", text: TABLES }] };

/// References of one column, because `SET NULL` would set the organization as well.
const TABLES: &str = "
CREATE TABLE tree_branches (
    org_id uuid NOT NULL, id uuid NOT NULL UNIQUE, parent_id uuid REFERENCES tree_branches (id) ON DELETE CASCADE,
    PRIMARY KEY (org_id, id)
);
CREATE TABLE tree_leaves (
    org_id uuid NOT NULL, id uuid NOT NULL UNIQUE, beside_id uuid REFERENCES tree_leaves (id) ON DELETE SET NULL,
    PRIMARY KEY (org_id, id)
);
";

const LOANS: ModuleMigrations = ModuleMigrations {
    module: "library",
    files: &[MigrationFile { name: "0002_loans.sql", text: LOAN_TABLE }],
};

const LOAN_TABLE: &str = "
CREATE TABLE library_loans (
    org_id uuid NOT NULL, id uuid NOT NULL, book_id uuid NOT NULL, PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, book_id) REFERENCES library_books (org_id, id) ON DELETE CASCADE
);
CREATE INDEX library_loans_by_book ON library_loans (org_id, book_id);
";

async fn with_trees(bench: &Bench) -> CachingProcess {
    let process = CachingProcess::start(bench).await;
    process.bench.database.migrate(&[TREE]).await.unwrap();
    process
}

async fn a_cascade_within_one_table_is_seen(bench: Bench) {
    let process = with_trees(&bench).await;
    let (org_id, id) = (process.bench.org, || BranchId(process.clock.new_id()));
    let trunk = Branch { id: id(), org_id, parent_id: None };
    let child = Branch { id: id(), org_id, parent_id: Some(trunk.id) };
    let twig = Branch { id: id(), org_id, parent_id: Some(child.id) };
    let all = vec![trunk.clone(), child.clone(), twig.clone()];
    process.write(async |tx| Branch::insert_many(tx, all).await).await;
    let found = async |id: BranchId| {
        process.bench.request(async |cx| Branch::find(&cx, id).await.unwrap().is_some()).await
    };
    assert!(found(child.id).await && found(twig.id).await);
    process.write(async |tx| Branch::delete(tx, trunk.id).await).await;
    assert!(!found(child.id).await && !found(twig.id).await);
}

async fn a_reference_within_one_table_is_seen_set_to_null(bench: Bench) {
    let process = with_trees(&bench).await;
    let (org_id, id) = (process.bench.org, || LeafId(process.clock.new_id()));
    let first = Leaf { id: id(), org_id, beside_id: None };
    let second = Leaf { id: id(), org_id, beside_id: Some(first.id) };
    let both = vec![first.clone(), second.clone()];
    process.write(async |tx| Leaf::insert_many(tx, both).await).await;
    let beside =
        async || process.bench.request(async |cx| Leaf::get(&cx, second.id).await.unwrap().beside_id).await;
    assert_eq!(beside().await, Some(first.id));
    process.write(async |tx| Leaf::delete(tx, first.id).await).await;
    assert_eq!(beside().await, None);
}

/// A deployment: the process of the old version runs while the new one migrates.
async fn a_foreign_key_that_came_later_is_learned(bench: Bench) {
    let (old, new) = (CachingProcess::start(&bench).await, CachingProcess::start(&bench).await);
    old.poll().await;
    let book = old.store(1).await.remove(0);
    new.bench.database.migrate(&[LOANS]).await.unwrap();
    let loan = Loan { id: LoanId(new.clock.new_id()), org_id: new.bench.org, book_id: book.id };
    let id = loan.id;
    new.write(async |tx| loan.insert(tx).await).await;
    new.poll().await;
    old.poll().await;
    let found = async || new.bench.request(async |cx| Loan::find(&cx, id).await.unwrap().is_some()).await;
    assert!(found().await);
    old.write(async |tx| Book::delete(tx, book.id).await).await;
    new.poll().await;
    assert!(!found().await);
}
