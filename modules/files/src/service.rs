//! What the module's handlers and jobs share: the blob store and the bounds.

use serde::Deserialize;
use tenfold::config::ByteSize;
use tenfold::prelude::*;
use tokio::sync::Semaphore;

use crate::blobs::Blobs;
use crate::sweep;

/// Pictures that are decoded at once in one process: each may take a hundred megabytes.
const PICTURES_AT_ONCE: usize = 2;

/// `[files]` of the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    blobs: String,
    max_size: ByteSize,
}

/// The module's service.
pub(crate) struct Files {
    pub(crate) blobs: Blobs,
    /// The longest file, in bytes.
    pub(crate) max_size: u64,
    /// A place for each picture that is decoded.
    pub(crate) pictures: Semaphore,
}

impl Files {
    /// Reads the settings, opens the store and sees to it that it is swept.
    pub(crate) async fn start(wiring: &Wiring) -> anyhow::Result<Self> {
        let settings: Settings = wiring.settings().section("files")?;
        wiring.settings().within(
            "files.max_size",
            settings.max_size,
            ByteSize::bytes(1)..=ByteSize::gib(1024),
        )?;
        let blobs = Blobs::open(&settings.blobs)?;
        wiring.database().run(None, async |cx| sweep::begin(&cx).await).await?;
        let pictures = Semaphore::new(PICTURES_AT_ONCE);
        Ok(Files { blobs, max_size: settings.max_size.as_u64(), pictures })
    }
}
