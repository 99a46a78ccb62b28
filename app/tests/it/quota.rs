//! The storage quota while uploads are under way.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use serde_json::json;
use tenfold::both_databases;
use tenfold::testing::{TestApp, TestResponse};
use tokio::sync::Notify;

use crate::token;

const OWNER: &str = "owner@acme.test";
const KIB: usize = 1024;

/// The bytes in the blob store, those that are being written among them.
fn stored(folder: &Path) -> u64 {
    let mut files = HashMap::new();
    add_files(folder, &mut files);
    files.into_values().sum()
}

/// Files by their number: one that is renamed meanwhile is met twice.
fn add_files(folder: &Path, files: &mut HashMap<u64, u64>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => add_files(&entry.path(), files),
            Ok(metadata) => {
                files.insert(metadata.ino(), metadata.len());
            }
            // It was moved or removed meanwhile.
            Err(_) => {}
        }
    }
}

/// Ten pieces of 10 KiB, which come one by one among those of other uploads.
fn slowly(app: &TestApp) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    let store = app.folder().join("files.blobs");
    stream::iter(0..10).then(move |_| {
        assert!(stored(&store) <= 1024 * 1024, "more is on the disk than the quota allows");
        tokio::task::yield_now().map(|()| Ok(Bytes::from(vec![b'x'; 10 * KIB])))
    })
}

async fn upload(app: &TestApp, token: &str, length: Option<usize>) -> u16 {
    let post = app.post("/v1/files?name=a").bearer(token);
    let post = match length {
        Some(length) => post.header("content-length", &length.to_string()),
        None => post,
    };
    post.pieces(slowly(app)).send().await.status()
}

both_databases!(app::app(), [("billing.free_storage", "1 MiB")]; async fn uploads_at_once_do_not_get_past_the_quota(app) {
    app.seed_demo().await;
    let token = token(app, OWNER).await;
    let announced = join_all((0..24).map(|_| upload(app, &token, Some(100 * KIB)))).await;
    assert_eq!(announced.iter().filter(|status| **status == 202).count(), 10, "{announced:?}");
    assert!(announced.iter().all(|status| [202, 402].contains(status)), "{announced:?}");
    assert_eq!(stored(&app.folder().join("files.blobs")), 1000 * KIB as u64);
});

both_databases!(app::app(), [("billing.free_storage", "1 MiB")]; async fn uploads_without_a_length_do_not_get_past_the_quota(app) {
    app.seed_demo().await;
    let token = token(app, OWNER).await;
    let unannounced = join_all((0..24).map(|_| upload(app, &token, None))).await;
    assert!(unannounced.iter().all(|status| [202, 402].contains(status)), "{unannounced:?}");
    // Whatever was refused has given back its room.
    let stored = unannounced.iter().filter(|status| **status == 202).count();
    for _ in stored..10 {
        assert_eq!(upload(app, &token, None).await, 202);
    }
    assert_eq!(upload(app, &token, None).await, 402);
});

/// An upload of 900 KiB that has its room, and whose bytes do not come.
async fn stuck(app: &TestApp, token: &str) -> Pin<Box<dyn Future<Output = TestResponse>>> {
    let begun = std::sync::Arc::new(Notify::new());
    let bell = std::sync::Arc::clone(&begun);
    let pieces = stream::poll_fn(move |_| {
        bell.notify_one();
        std::task::Poll::<Option<std::io::Result<Bytes>>>::Pending
    });
    let post = app.post("/v1/files?name=stuck").bearer(token);
    let post = post.header("content-length", &(900 * KIB).to_string()).pieces(pieces);
    let mut upload = Box::pin(post.send());
    tokio::select! {
        answer = &mut upload => panic!("it was answered with {}", answer.status()),
        () = begun.notified() => upload,
    }
}

async fn refused(app: &TestApp, token: &str) -> TestResponse {
    app.post("/v1/files?name=b").bearer(token).body(vec![b'b'; 200 * KIB]).send().await
}

both_databases!(app::app(), [("billing.free_storage", "1 MiB")]; async fn the_room_of_a_killed_upload_is_free_after_its_lease(app) {
    app.seed_demo().await;
    let token = token(app, OWNER).await;
    let killed = stuck(app, &token).await;
    // As `kill -9` does: nothing of it runs any more, and nothing is given back.
    std::mem::forget(killed);
    let answer = refused(app, &token).await;
    assert_eq!((answer.status(), &answer.json()["type"]), (402, &json!("urn:tenfold:problem:storage-quota")));
    assert!(answer.text().contains("124 KiB are left"), "{}", answer.text());
    app.clock().advance(Duration::from_secs(119));
    assert_eq!(refused(app, &token).await.status(), 402);
    app.clock().advance(Duration::from_secs(2));
    assert_eq!(refused(app, &token).await.status(), 202);
});

both_databases!(app::app(), [("billing.free_storage", "1 MiB")]; async fn the_room_of_an_upload_whose_client_left_is_free(app) {
    app.seed_demo().await;
    let token = token(app, OWNER).await;
    let gone = stuck(app, &token).await;
    assert_eq!(refused(app, &token).await.status(), 402);
    drop(gone);
    let given_back = async { while refused(app, &token).await.status() != 202 {} };
    tokio::time::timeout(Duration::from_secs(30), given_back).await.expect("it is given back soon");
});

both_databases!(app::app(), [("billing.free_storage", "1 MiB")]; async fn the_folders_and_files_of_the_store_are_private(app) {
    use std::os::unix::fs::PermissionsExt as _;

    app.seed_demo().await;
    let token = token(app, OWNER).await;
    assert_eq!(upload(app, &token, None).await, 202);
    let mut left = vec![app.folder().join("files.blobs")];
    let mut modes = Vec::new();
    while let Some(path) = left.pop() {
        let metadata = path.metadata().expect("it is there");
        modes.push(metadata.permissions().mode() & 0o777);
        if metadata.is_dir() {
            left.extend(std::fs::read_dir(&path).expect("it can be read").map(|entry| entry.expect("an entry").path()));
        }
    }
    modes.sort_unstable();
    assert_eq!(modes, [0o600, 0o700, 0o700, 0o700]);
});
