//! Texts that would mean different things on the two databases; in a file of their own, because the compiler evaluates
//! them only when everything else is right.

#![allow(dead_code, missing_docs, unused_must_use)]

use tenfold_data::sql;

pub fn texts() {
    sql!("notes.half", "SELECT sum(size) / 2 FROM notes_notes"); //~ E0080 a sum is divided: sum(…) / … is cut off on SQLite
    sql!("notes.half", "SELECT CAST(sum(size) AS bigint) / 2 FROM notes_notes");
    sql!("notes.share", "SELECT 100 * count(*) / coalesce(sum(size), 1) FROM notes_notes"); //~ E0080 CAST(sum(…) AS bigint)
    sql!("notes.share", "SELECT 100 * count(*) / CAST(coalesce(sum(size), 1) AS bigint) FROM notes_notes");
    // With a text for each database the author has considered both.
    sql!(
        "notes.each",
        sqlite: "SELECT sum(size) / 2 FROM notes_notes",
        postgres: "SELECT trunc(sum(size) / 2) FROM notes_notes"
    );
}
