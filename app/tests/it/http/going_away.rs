//! Clients that go away while they are being served: what was done for them ends, in the database too.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tenfold::both_databases;
use tenfold::data::{Clock, DataError, Database, DatabaseSettings, Dialect, SystemContext, sql};
use tenfold::testing::TestApp;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::probe;

/// One of each, so that what is not given back is missed at once; and no bound that would free it instead.
const ONE: [(&str, &str); 6] = [
    ("database.pool_size", "1"),
    ("database.reader_threads", "1"),
    ("database.acquire_timeout", "1h"),
    ("database.statement_timeout", "1h"),
    ("database.transaction_limit", "1h"),
    ("http.deadline", "1h"),
];

/// Waits until `condition` holds.
pub(super) async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !condition().await {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        tokio::task::yield_now().await;
    }
}

/// Sends a request on a connection of its own, which is closed when what this gives is dropped.
pub(super) async fn begin(address: SocketAddr, method: &str, path: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.expect("the application listens");
    let head = format!("{method} {path} HTTP/1.1\r\nhost: app.test\r\ncontent-length: 0\r\n\r\n");
    connection.write_all(head.as_bytes()).await.expect("the application reads");
    connection
}

/// A look at the same database past the application's own connections.
struct Onlooker(Database);

impl Onlooker {
    fn of(app: &TestApp) -> Self {
        let mut settings = DatabaseSettings::default();
        settings.postgres.acquire_timeout = Duration::from_secs(60);
        let opened = Database::open(app.database_url(), &settings, Clock::system(), Vec::new());
        Onlooker(opened.expect("the database can be opened once more"))
    }

    async fn count(&self, count: impl AsyncFn(&SystemContext) -> Result<Vec<(i64,)>, DataError>) -> i64 {
        let counted = self.0.run(None, async |cx| count(&cx.repeating("a condition is awaited")).await);
        counted.await.expect("it can be counted")[0].0
    }

    /// The probe's statements that run on the server.
    async fn running(&self) -> i64 {
        let running = async |cx: &SystemContext| {
            sql!(
                "onlooker.running",
                sqlite: "SELECT 0",
                postgres: "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                           AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%pg_sleep(1800)%'"
            )
            .all(cx)
            .await
        };
        self.count(running).await
    }

    /// Transactions that are open on the server, whether anything runs in them or not.
    async fn open(&self) -> i64 {
        let open = async |cx: &SystemContext| {
            sql!(
                "onlooker.open",
                sqlite: "SELECT 0",
                postgres: "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                           AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
            )
            .all(cx)
            .await
        };
        self.count(open).await
    }
}

/// Whether the one reader of SQLite, or the one connection to PostgreSQL, is taken. A read that waits so long waits for
/// another one.
async fn is_taken(app: &TestApp) -> bool {
    let deadline = tokio::time::Instant::now() + Duration::from_millis(500);
    let read = async |cx: SystemContext| -> Result<Vec<(i64,)>, DataError> {
        sql!("going_away.notes", "SELECT count(*) FROM probe_notes").all(&cx).await
    };
    app.database().run(Some(deadline), read).await.is_err()
}

async fn notes(app: &TestApp) -> serde_json::Value {
    app.get("/probe/notes").send().await.json()
}

both_databases!(probe::app(), ONE;
async fn the_statement_of_a_client_that_went_away_ends_in_the_database(app) {
    let onlooker = Onlooker::of(app);
    app.listen(async |address| {
        for _ in 0..3 {
            let client = begin(address, "GET", "/probe/slow").await;
            match app.database().dialect() {
                Dialect::Postgres => until("it runs", async || onlooker.running().await == 1).await,
                Dialect::Sqlite => until("it runs", async || is_taken(app).await).await,
            }
            drop(client);
            until("the server is rid of it", async || onlooker.running().await == 0).await;
            assert_eq!(notes(app).await, 0, "who comes next finds the connection free");
        }
    })
    .await;
});

both_databases!(probe::app(), ONE;
async fn the_transaction_of_a_client_that_went_away_is_rolled_back(app) {
    let onlooker = Onlooker::of(app);
    let waited = Cell::new(0);
    let waits = || {
        waited.set(waited.get() + app.take_waited().len());
        waited.get()
    };
    app.listen(async |address| {
        for round in 0..3 {
            let client = begin(address, "POST", "/probe/slow-in-transaction").await;
            match app.database().dialect() {
                Dialect::Postgres => until("it runs", async || onlooker.running().await == 1).await,
                Dialect::Sqlite => until("it has written and waits", async || waits() == round + 1).await,
            }
            drop(client);
            until("no transaction is open", async || onlooker.open().await == 0).await;
            assert_eq!(notes(app).await, round, "what it wrote is not there");
            assert_eq!(app.post("/probe/notes").send().await.status(), 200, "and others write");
            assert_eq!(notes(app).await, round + 1);
        }
    })
    .await;
    // Between two statements the handler has nothing to wait for but time.
    assert_eq!(waits(), if app.database().dialect() == Dialect::Sqlite { 3 } else { 0 });
});
