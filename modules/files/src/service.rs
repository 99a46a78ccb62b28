//! The state that the module's handlers and jobs share: the blob store and the limits.

use std::time::Duration;

use serde::Deserialize;
use tenfold::config::{ByteSize, ConfigError, Loaded, TimeSpan};
use tenfold::data::Database;
use tenfold::prelude::*;
use tokio::sync::Semaphore;

use crate::blobs::Blobs;
use crate::picture::PictureBounds;

/// How many pictures one process draws at once: each may take `files.picture_memory`.
const PICTURES_AT_ONCE: usize = 2;

/// `[files]` of the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FilesSettings {
    blobs: String,
    max_size: ByteSize,
    orphan_after: TimeSpan,
    picture_memory: ByteSize,
    picture_time: TimeSpan,
    picture_scans: u32,
    reservation_lease: TimeSpan,
}

impl FilesSettings {
    fn read(loaded: &Loaded) -> Result<Self, ConfigError> {
        let settings: FilesSettings = loaded.section("files")?;
        let sizes = ByteSize::bytes(1)..=ByteSize::gib(1024);
        loaded.within("files.max_size", settings.max_size, sizes)?;
        let times = TimeSpan::seconds(10)..=TimeSpan::hours(30 * 24);
        loaded.within("files.orphan_after", settings.orphan_after, times)?;
        let memory = ByteSize::mib(8)..=ByteSize::gib(4);
        loaded.within("files.picture_memory", settings.picture_memory, memory)?;
        let times = TimeSpan::milliseconds(1)..=TimeSpan::minutes(10);
        loaded.within("files.picture_time", settings.picture_time, times)?;
        loaded.within("files.picture_scans", settings.picture_scans, 1..=10_000)?;
        let leases = TimeSpan::seconds(10)..=TimeSpan::hours(24);
        loaded.within("files.reservation_lease", settings.reservation_lease, leases)?;
        Ok(settings)
    }
}

/// Checks whether the module can work with these settings.
///
/// # Errors
/// [`ConfigError`] names the key and what is allowed.
pub(crate) fn check(loaded: &Loaded) -> Result<(), ConfigError> {
    FilesSettings::read(loaded).map(drop)
}

/// The module's service.
pub(crate) struct Files {
    pub(crate) blobs: Blobs,
    /// The maximum file size, in bytes.
    pub(crate) max_size: u64,
    /// How long a blob may exist without a row.
    pub(crate) orphan_after: Duration,
    /// One permit for each picture that is being decoded.
    pub(crate) pictures: Semaphore,
    /// The limits for the work on one picture.
    pub(crate) bounds: PictureBounds,
    /// How long an upload's space stays reserved when no bytes arrive.
    pub(crate) reservation_lease: Duration,
    /// The database in which the space of an interrupted upload is given back.
    pub(crate) database: Database,
}

impl Files {
    /// Reads the settings and opens the store.
    pub(crate) fn open(wiring: &Wiring) -> anyhow::Result<Self> {
        let settings = FilesSettings::read(wiring.settings())?;
        let blobs = Blobs::open(&settings.blobs)?;
        let pictures = Semaphore::new(PICTURES_AT_ONCE);
        let (max_size, orphan_after) = (settings.max_size.as_u64(), settings.orphan_after.as_std());
        let bounds = PictureBounds {
            memory: settings.picture_memory,
            time: settings.picture_time,
            scans: settings.picture_scans,
        };
        let (reservation_lease, database) = (settings.reservation_lease.as_std(), wiring.database().clone());
        Ok(Files { blobs, max_size, orphan_after, pictures, bounds, reservation_lease, database })
    }

    /// How long an upload may take at any rate: its row must exist before its bytes count as an orphan.
    pub(crate) fn longest_upload(&self) -> Duration {
        self.orphan_after - self.orphan_after / 12
    }
}
