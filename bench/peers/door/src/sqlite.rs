//! On SQLite: a few readers and one writer, on the threads of `spawn_blocking` or on those of the runtime.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::hand::{Answer, Fault};
use crate::texts;
use crate::token::Token;
use crate::upload::{LIMIT, Upload, new_id};
use crate::views::{
    Listing, OrganizationView, Principal, ProfileView, SessionView, SettingsView, SignedInUser, UserPatch,
    UserView,
};

/// So many readers, as `database.reader_threads` says.
const READERS: usize = 4;

/// The file.
pub struct Sqlite {
    readers: [Mutex<Connection>; READERS],
    free: Semaphore,
    writer: Mutex<Connection>,
    inline: bool,
}

/// A connection that reads.
pub struct Reader<'c>(&'c Connection);

/// Microseconds since 1970, as the tables have them.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Opens a connection with the settings of the reference backend.
///
/// # Errors
/// When the file cannot be opened.
pub fn open(path: &str) -> anyhow::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; \
         PRAGMA foreign_keys = ON; PRAGMA cache_size = -8192; PRAGMA mmap_size = 134217728;",
    )?;
    connection.set_prepared_statement_cache_capacity(256);
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    rusqlite::vtab::array::load_module(&connection)?;
    Ok(connection)
}

impl Sqlite {
    /// Opens all connections.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &str, inline: bool) -> anyhow::Result<Self> {
        let reader = || open(path).map(Mutex::new);
        let readers = [reader()?, reader()?, reader()?, reader()?];
        Ok(Sqlite { readers, free: Semaphore::new(READERS), writer: Mutex::new(open(path)?), inline })
    }

    /// The key of the tokens.
    ///
    /// # Errors
    /// When there is none.
    pub fn key(&self) -> anyhow::Result<Vec<u8>> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(writer.query_row(texts::KEY, [], |row| row.get(0))?)
    }

    /// Reads all that a request needs at once.
    ///
    /// # Errors
    /// What `work` gives.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(Reader<'_>) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        if self.inline {
            return self.on_reader(work);
        }
        let _free = self.free.acquire().await?;
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || this.on_reader(work)).await?
    }

    fn on_reader<T>(&self, work: impl FnOnce(Reader<'_>) -> Answer<T>) -> Answer<T> {
        for reader in &self.readers {
            if let Ok(reader) = reader.try_lock() {
                return work(Reader(&reader));
            }
        }
        work(Reader(&self.readers[0].lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Writes in a transaction, and may read behind it.
    async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let this = Arc::clone(self);
        let work = move || {
            let writer = this.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.prepare_cached("BEGIN IMMEDIATE")?.raw_execute()?;
            let result = work(&writer);
            let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
            writer.prepare_cached(end)?.raw_execute()?;
            result
        };
        if self.inline { work() } else { tokio::task::spawn_blocking(work).await? }
    }

    /// Changes a user, and reads it.
    ///
    /// # Errors
    /// When there is no such user.
    pub async fn patch(
        self: &Arc<Self>,
        token: Token,
        owner: Arc<[String]>,
        id: Uuid,
        patch: UserPatch,
    ) -> Answer<UserView> {
        let asks = self.read(move |reader| reader.authenticate(&token, &owner)).await?;
        let organization = asks.organization;
        self.write(move |writer| {
            let mut set = writer.prepare_cached(texts::SET_PROFILE)?;
            set.execute(params![patch.profile.display_name, blob(&organization), blob(&id)])?;
            let mut set = writer.prepare_cached(texts::SET_SETTINGS)?;
            set.execute(params![patch.settings.theme, blob(&organization), blob(&id)])?;
            Ok(())
        })
        .await?;
        self.read(move |reader| reader.user_of(organization, id)).await
    }

    /// Reserves room for an upload.
    ///
    /// # Errors
    /// When there is none.
    pub async fn reserve(self: &Arc<Self>, organization: Uuid, file: Uuid, size: i64) -> Answer<()> {
        let limit = self.read(move |reader| {
            let mut find = reader.0.prepare_cached(texts::SUBSCRIPTION)?;
            Ok(find.query_row([blob(&organization)], |row| row.get::<_, i64>(0)).optional()?)
        });
        let limit = limit.await?.unwrap_or(LIMIT);
        self.write(move |writer| {
            let (now, organization) = (now(), blob(&organization));
            writer.prepare_cached(texts::LOCK_USAGE)?.execute([organization])?;
            let mut reserve = writer.prepare_cached(texts::RESERVE)?;
            reserve.execute(params![organization, blob(&file), size, now + 120_000_000])?;
            let mut taken = writer.prepare_cached(texts::TAKEN)?;
            let taken: i64 = taken.query_row(params![organization, now], |row| row.get(0))?;
            if taken <= limit { Ok(()) } else { Err(anyhow::anyhow!("no room").into()) }
        })
        .await
    }

    /// Stores the row of an upload with its job.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn store(self: &Arc<Self>, upload: Upload) -> Answer<()> {
        self.write(move |writer| {
            let (now, job) = (now(), new_id()?);
            let (organization, file) = (blob(&upload.organization), blob(&upload.file));
            writer.prepare_cached(texts::TAKE)?.execute(params![organization, upload.size])?;
            let mut end = writer.prepare_cached(texts::END_RESERVATION)?;
            let _: i64 = end.query_row(params![organization, file, now], |row| row.get(0))?;
            let mut enqueue = writer.prepare_cached(texts::ENQUEUE)?;
            enqueue.execute(params![blob(&job), organization, upload.arguments().to_string(), now, "[]"])?;
            let mut insert = writer.prepare_cached(texts::INSERT_FILE)?;
            insert.execute(params![
                organization,
                file,
                blob(&upload.user),
                blob(&job),
                upload.name,
                upload.size,
                upload.sha256,
                "{}",
                now
            ])?;
            Ok(())
        })
        .await
    }
}

fn blob(id: &Uuid) -> &[u8] {
    id.as_bytes()
}

fn list_of(ids: impl IntoIterator<Item = Uuid>) -> Rc<Vec<Value>> {
    Rc::new(ids.into_iter().map(|id| Value::Blob(id.as_bytes().to_vec())).collect())
}

fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    row.get::<_, [u8; 16]>(column).map(Uuid::from_bytes)
}

