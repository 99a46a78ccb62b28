//! Where a process of a test runs: the harness's place, for the program of this package.

use std::ops::Deref;
use std::path::Path;

/// An empty working directory and an empty database; see [`harness::Place`].
pub(crate) struct Place(harness::Place);

impl Place {
    /// With an SQLite file that is not there yet, in the working directory.
    pub fn sqlite() -> Self {
        Place(harness::Place::sqlite(Path::new(env!("CARGO_BIN_EXE_app"))))
    }

    /// With a PostgreSQL database of its own, on the server of the tests.
    pub fn postgres() -> Self {
        Place(harness::Place::postgres(Path::new(env!("CARGO_BIN_EXE_app"))))
    }

    /// With a PostgreSQL database behind the pgbouncer of the tests.
    pub fn pooled() -> Self {
        Place(harness::Place::pooled(Path::new(env!("CARGO_BIN_EXE_app"))))
    }
}

impl Deref for Place {
    type Target = harness::Place;
    fn deref(&self) -> &harness::Place {
        &self.0
    }
}
