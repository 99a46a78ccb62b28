//! Texts of authors that write a table and do not say so are found, on each database.

use std::panic::Location;

use tenfold_data::feed_migrations;
use tenfold_data::testing::plans::Ran;
use tenfold_data::testing::rights::unsaid;

use crate::bench::Bench;
use crate::feed::STORE;

on_both_databases!(a_write_that_is_not_said_is_found, what_is_known_without_it_need_not_be_said);

/// The tables that a text writes without saying so.
async fn found(bench: &Bench, text: &str, said: Option<&[&'static str]>) -> Vec<String> {
    let (name, site, said) = ("test.text".to_owned(), Location::caller(), said.map(<[_]>::to_vec));
    let ran = Ran { name, module: "work", site, text: text.to_owned(), said };
    unsaid(&bench.superuser_url(), &[ran]).await.into_iter().flat_map(|unsaid| unsaid.tables).collect()
}

async fn a_write_that_is_not_said_is_found(bench: Bench) {
    for text in [
        "UPDATE work_labels SET name = 'x' WHERE org_id = $1",
        "DELETE FROM work_labels WHERE org_id = $1 RETURNING name",
        "INSERT INTO work_labels (org_id, id, name) VALUES ($1, $2, $3)",
        "INSERT INTO work_labels (org_id, id, name) SELECT org_id, id, title FROM work_tasks WHERE org_id = $1",
        "INSERT INTO work_labels (org_id, id, name) VALUES ($1, $2, $3)
         ON CONFLICT (org_id, id) DO UPDATE SET name = excluded.name",
    ] {
        assert_eq!(found(&bench, text, Some(&[])).await, ["work_labels"], "{text}");
        assert_eq!(found(&bench, text, Some(&["work_tasks"])).await, ["work_labels"], "{text}");
        assert_eq!(found(&bench, text, Some(&["work_tasks", "work_labels"])).await, [""; 0], "{text}");
        assert_eq!(found(&bench, text, None).await, [""; 0], "a generated text says it itself");
    }
    let site = Location::caller();
    let text = "UPDATE work_labels SET name = 'x' WHERE org_id = $1".to_owned();
    let ran = Ran { name: "labels.x".to_owned(), module: "work", site, text, said: Some(Vec::new()) };
    let told = unsaid(&bench.superuser_url(), &[ran]).await[0].to_string();
    for part in ["labels.x (module work)", "tests/it/unsaid.rs", "add `.changes(\"work_labels\")`"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

async fn what_is_known_without_it_need_not_be_said(bench: Bench) {
    bench.database.migrate(&[STORE, feed_migrations()]).await.unwrap();
    let read = "SELECT name FROM work_labels WHERE org_id = $1";
    assert_eq!(found(&bench, read, Some(&[])).await, [""; 0]);
    let framework = "DELETE FROM tenfold_processes WHERE id = $1";
    assert_eq!(found(&bench, framework, Some(&[])).await, [""; 0]);
    let cascades = "DELETE FROM store_boxes WHERE org_id = $1";
    assert_eq!(found(&bench, cascades, Some(&["store_boxes"])).await, [""; 0]);
}