impl Reader<'_> {
    /// The user of the session.
    ///
    /// # Errors
    /// When the session is over.
    pub fn authenticate(&self, token: &Token, owner: &[String]) -> Answer<Principal> {
        let mut find = self.0.prepare_cached(texts::AUTHENTICATE)?;
        let mut rows = find.query([blob(&token.organization), blob(&token.session)])?;
        let mut principal = None;
        while let Some(row) = rows.next()? {
            if principal.is_none() {
                let live = token.has_secret(row.get_ref(2)?.as_blob()?) && row.get::<_, i64>(3)? > now();
                if !live {
                    return Err(Fault::Unauthenticated);
                }
                let is_owner = row.get_ref(4)?.as_str()? == "owner";
                principal = Some(Principal {
                    organization: token.organization,
                    user: uuid(row, 0)?,
                    account: uuid(row, 1)?,
                    permissions: if is_owner { owner.to_vec() } else { Vec::new() },
                });
            }
            let named: Option<String> = row.get(5)?;
            principal.iter_mut().for_each(|principal| principal.permissions.extend(named.clone()));
        }
        principal.ok_or(Fault::Unauthenticated)
    }

    /// `GET /v1/auth/session`.
    ///
    /// # Errors
    /// When the session is over.
    pub fn session(&self, token: &Token, owner: &[String]) -> Answer<SessionView> {
        let principal = self.authenticate(token, owner)?;
        let mut find = self.0.prepare_cached(texts::MEMBERSHIPS)?;
        let memberships = find.query_map([blob(&principal.account)], |row| uuid(row, 0))?;
        let memberships = memberships.collect::<Result<Vec<_>, _>>()?;
        let user = self.signed_in(principal.organization, principal.user)?;
        let text = format!("{} IN rarray($1)", texts::ORGANIZATIONS);
        let mut find = self.0.prepare_cached(&text)?;
        let organization = |row: &Row<'_>| {
            Ok(OrganizationView { id: uuid(row, 0)?, name: row.get(1)?, erased_at: row.get(2)? })
        };
        let found = find.query_map([list_of(memberships.iter().copied())], organization)?;
        let found = found.collect::<Result<Vec<_>, _>>()?;
        SessionView::new(principal, user, &memberships, &found).ok_or(Fault::NotFound)
    }

    fn signed_in(&self, organization: Uuid, id: Uuid) -> Answer<SignedInUser> {
        let mut find = self.0.prepare_cached(texts::USER)?;
        let user = find.query_row([blob(&organization), blob(&id)], |row| {
            Ok(SignedInUser { id: uuid(row, 0)?, email: row.get(1)?, role: row.get(2)? })
        });
        user.optional()?.ok_or(Fault::NotFound)
    }

    /// `GET /v1/users/{id}`.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn user(&self, token: &Token, owner: &[String], id: Uuid) -> Answer<UserView> {
        let principal = self.authenticate(token, owner)?;
        self.user_of(principal.organization, id)
    }

    fn user_of(&self, organization: Uuid, id: Uuid) -> Answer<UserView> {
        let SignedInUser { id, email, role } = self.signed_in(organization, id)?;
        let key = [blob(&organization), blob(&id)];
        let mut find = self.0.prepare_cached(texts::PROFILE)?;
        let profile =
            find.query_row(key, |row| Ok(ProfileView { display_name: row.get(0)?, title: row.get(1)? }))?;
        let mut find = self.0.prepare_cached(texts::SETTINGS)?;
        let settings =
            find.query_row(key, |row| Ok(SettingsView { theme: row.get(0)?, locale: row.get(1)? }))?;
        let mut find = self.0.prepare_cached(texts::PERMISSIONS)?;
        let permissions = find.query_map(key, |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(UserView { id, email, role, profile, settings, permissions })
    }

    /// `GET /v1/users`.
    ///
    /// # Errors
    /// When the session is over.
    pub fn list(&self, token: &Token, owner: &[String], limit: usize) -> Answer<Listing> {
        let organization = self.authenticate(token, owner)?.organization;
        let mut find = self.0.prepare_cached(texts::USERS)?;
        let users = find.query_map(params![blob(&organization), i64::try_from(limit + 1)?], |row| {
            Ok(UserView {
                id: uuid(row, 0)?,
                email: row.get(1)?,
                role: row.get(2)?,
                profile: ProfileView::default(),
                settings: SettingsView::default(),
                permissions: Vec::new(),
            })
        })?;
        let mut users = users.collect::<Result<Vec<_>, _>>()?;
        let places: HashMap<Uuid, usize> =
            users.iter().take(limit).enumerate().map(|(place, user)| (user.id, place)).collect();
        let wanted = list_of(users.iter().take(limit).map(|user| user.id));
        self.related(texts::PROFILES, &organization, &wanted, |row, id| {
            users[places[&id]].profile = ProfileView { display_name: row.get(1)?, title: row.get(2)? };
            Ok(())
        })?;
        self.related(texts::ALL_SETTINGS, &organization, &wanted, |row, id| {
            users[places[&id]].settings = SettingsView { theme: row.get(1)?, locale: row.get(2)? };
            Ok(())
        })?;
        self.related(texts::ALL_PERMISSIONS, &organization, &wanted, |row, id| {
            users[places[&id]].permissions.push(row.get(1)?);
            Ok(())
        })?;
        Ok(Listing::new(users, limit))
    }

    /// Gives each row of the users in `wanted`, with the user's id.
    fn related(
        &self,
        text: &str,
        organization: &Uuid,
        wanted: &Rc<Vec<Value>>,
        mut put: impl FnMut(&Row<'_>, Uuid) -> rusqlite::Result<()>,
    ) -> Answer<()> {
        let mut find = self.0.prepare_cached(&format!("{text} IN rarray($2)"))?;
        let mut rows = find.query(params![blob(organization), wanted])?;
        while let Some(row) = rows.next()? {
            put(row, uuid(row, 0)?)?;
        }
        Ok(())
    }
}
