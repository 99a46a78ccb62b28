//! Whether the folder of files is the one that belongs to the database: a file in the folder and a row in the database have the same
//! id. Two processes with different folders would each miss the files of the other one, and so does a database that was restored
//! without its folder.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tenfold::data::{Database, Uuid};
use tenfold::prelude::*;
use tokio::fs;
use tokio::io::AsyncWriteExt as _;

use crate::private;
use crate::service::Files;

/// How often an empty marker is read again, which another process is about to write.
const TRIES: usize = 20;
/// The time between two of them.
const PAUSE: Duration = Duration::from_millis(100);

/// Checks that the folder belongs to the database. A database without a folder takes the one that it finds.
///
/// # Errors
/// The folder is that of another database, or none; the message says what to do. Or it cannot be read or written.
pub(crate) async fn check(files: Arc<Files>) -> anyhow::Result<()> {
    let (database, marker) = (&files.database, files.blobs.marker());
    // The row is read first: its process has written the marker before it.
    let Some(known) = stored(database).await? else { return claim(database, &marker).await };
    match read(&marker).await? {
        Some(found) if found == known => Ok(()),
        found => Err(refusal(&marker, known, found)),
    }
}

/// Makes the folder that of the database, unless another process is quicker with another folder. A folder that is marked already
/// keeps its id: its database was made anew, or restored from a backup of an older version.
async fn claim(database: &Database, marker: &Path) -> anyhow::Result<()> {
    let fresh = database.run(None, async |cx| cx.new_id()).await;
    let found = match read(marker).await? {
        Some(found) => found,
        None => mark(marker, fresh).await?,
    };
    database.run(None, async |cx| store(&cx, found).await).await?;
    let known = stored(database).await?.context("files_store: the row of the store is gone")?;
    if known == found {
        return Ok(());
    }
    if found != fresh {
        return Err(refusal(marker, known, Some(found)));
    }
    fs::remove_file(marker).await.with_context(|| format!("files.blobs: {}", marker.display()))?;
    Err(refusal(marker, known, None))
}

fn refusal(marker: &Path, known: Uuid, found: Option<Uuid>) -> anyhow::Error {
    let folder = marker.parent().unwrap_or(marker).display();
    let why = match found {
        Some(found) => format!("its mark is {found}, and the database knows the folder {known}"),
        None => format!("it has no mark, and the database knows the folder {known}"),
    };
    let marker = marker.display();
    anyhow::anyhow!(
        "files.blobs: {folder} is not the folder with the files of this database: {why}; all processes must share one folder, and a \
         restored database needs its folder, too; if the files are lost for good, write {known} into {marker}"
    )
}

/// The id of the folder that belongs to the database; none if no process has taken one yet.
async fn stored(database: &Database) -> Result<Option<Uuid>, DataError> {
    let read = async |cx: SystemContext| -> Result<Option<(Uuid,)>, DataError> {
        sql!("files_store.get", "SELECT store FROM files_store WHERE id = 1").first(&cx).await
    };
    Ok(database.run(None, read).await?.map(|(store,)| store))
}

/// Stores the id of the folder, unless there is one.
async fn store(cx: &SystemContext, found: Uuid) -> Result<(), DataError> {
    cx.transaction(async |tx| -> Result<(), DataError> {
        sql!(
            "files_store.claim",
            "INSERT INTO files_store (id, store) VALUES (1, $1) ON CONFLICT (id) DO NOTHING"
        )
        .changes("files_store")
        .bind(found)
        .execute(&*tx)
        .await?;
        Ok(())
    })
    .await
}

/// The id in the marker; none without a marker.
async fn read(marker: &Path) -> anyhow::Result<Option<Uuid>> {
    let mut text = String::new();
    for _ in 0..TRIES {
        text = match fs::read_to_string(marker).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("files.blobs: {} cannot be read", marker.display()))?,
        };
        if !text.is_empty() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    let id = text.trim().parse();
    let id = id.map_err(|_| {
        let marker = marker.display();
        anyhow::anyhow!(
            "files.blobs: {marker} has no id of a folder of files: restore it, or remove it and start again"
        )
    })?;
    Ok(Some(id))
}

/// Writes the marker, and gives its id: another one if another process was quicker.
async fn mark(marker: &Path, fresh: Uuid) -> anyhow::Result<Uuid> {
    let failed = || format!("files.blobs: {} cannot be written", marker.display());
    let file = match private::new_file(marker).await {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return read(marker).await?.with_context(|| format!("files.blobs: {} is gone", marker.display()));
        }
        file => file.with_context(failed)?,
    };
    if let Err(error) = write(file, marker, fresh).await {
        // An empty one would stop the next start. If this fails, too, the next start says what to do.
        let _ = fs::remove_file(marker).await;
        return Err(error).with_context(failed);
    }
    Ok(fresh)
}

/// The marker is on the disk, under its name, when this returns.
async fn write(mut file: fs::File, marker: &Path, id: Uuid) -> io::Result<()> {
    file.write_all(format!("{id}\n").as_bytes()).await?;
    file.flush().await?;
    file.sync_all().await?;
    fs::File::open(marker.parent().unwrap_or(marker)).await?.sync_all().await
}
