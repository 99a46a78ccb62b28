//! Where a process of a test runs: the harness's place, for the program of this package.

use std::ops::Deref;
use std::path::Path;

use harness::process::Launch;

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

    /// The application with this database, on a free port of loopback. Its limits for the database are longer than a busy
    /// machine stands still.
    pub fn app(&self, arguments: &[&str]) -> Launch {
        patient(self.0.app(arguments))
    }

    /// The same by another program.
    pub fn app_of(&self, program: &Path, arguments: &[&str]) -> Launch {
        patient(self.0.app_of(program, arguments))
    }
}

fn patient(launch: Launch) -> Launch {
    PATIENT.into_iter().fold(launch, |launch, (name, value)| launch.env(name, value))
}

/// For every process of the tests, unless a test is about these limits.
const PATIENT: [(&str, &str); 3] = [
    ("TENFOLD_DATABASE__TRANSACTION_LIMIT", "30s"),
    ("TENFOLD_DATABASE__ACQUIRE_TIMEOUT", "60s"),
    ("TENFOLD_DATABASE__CONNECT_TIMEOUT", "60s"),
];

impl Deref for Place {
    type Target = harness::Deployment;
    fn deref(&self) -> &harness::Deployment {
        &self.0
    }
}
