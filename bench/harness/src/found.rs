//! The state after all the kills, read through the public interfaces; the queue and the history of jobs, which no
//! route shows, are read from the database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenfold::config::ByteSize;
use tenfold::data::{Clock, DataError, Database, DatabaseSettings, EntityExt as _, SystemContext, Timestamp};
use tenfold::jobs::{Enqueue as _, FinishedJob, Job, JobContext, JobState, QueuedJob};

use crate::process::{block_on, wait_at_most};
use crate::wire::{HttpConnection, HttpRequest};
use crate::{Deployment, content};

/// The job that deletes what killed uploads left in the store.
const SWEEP: &str = "files.sweep_blobs";

/// That job, seen from outside.
#[derive(Serialize, Deserialize)]
struct Sweep {}

impl Job for Sweep {
    const KIND: &'static str = SWEEP;

    async fn run(self, _: JobContext) -> anyhow::Result<()> {
        unreachable!("the backend's processes run it")
    }
}

/// A file size that exceeds every quota.
const TOO_MUCH: u64 = 1 << 39;

/// Everything that a verdict is based on.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The files that the backend lists, of all clients.
    pub files: Vec<FoundFile>,
    /// The files named in notifications, one entry per notification.
    pub notified: Vec<String>,
    /// The finished jobs.
    pub jobs: Vec<FoundJob>,
    /// The kinds of the unfinished jobs, without sweeps.
    pub queued: Vec<String>,
    /// The usage that the quota counts, in bytes.
    pub usage: u64,
    /// The files whose bytes are in the store under their id, with the SHA-256 of these bytes.
    pub blobs: Vec<(String, String)>,
    /// The names in the folder of blobs that are being written.
    pub incoming: Vec<String>,
}

/// A file as the API shows it.
#[derive(Clone, Debug)]
pub struct FoundFile {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `processing`, `ready` or `failed`.
    pub status: String,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// In bytes.
    pub size: u64,
}

/// A job of the history.
#[derive(Clone, Debug)]
pub struct FoundJob {
    /// Its kind.
    pub kind: String,
    /// The file that it processes or reports; empty when there is none.
    pub file: String,
    /// Whether it completed; otherwise it was discarded or cancelled.
    pub completed: bool,
    /// How often its worker was lost.
    pub crashes: u64,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// Reads the database beside the processes.
pub struct Reader {
    database: Database,
}

impl Reader {
    /// Opens the database of a place, which the processes must have created.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open(place: &Deployment) -> Self {
        let settings = DatabaseSettings { max_rows: 1_000_000, ..DatabaseSettings::default() };
        let database = Database::open(&place.url_from_outside(), &settings, Clock::system(), Vec::new());
        Reader { database: database.expect("the database is there") }
    }

    /// The unfinished jobs, without sweeps.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queued(&self) -> Result<Vec<QueuedJob>, DataError> {
        let sweep = QueuedJob::kind.ne(SWEEP.to_owned());
        let read = async |cx: SystemContext| QueuedJob::query().filter(sweep).all(&cx).await;
        let rows = self.database.run(None, read).await?;
        Ok(rows.iter().cloned().collect())
    }

    /// Has the store swept, as its schedule does once an hour.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self) -> Result<(), DataError> {
        let enqueue = async |cx: SystemContext| cx.transaction(async |tx| tx.enqueue(Sweep {}).await).await;
        self.database.run(None, enqueue).await.map(drop)
    }

    /// The finished jobs.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finished(&self) -> Result<Vec<FinishedJob>, DataError> {
        let rows = self.database.run(None, async |cx| FinishedJob::query().all(&cx).await).await?;
        Ok(rows.iter().cloned().collect())
    }

    /// Closes it.
    pub async fn close(self) {
        self.database.close().await;
    }
}

impl Evidence {
    /// Collects everything.
    ///
    /// # Panics
    /// When something cannot be read: then there is no verdict.
    pub fn gather(place: &Deployment, address: &str, token: &str) -> Self {
        let mut connection = HttpConnection::open(address).expect("the server listens");
        let (queued, jobs) = block_on(async {
            let reader = Reader::open(place).await;
            let found = (reader.queued().await, reader.finished().await);
            reader.close().await;
            found
        });
        let files: Vec<_> = list(&mut connection, token, "/v1/files").iter().map(FoundFile::read).collect();
        Evidence {
            usage: usage(address, token, files.iter().map(|file| file.size).sum()),
            files,
            notified: list(&mut connection, token, "/v1/notifications").iter().map(file_of_link).collect(),
            jobs: jobs.expect("the history can be read").iter().map(FoundJob::read).collect(),
            queued: queued.expect("the queue can be read").into_iter().map(|job| job.kind).collect(),
            blobs: blobs(&store(place)),
            incoming: incoming(place),
        }
    }

