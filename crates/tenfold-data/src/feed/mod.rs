//! The feed: a commit says what it changed, and those who wait for it are woken.
//!
//! A transaction collects what its statements change (`write_set.rs`). When it commits, it wakes the subscribers of
//! these tables (`watch.rs`). A transaction that is rolled back says nothing. If the outcome of a COMMIT is unknown,
//! what it may have changed is said. `hub.rs` has the seam for others that must know of each COMMIT.
//!
//! Other processes are told by a row that a transaction stores (`packed.rs`), if it changed something that is declared to
//! be told. Each process reads these rows several times a second (`reader.rs`, `texts.rs`), and says there what they say.

pub(crate) mod everything;
pub(crate) mod hub;
mod packed;
mod position;
mod reader;
mod send;
mod texts;
mod topic;
mod watch;
pub(crate) mod write_set;

use std::panic::Location;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use self::everything::everything;
use self::hub::Hub;
use self::packed::Packed;
use self::reader::FeedReader;
use self::send::{send, send_in};
use self::texts::FeedTexts;
pub use self::topic::{Topic, TopicKind};
pub use self::watch::Watch;
use crate::database::{Database, WeakDatabase};
use crate::driver::{Announcement, DriverError};
use crate::entity::Entity;
use crate::error::DataError;
use crate::migrate::ModuleMigrations;
use crate::migrations;
use crate::ownership::OrgId;
use crate::row::Row;
use crate::statement::{Statement, StatementCost};
use crate::value::Value;

/// Says what commits have changed; cheap to clone.
///
/// ```
/// # use tenfold_data::{Database, OrgId, Topic};
/// # async fn look() {}
/// async fn follow(database: &Database, organization: OrgId) {
///     let mut watch = database.feed().watch([Topic::table(Some(organization), "notes_notes")]);
///     loop {
///         look().await; // first, because the subscription shows only what changes after it began
///         watch.changed().await;
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Feed {
    database: Database,
}

/// The tables of the feed; an application migrates them before its modules' tables.
pub fn feed_migrations() -> ModuleMigrations {
    ModuleMigrations { module: "tenfold.feed", files: migrations!() }
}

/// What other processes told most recently is asked for again after this pause.
const PASS_PAUSE: Duration = Duration::from_millis(10);

impl Database {
    /// The feed of this database.
    pub fn feed(&self) -> Feed {
        Feed { database: self.clone() }
    }
}

impl Topic {
    /// [`Topic::table`] for the table of an entity.
    pub fn of<E: Entity>(tenant: Option<OrgId>) -> Self {
        Topic::table(tenant, E::table().name)
    }
}

impl TopicKind {
    /// [`TopicKind::table`] for the table of an entity.
    pub fn of<E: Entity>() -> Self {
        TopicKind::table(E::table().name)
    }
}

impl Feed {
    /// Of how many rows of a table a transaction says the keys. If it changes more, it says the table, and no row of it is served
    /// from a cache any more.
    pub const MOST_KEYS: usize = write_set::MOST_KEYS;

    /// Subscribes to topics. Changes count from now on: subscribe first, and look then.
    pub fn watch(&self, topics: impl IntoIterator<Item = Topic>) -> Watch {
        self.hub().watchers.watch(topics.into_iter().collect())
    }

    /// Declares what is told to other processes: each transaction that changes one of these tables, or says one of these
    /// signals, stores a row for them, on SQLite together with others of its group. All processes of an application declare the same.
    pub fn tell(&self, kinds: impl IntoIterator<Item = TopicKind>) {
        self.hub().tell(kinds);
    }

    /// Registers this process, so that it is told what others change, and begins to tell them. Call it once, after the
    /// migrations and [`Feed::tell`]; without anything to tell it does nothing. [`Database::close`] ends it.
    ///
    /// # Errors
    /// When the database refuses: [`feed_migrations`] must have run.
    pub async fn start(&self) -> Result<(), DataError> {
        let hub = self.hub();
        if !hub.tells_anything() || hub.announcement().is_some() {
            return Ok(());
        }
        let began = self.database.clock().since_boot();
        let registered = FeedReader::register(&self.database).await;
        let reader = registered.map_err(|error| error.at("feed.start", Location::caller()))?;
        let texts = FeedTexts::of(self.database.dialect());
        let statement =
            |text: &'static str| Statement::new("tenfold_changes.tell", "tenfold", text, StatementCost::Free);
        hub.announce_by(Announcement {
            insert: statement(texts.insert),
            audience: statement(texts.audience),
            process: Value::Uuid(reader.id()),
            forgotten: AtomicU64::new(0),
        });
        hub.certify(began);
        let reader = Arc::new(Mutex::new(reader));
        let reading = read_on(self.database.downgrade(), Arc::clone(hub), Arc::clone(&reader));
        hub.read_by(tokio::runtime::Handle::current().spawn(reading));
        let _ = self.database.companion::<Registered>().0.set(reader);
        Ok(())
    }

