//! The permissions of an SQLite database's files.
#![cfg(unix)]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tenfold_data::{Clock, Database, DatabaseSettings, sql};

/// A folder that is removed with its test.
struct SqliteFolder(PathBuf);

impl SqliteFolder {
    fn create(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tenfold_rights_{}_{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("the temporary folder can be written");
        SqliteFolder(path)
    }
}

impl Drop for SqliteFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    let there = std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    there.permissions().mode() & 0o777
}

/// Opens a database and writes to it, so that its log exists.
async fn open_and_write(path: &Path) -> Database {
    let url = format!("sqlite:{}", path.display());
    let settings = DatabaseSettings::default();
    let database = Database::open(&url, &settings, Clock::system(), Vec::new()).expect("it can be opened");
    let written = database
        .run(None, async |cx| {
            let work = cx.transaction(async |tx| {
                sql!("rights.make", "CREATE TABLE IF NOT EXISTS notes (id bigint PRIMARY KEY)")
                    .execute(tx)
                    .await
            });
            work.await
        })
        .await;
    written.expect("it can be written");
    database
}

#[tokio::test]
async fn a_new_database_is_its_owners_alone() {
    let folder = SqliteFolder::create("new");
    let path = folder.0.join("data/deep/app.db");
    let database = open_and_write(&path).await;
    for file in ["app.db", "app.db-wal", "app.db-shm"] {
        assert_eq!(mode(&path.with_file_name(file)), 0o600, "{file}");
    }
    assert_eq!((mode(&folder.0.join("data")), mode(&folder.0.join("data/deep"))), (0o700, 0o700));
    database.close().await;
}

#[tokio::test]
async fn a_database_that_others_could_read_is_taken_from_them() {
    let folder = SqliteFolder::create("old");
    std::fs::set_permissions(&folder.0, Permissions::from_mode(0o755)).expect("it is ours");
    let path = folder.0.join("app.db");
    let first = open_and_write(&path).await;
    for file in ["app.db", "app.db-wal", "app.db-shm"] {
        std::fs::set_permissions(path.with_file_name(file), Permissions::from_mode(0o664))
            .expect("it is ours");
    }
    // While another connection has it open, as a process that is still running does.
    let second = open_and_write(&path).await;
    for file in ["app.db", "app.db-wal", "app.db-shm"] {
        assert_eq!(mode(&path.with_file_name(file)), 0o600, "{file}");
    }
    assert_eq!(mode(&folder.0), 0o755, "the folder may be shared, and stays as it is");
    first.close().await;
    second.close().await;
}