    /// The names of the blobs, without reading their bytes.
    pub fn names_in_store(place: &Deployment) -> Vec<String> {
        organizations(&store(place)).iter().flat_map(|folder| names(folder)).collect()
    }
}

/// The names in the folder of blobs that are being written.
pub fn incoming(place: &Deployment) -> Vec<String> {
    names(&store(place).join("incoming"))
}

/// All items of a list, page by page.
///
/// # Panics
/// When the list is refused.
pub fn list(connection: &mut HttpConnection, token: &str, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let request = HttpRequest::get(&format!("{path}?limit=500{cursor}")).bearer(token);
        let answer = connection.ask(&request).expect("the server answers");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let mut page = answer.json();
        items.append(page["items"].as_array_mut().expect("a list has items"));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

/// Twice the longest time for which the space of a killed upload stays reserved.
const RESERVED: Duration = Duration::from_secs(20);

/// The usage that the quota counts, once it equals `expected`, or after a while: the space of a killed upload is
/// released when its reservation expires.
fn usage(address: &str, token: &str, expected: u64) -> u64 {
    let settled = || Some(counted(address, token)).filter(|counted| *counted == expected);
    wait_at_most(RESERVED, settled).unwrap_or_else(|| counted(address, token))
}

/// The usage that the quota counts now. No route shows it, but the refusal of a file that is too large says how much
/// is left.
fn counted(address: &str, token: &str) -> u64 {
    let mut connection = HttpConnection::open(address).expect("the server listens");
    let head = format!(
        "POST /v1/files?name=probe HTTP/1.1\r\nhost: app.test\r\nauthorization: Bearer {token}\r\n\
         content-length: {TOO_MUCH}\r\n\r\n"
    );
    connection.send(head.as_bytes()).expect("the server listens");
    let answer = connection.answer().expect("the server answers before the first byte");
    assert_eq!(answer.status, 402, "{}", answer.text());
    let detail = text(&answer.json(), "detail");
    let size = |from: &str, to: &str| -> u64 {
        let size = detail.split_once(from).and_then(|(_, rest)| rest.split_once(to));
        let size: Option<ByteSize> = size.and_then(|(size, _)| size.parse().ok());
        size.unwrap_or_else(|| panic!("no size in {detail}")).as_u64()
    };
    size(" allows ", " of files") - size("; ", " are left")
}

fn store(place: &Deployment) -> PathBuf {
    place.work().join("data/blobs")
}

/// The folders of organizations. Beside them are the folder of blobs that are being written, and the store's mark, a file.
fn organizations(store: &Path) -> Vec<PathBuf> {
    let folders = names(store).into_iter().filter(|name| name != "incoming").map(|name| store.join(name));
    folders.filter(|folder| folder.is_dir()).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the store can be read");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// Every blob except thumbnails, whose bytes no client sent; a thumbnail without a file counts as a blob of its own.
fn blobs(store: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in organizations(store) {
        let names = names(&folder);
        for name in &names {
            let of_file = name.strip_suffix(".thumbnail");
            if of_file.is_some_and(|file| names.iter().any(|name| name == file)) {
                continue;
            }
            let bytes = std::fs::read(folder.join(name)).expect("a blob can be read");
            found.push((name.clone(), content::sha256(&bytes)));
        }
    }
    found
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn file_of_link(notification: &Value) -> String {
    text(notification, "link").trim_start_matches("/v1/files/").to_owned()
}

impl FoundFile {
    fn read(file: &Value) -> Self {
        FoundFile {
            id: text(file, "id"),
            name: text(file, "name"),
            status: text(file, "status"),
            sha256: text(file, "sha256"),
            size: file["size"].as_u64().unwrap_or(u64::MAX),
        }
    }
}

impl FoundJob {
    fn read(job: &FinishedJob) -> Self {
        let (direct, published) = (text(&job.args, "file"), text(&job.args["event"], "file"));
        FoundJob {
            kind: job.kind.clone(),
            file: if direct.is_empty() { published } else { direct },
            completed: job.state == JobState::Completed,
            crashes: u64::try_from(job.crashes).unwrap_or_default(),
            finished_at: job.finished_at,
        }
    }
}
