//! A change of the files that `migrations!()` reads causes a rebuild.

use crate::refused::Probe;

/// The build script that each package with migrations has.
const BUILD: &str = include_str!("../../../tenfold-jobs/build.rs");

const SOURCE: &str = r#"
extern crate self as tenfold;
pub use tenfold_data as data;
const _: () = assert!(tenfold_data::migrations!().len() == 1, "another migration is seen");
"#;

#[test]
fn a_new_migration_is_seen_by_the_next_build() {
    let probe = Probe::of(SOURCE, "rebuilt");
    probe.remove("migrations");
    probe.write("build.rs", BUILD);
    probe.write("migrations/0001_first.sql", "SELECT 1;");
    assert!(probe.errors().is_empty());
    probe.write("migrations/0002_second.sql", "SELECT 2;");
    let errors = probe.errors();
    let seen = |(_, message): &(String, String)| message.contains("another migration is seen");
    assert!(errors.values().flatten().any(seen), "{errors:?}");
}
