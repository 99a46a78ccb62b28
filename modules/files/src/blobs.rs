//! The bytes of files, in a folder: one subfolder per organization, one file per blob. A blob that is being
//! written lies beside them and is renamed once it is complete and on the disk, so a blob is either whole or
//! missing.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use tenfold::data::{OrgId, Uuid};
use tenfold_files_api::FileId;
use tokio::fs;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use crate::private;

/// How many bytes are read at a time.
const CHUNK: usize = 64 * 1024;
/// The folder of blobs that are being written, beside those of the organizations.
const INCOMING: &str = "incoming";
/// The file that says which store it is, beside the folders.
const MARKER: &str = ".tenfold-store";
/// The ending of a thumbnail's name.
const THUMBNAIL: &str = ".thumbnail";

/// The blob store.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    root: PathBuf,
}

/// The address is not that of a blob store.
#[derive(Debug, thiserror::Error)]
#[error("files.blobs = `{0}` is not a file store: write file: and a folder, such as file:data/blobs")]
pub(crate) struct NoStore(String);

/// Which blob of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlobPart {
    /// The uploaded content.
    Content,
    /// Its thumbnail.
    Thumbnail,
}

/// A blob that is being written; dropping it deletes it.
pub(crate) struct Incoming {
    file: fs::File,
    path: PathBuf,
    target: PathBuf,
    kept: bool,
}

/// A name in the store.
#[derive(Clone, Debug)]
pub(crate) struct StoredBlob {
    /// The owner; none while it is being written.
    pub org_id: Option<OrgId>,
    /// The file's id, or that of the writing, which is unique per writer. Both contain their creation time.
    pub id: Uuid,
    path: PathBuf,
}

impl Blobs {
    /// The store at `file:PATH`; creates its folder, and makes its content inaccessible to other accounts.
    pub(crate) fn open(address: &str) -> anyhow::Result<Self> {
        let path = address.strip_prefix("file:").filter(|path| !path.is_empty());
        let root = PathBuf::from(path.ok_or_else(|| NoStore(address.to_owned()))?);
        private::folders(&root.join(INCOMING))
            .map_err(|error| anyhow::anyhow!("files.blobs: {} cannot be created: {error}", root.display()))?;
        // The process may write to the volume without owning it, or another process may delete a file meanwhile.
        if let Err(error) = private::close(&root) {
            let root = root.display();
            tracing::warn!(%error, "files.blobs: {root} can be read by other users of the machine");
        }
        Ok(Blobs { root })
    }

    /// Begins to write a blob. `writing` is a fresh id: a worker that lost its lease may still write the same blob,
    /// and must not truncate what its successor writes.
    pub(crate) async fn create(
        &self,
        org_id: OrgId,
        file: FileId,
        part: BlobPart,
        writing: Uuid,
    ) -> io::Result<Incoming> {
        let target = self.path(org_id, file, part);
        let path = self.root.join(INCOMING).join(writing.to_string());
        Ok(Incoming { file: private::file(&path).await?, path, target, kept: false })
    }

    /// Whether the organization's folder exists. An organization with a file has a folder, unless the store is
    /// unavailable.
    pub(crate) fn has(&self, org_id: OrgId) -> bool {
        self.root.join(org_id.to_string()).is_dir()
    }

    /// The absolute path of the file that says which store it is.
    pub(crate) fn marker(&self) -> PathBuf {
        let marker = self.root.join(MARKER);
        std::path::absolute(&marker).unwrap_or(marker)
    }

    /// The path of a blob, for blocking readers.
    pub(crate) fn path(&self, org_id: OrgId, file: FileId, part: BlobPart) -> PathBuf {
        self.root.join(org_id.to_string()).join(part.name(file))
    }

    /// `length` bytes of a blob from `start`, chunk by chunk. Opens the file at once, so that a missing one is an
    /// error here.
    pub(crate) async fn read(
        &self,
        path: &Path,
        start: u64,
        length: u64,
    ) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static> {
        let mut file = fs::File::open(path).await?;
        file.seek(io::SeekFrom::Start(start)).await?;
        Ok(stream::try_unfold(file.take(length), |mut rest| async move {
            let mut chunk = Vec::with_capacity(CHUNK);
            (&mut rest).take(CHUNK as u64).read_to_end(&mut chunk).await?;
            Ok((!chunk.is_empty()).then(|| (Bytes::from(chunk), rest)))
        }))
    }

    /// Deletes both blobs of a file; a missing one is not an error.
    pub(crate) async fn delete(&self, org_id: OrgId, file: FileId) -> io::Result<()> {
        for part in [BlobPart::Content, BlobPart::Thumbnail] {
            remove(&self.path(org_id, file, part)).await?;
        }
        Ok(())
    }

    /// Deletes all blobs of an organization; a missing folder is not an error.
    pub(crate) async fn erase(&self, org_id: OrgId) -> io::Result<()> {
        match fs::remove_dir_all(self.root.join(org_id.to_string())).await {
            // The store must be there, else its bytes are as well, somewhere.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::metadata(self.root.join(INCOMING)).await.map(drop)
            }
            other => other,
        }
    }

    /// Deletes a blob that [`Blobs::list`] found.
    pub(crate) async fn discard(&self, found: &StoredBlob) -> io::Result<()> {
        remove(&found.path).await
    }

    /// The folders of the store: that of blobs being written, then each organization's.
    pub(crate) async fn folders(&self) -> io::Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        let mut entries = fs::read_dir(&self.root).await?;
        while let Some(entry) = entries.next_entry().await? {
            folders.push(entry.path());
        }
        folders.sort();
        Ok(folders)
    }

    /// The blobs of a folder; files with other names are ignored.
    pub(crate) async fn list(&self, folder: &Path) -> io::Result<Vec<StoredBlob>> {
        let owner = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let org_id: Option<OrgId> = owner.parse().ok();
        if org_id.is_none() && owner != INCOMING {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        let mut entries = fs::read_dir(folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Ok(id) = name.strip_suffix(THUMBNAIL).unwrap_or(&name).parse() {
                found.push(StoredBlob { org_id, id, path: entry.path() });
            }
        }
        Ok(found)
    }
}

impl BlobPart {
    fn name(self, file: FileId) -> String {
        match self {
            BlobPart::Content => file.to_string(),
            BlobPart::Thumbnail => format!("{file}{THUMBNAIL}"),
        }
    }
}

impl Incoming {
    /// Appends bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await
    }

    /// Completes the blob: it is on the disk, under its name, when this returns.
    pub(crate) async fn keep(mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        let folder = self.target.parent().unwrap_or(Path::new("."));
        private::folders(folder)?;
        fs::rename(&self.path, &self.target).await?;
        self.kept = true;
        // The name is durable only once its folder is synced, and a new folder's name once its parent is.
        for folder in folder.ancestors().take(2).filter(|folder| !folder.as_os_str().is_empty()) {
            fs::File::open(folder).await?.sync_all().await?;
        }
        Ok(())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.kept {
            // The sweep removes it later if this fails.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

async fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
