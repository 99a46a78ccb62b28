//! Where a process of a test runs: the harness's place, for the program of this package.

use std::ops::Deref;
use std::path::Path;

/// An empty working directory and an empty database; see [`harness::Deployment`].
pub(crate) struct Place(harness::Deployment);

impl Place {
    /// With an SQLite file that is not there yet, in the working directory.
    pub fn sqlite() -> Self {
        Place(harness::Deployment::sqlite(Path::new(env!("CARGO_BIN_EXE_app"))))
    }

    /// With a PostgreSQL database of its own, on the server of the tests.
    pub fn postgres() -> Self {
        Place(harness::Deployment::postgres(Path::new(env!("CARGO_BIN_EXE_app"))))
    }

    /// With a PostgreSQL database behind the pgbouncer of the tests.
    pub fn pooled() -> Self {
        Place(harness::Deployment::pooled(Path::new(env!("CARGO_BIN_EXE_app"))))
    }
}

impl Deref for Place {
    type Target = harness::Deployment;
    fn deref(&self) -> &harness::Deployment {
        &self.0
    }
}
