//! An upload by hand: room is reserved, the bytes are on the disk under their name, then row, count and job are committed
//! together.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::hand::{Answer, App, Store};
use crate::token::Token;

/// How much an organization without a subscription may store, in bytes.
pub const LIMIT: i64 = 1 << 40;

/// What is stored of an upload.
pub struct Upload {
    pub organization: Uuid,
    pub user: Uuid,
    pub file: Uuid,
    pub name: String,
    pub size: i64,
    pub sha256: String,
}

impl Upload {
    /// Those of its job.
    pub fn arguments(&self) -> Value {
        json!({ "file": self.file })
    }
}

/// A fresh id that grows with time (UUIDv7).
///
/// # Errors
/// When the system has no random bytes.
pub fn new_id() -> anyhow::Result<Uuid> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let millis = u64::try_from(since.as_millis())?;
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

/// Takes an upload, and gives its id.
///
/// # Errors
/// When it cannot be stored.
pub async fn run(app: &App, token: Token, name: String, body: Bytes) -> Answer<Uuid> {
    let (file, size) = (new_id()?, i64::try_from(body.len())?);
    let owner = &app.owner;
    let asks = match &app.store {
        Store::Sqlite(sqlite) => {
            let owner = owner.clone();
            let asks = sqlite.read(move |reader| reader.authenticate(&token, &owner)).await?;
            sqlite.reserve(asks.organization, file, size).await?;
            asks
        }
        Store::Postgres(postgres) => {
            let mut client = postgres.client().await?;
            let asks = client.authenticate(&token, owner).await?;
            client.reserve(asks.organization, file, size).await?;
            asks
        }
    };
    let (blobs, organization) = (app.blobs.clone(), asks.organization);
    let sha256 = tokio::task::spawn_blocking(move || keep(blobs, organization, file, &body)).await??;
    let upload = Upload { organization, user: asks.user, file, name, size, sha256 };
    match &app.store {
        Store::Sqlite(sqlite) => sqlite.store(upload).await?,
        Store::Postgres(postgres) => postgres.client().await?.store(upload).await?,
    }
    Ok(file)
}

/// The bytes are on the disk, under their name, when this returns their SHA-256.
fn keep(blobs: PathBuf, organization: Uuid, id: Uuid, bytes: &[u8]) -> anyhow::Result<String> {
    let incoming = blobs.join("incoming").join(id.to_string());
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&incoming)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let folder = blobs.join(organization.to_string());
    fs::create_dir_all(&folder)?;
    fs::rename(&incoming, folder.join(id.to_string()))?;
    File::open(&folder)?.sync_all()?;
    File::open(&blobs)?.sync_all()?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}
