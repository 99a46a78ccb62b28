//! The bytes of files, in a folder: one folder an organization, one file a blob. What is being written lies beside
//! them and is renamed when it is complete and on the disk, so a blob is whole or not there.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use files_api::FileId;
use futures_util::stream::{self, Stream};
use tenfold::data::{OrgId, Uuid};
use tokio::fs;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use crate::private;

/// How many bytes are read at a time.
const CHUNK: usize = 64 * 1024;
/// The folder of what is being written, beside those of the organizations.
const INCOMING: &str = "incoming";
/// The ending of a thumbnail's name.
const THUMBNAIL: &str = ".thumbnail";

/// The blob store.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    root: PathBuf,
}

/// The address of a blob store that is none.
#[derive(Debug, thiserror::Error)]
#[error("files.blobs = `{0}` is not a file store: write file: and a folder, such as file:data/blobs")]
pub(crate) struct NoStore(String);

/// Which blob of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What was uploaded.
    Content,
    /// A small picture of it.
    Thumbnail,
}

/// A blob that is being written; dropped, it leaves nothing behind.
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
    /// The file's id, or that of the writing, which two writers of one file do not share. Both tell when they were made.
    pub id: Uuid,
    path: PathBuf,
}

impl Blobs {
    /// The store at `file:PATH`; makes its folder, and closes what is in it to all accounts but this one.
    pub(crate) fn open(address: &str) -> anyhow::Result<Self> {
        let path = address.strip_prefix("file:").filter(|path| !path.is_empty());
        let root = PathBuf::from(path.ok_or_else(|| NoStore(address.to_owned()))?);
        private::folders(&root.join(INCOMING))
            .map_err(|error| anyhow::anyhow!("files.blobs: {} cannot be created: {error}", root.display()))?;
        // A volume that the process may write and does not own, or a file that another process takes away meanwhile.
        if let Err(error) = private::close(&root) {
            let root = root.display();
            tracing::warn!(%error, "files.blobs: {root} can be read by other users of the machine");
        }
        Ok(Blobs { root })
    }

    /// Begins to write a blob. `writing` is a fresh id: a worker that lost its lease may still write the same blob, and
    /// must not truncate what its successor writes.
    pub(crate) async fn create(
        &self,
        org_id: OrgId,
        file: FileId,
        part: Part,
        writing: Uuid,
    ) -> io::Result<Incoming> {
        let target = self.path(org_id, file, part);
        let path = self.root.join(INCOMING).join(writing.to_string());
        Ok(Incoming { file: private::file(&path).await?, path, target, kept: false })
    }

    /// Whether the organization's folder is there. One that has a file has a folder, unless the store is away.
    pub(crate) fn has(&self, org_id: OrgId) -> bool {
        self.root.join(org_id.to_string()).is_dir()
    }

    /// Where a blob is, for readers that block.
    pub(crate) fn path(&self, org_id: OrgId, file: FileId, part: Part) -> PathBuf {
        self.root.join(org_id.to_string()).join(part.name(file))
    }

    /// `length` bytes of a blob from `start`, chunk by chunk. Opens it at once, so that a missing one is an error here.
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

    /// Deletes both blobs of a file; those that are not there are none.
    pub(crate) async fn delete(&self, org_id: OrgId, file: FileId) -> io::Result<()> {
        for part in [Part::Content, Part::Thumbnail] {
            remove(&self.path(org_id, file, part)).await?;
        }
        Ok(())
    }

    /// Deletes what [`Blobs::list`] found.
    pub(crate) async fn discard(&self, found: &StoredBlob) -> io::Result<()> {
        remove(&found.path).await
    }

    /// Every blob of one folder after the other: what is being written, then each organization's.
    pub(crate) async fn folders(&self) -> io::Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        let mut entries = fs::read_dir(&self.root).await?;
        while let Some(entry) = entries.next_entry().await? {
            folders.push(entry.path());
        }
        folders.sort();
        Ok(folders)
    }

    /// The blobs of a folder; what has another name than ours is left alone.
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

impl Part {
    fn name(self, file: FileId) -> String {
        match self {
            Part::Content => file.to_string(),
            Part::Thumbnail => format!("{file}{THUMBNAIL}"),
        }
    }
}

impl Incoming {
    /// Adds bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await
    }

    /// The blob is complete: it is on the disk, under its name, when this returns.
    pub(crate) async fn keep(mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        let folder = self.target.parent().unwrap_or(Path::new("."));
        private::folders(folder)?;
        fs::rename(&self.path, &self.target).await?;
        self.kept = true;
        // The name is durable only when its folder is, and a new folder's when the one above is.
        for folder in folder.ancestors().take(2).filter(|folder| !folder.as_os_str().is_empty()) {
            fs::File::open(folder).await?.sync_all().await?;
        }
        Ok(())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed is swept later.
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
