//! A database of a test's own: made before it, removed after it, even when it fails.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tenfold_data::{
    Clock, Context, Database, DatabaseSettings, Observer, OrgId, RepeatedRecord, StatementRecord,
    SystemContext,
};
use tokio_postgres::NoTls;

use crate::ledger::Ledger;
use crate::{people, work};

/// A migrated database, one organization, and the ledger of its statements.
pub struct Bench {
    pub database: Database,
    pub org: OrgId,
    ledger: Arc<Ledger>,
    _lean: Lean,
    place: Arc<Place>,
}

impl Bench {
    pub async fn sqlite() -> Self {
        Self::migrated(Arc::new(Place::folder())).await
    }

    pub async fn postgres() -> Self {
        Self::migrated(Arc::new(Place::server().await)).await
    }

    async fn migrated(place: Arc<Place>) -> Self {
        let bench = Self::over(place, &DatabaseSettings::default());
        bench.database.migrate(&[people::MIGRATIONS, work::MIGRATIONS]).await.expect("the fixture migrates");
        bench
    }

    fn over(place: Arc<Place>, settings: &DatabaseSettings) -> Self {
        let ledger = Arc::new(Ledger::default());
        let observers: Vec<Arc<dyn Observer>> = vec![Arc::clone(&ledger) as Arc<dyn Observer>];
        let database = Database::open(&place.url(), settings, Clock::system(), observers);
        let database = database.expect("the address can be opened");
        let org = OrgId(database.clock().new_id());
        Bench { database, org, _lean: Lean(Arc::clone(&ledger)), ledger, place }
    }

    /// The same database as another process would open it, with settings of its own.
    pub fn reopened(&self, settings: &DatabaseSettings) -> Bench {
        let place = Arc::clone(&self.place);
        Bench { org: self.org, ..Self::over(place, settings) }
    }

    /// Where the database is.
    pub fn url(&self) -> String {
        self.place.url()
    }

    /// The SQLite file.
    pub fn file(&self) -> PathBuf {
        PathBuf::from(self.place.url().trim_start_matches("sqlite:"))
    }

    /// A connection to the same PostgreSQL database that the data layer knows nothing of.
    pub async fn onlooker(&self) -> tokio_postgres::Client {
        let (client, connection) =
            tokio_postgres::connect(&self.place.url(), NoTls).await.expect("it answers");
        #[expect(clippy::disallowed_methods, reason = "the connection is driven beside the test")]
        tokio::spawn(connection);
        client
    }

    /// Does `work` as one request of the bench's organization.
    pub async fn request<T>(&self, work: impl AsyncFnOnce(Context) -> T) -> T {
        let org = self.org;
        self.system(async |system| work(system.within(org)).await).await
    }

    /// Does `work` as one request that names no organization.
    pub async fn system<T>(&self, work: impl AsyncFnOnce(SystemContext) -> T) -> T {
        self.database.run(None, work).await
    }

    /// The statements since the last time.
    pub fn statements(&self) -> Vec<StatementRecord> {
        self.ledger.take()
    }

    /// The N+1s since the last time; one that no test took fails it.
    pub fn repeated(&self) -> Vec<RepeatedRecord> {
        self.ledger.take_repeated()
    }
}

/// Fails a test in whose work a statement repeated.
struct Lean(Arc<Ledger>);

impl Drop for Lean {
    fn drop(&mut self) {
        let repeated = self.0.take_repeated();
        if let Some(first) = repeated.first().filter(|_| !std::thread::panicking()) {
            panic!("{first}");
        }
    }
}

/// As far from sorting byte by byte as a server may be set up.
const COLLATION: &str = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'";

/// Where a database lies; dropping it removes the database.
pub enum Place {
    Folder(PathBuf),
    Server { server: String, name: String },
}

impl Place {
    pub fn folder() -> Self {
        let folder = std::env::temp_dir().join(unique("tenfold-data"));
        std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
        Place::Folder(folder)
    }

    pub async fn server() -> Self {
        let server = std::env::var("TENFOLD_TEST_POSTGRES")
            .expect("no PostgreSQL is given in TENFOLD_TEST_POSTGRES: run ./test, which starts one");
        let name = unique("tenfold_data");
        administer(&server, &format!("CREATE DATABASE {name} {COLLATION}")).await;
        Place::Server { server, name }
    }

    pub fn url(&self) -> String {
        match self {
            Place::Folder(folder) => format!("sqlite:{}", folder.join("app.db").display()),
            Place::Server { server, name } => beside(server, name),
        }
    }
}

/// The address of database `name` on the server that `url` names. Commits do not wait for the disk: no test
/// here pulls the plug, and hundreds of them share one.
fn beside(url: &str, name: &str) -> String {
    let (address, options) = url.split_once('?').map_or((url, String::new()), |(a, o)| (a, format!("&{o}")));
    let (server, _) = address.rsplit_once('/').expect("the address names a database");
    format!("{server}/{name}?options=-c%20synchronous_commit%3Doff{options}")
}

/// Runs a statement as the server's owner.
async fn administer(url: &str, statement: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("PostgreSQL answers");
    let (ran, _) = futures_util::future::join(
        async {
            let ran = client.batch_execute(statement).await;
            drop(client);
            ran
        },
        connection,
    )
    .await;
    ran.expect("the owner may do it");
}

fn unique(prefix: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Drop for Place {
    fn drop(&mut self) {
        match self {
            Place::Folder(folder) => {
                let _ = std::fs::remove_dir_all(folder);
            }
            Place::Server { server, name } => {
                let (server, statement) = (server.clone(), format!("DROP DATABASE {name} WITH (FORCE)"));
                // A runtime cannot be entered twice on one thread, and the test's is still on this one.
                let removing = std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                    runtime.expect("a runtime starts").block_on(administer(&server, &statement));
                });
                let _ = removing.join();
            }
        }
    }
}