    /// Waits until all other processes have read what was committed before this call, for what they must know before it
    /// is answered: that a session has ended, for example. It waits for [`FeedSettings::wait`](crate::FeedSettings::wait) at most, because another
    /// process may be dead. Returns whether all have.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn wait_passed(&self) -> Result<bool, DataError> {
        self.all_passed().await.map_err(|error| error.at("feed.wait_passed", Location::caller()))
    }

    async fn all_passed(&self) -> Result<bool, DriverError> {
        let (Some(announcement), texts) = (self.hub().announcement(), FeedTexts::of(self.database.dialect()))
        else {
            return Ok(true);
        };
        let until = Instant::now() + self.database.feed_settings().wait;
        let own = std::slice::from_ref(&announcement.process);
        if send(&self.database, texts.audience, own, &mut |_| Ok(())).await? == 0 {
            return Ok(true);
        }
        // Who reads this row has read what was committed before it.
        let ask = Packed { asks: true, ..Packed::default() }.text();
        let mut number = String::new();
        let transaction = self.database.driver().begin(Some(until), None).await?;
        let params = [announcement.process.clone(), Value::Text(ask)];
        let mut read = |row: &Row<'_>| {
            number = row.text(0)?;
            Ok(())
        };
        send_in(&*transaction, texts.ask, &params, &mut read).await?;
        transaction.commit().await?;
        let params = [announcement.process.clone(), Value::Text(number)];
        while send(&self.database, texts.behind, &params, &mut |_| Ok(())).await? > 0 {
            if Instant::now() >= until {
                tracing::warn!(
                    "a process has not said that it knows what was committed; it is waited for no longer"
                );
                return Ok(false);
            }
            tokio::time::sleep(PASS_PAUSE).await;
        }
        Ok(true)
    }

    /// Tells all processes, this one too, that anything may have changed: after changes that the feed did not see, such as those
    /// of a shell. [`feed_migrations`] must have run.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn say_everything(&self) -> Result<(), DataError> {
        let tell = async {
            let transaction = self.database.driver().begin(None, None).await?;
            let (text, line) = everything(self.database.dialect());
            let params = [Value::Uuid(self.database.clock().new_id()), Value::Text(line)];
            send_in(&*transaction, text, &params, &mut |_| Ok(())).await?;
            transaction.commit().await
        };
        tell.await.map_err(|error: DriverError| error.at("feed.say_everything", Location::caller()))?;
        self.hub().say_everything();
        Ok(())
    }

    /// The number of this process among those that are registered; `None` before [`Feed::start`].
    pub fn process(&self) -> Option<Uuid> {
        match self.hub().announcement()?.process {
            Value::Uuid(id) => Some(id),
            _ => None,
        }
    }

    /// Whether other processes were registered when this one last looked, up to [`FeedSettings::poll`](crate::FeedSettings::poll) ago.
    pub fn has_others(&self) -> bool {
        self.hub().has_others()
    }

    /// Reads now what other processes have told. For tests: each process does so every [`FeedSettings::poll`](crate::FeedSettings::poll).
    #[doc(hidden)]
    pub async fn poll_now(&self) {
        if let Some(reader) = self.database.companion::<Registered>().0.get() {
            reader.lock().await.poll(&self.database, self.hub()).await;
        }
    }

    /// How many transactions are in COMMIT, or have ended there in a way that is not known yet. For tests.
    #[doc(hidden)]
    pub fn unsettled(&self) -> usize {
        self.hub().unsettled()
    }

    fn hub(&self) -> &Arc<Hub> {
        self.database.hub()
    }
}

/// This process, once it is registered.
#[derive(Default)]
struct Registered(OnceLock<Arc<Mutex<FeedReader>>>);

/// Reads what the others tell until the database is closed or dropped.
async fn read_on(database: WeakDatabase, hub: Arc<Hub>, reader: Arc<Mutex<FeedReader>>) {
    loop {
        let Some(open) = database.upgrade() else { return };
        let pause = tokio::time::sleep(open.feed_settings().poll);
        drop(open);
        tokio::select! {
            () = pause => {}
            () = hub.stopping() => break,
        }
        let Some(open) = database.upgrade() else { return };
        reader.lock().await.poll(&open, &hub).await;
    }
    if let Some(open) = database.upgrade()
        && let Err(error) = reader.lock().await.leave(&open).await
    {
        tracing::debug!(?error, "the process could not be taken off the list; the others will do so");
    }
}
