//! On PostgreSQL: a pool, and statements that each connection prepares once.

use std::collections::HashMap;
use std::str::FromStr as _;
use std::time::{Duration, SystemTime};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use tokio_postgres::types::ToSql;
use tokio_postgres::{NoTls, Row};
use uuid::Uuid;

use crate::hand::{Answer, Fault};
use crate::texts;
use crate::token::Token;
use crate::upload::{LIMIT, Upload, new_id};
use crate::views::{
    Listing, OrganizationView, Principal, ProfileView, SessionView, SettingsView, SignedInUser, UserPatch,
    UserView,
};

/// So many connections, as `database.pool_size` says.
const POOL: usize = 16;

/// The server.
pub struct Postgres(Pool);

/// A connection for one request.
pub struct Client(Object);

type Params<'p> = &'p [&'p (dyn ToSql + Sync)];

impl Postgres {
    /// A pool on the server at an address.
    ///
    /// # Errors
    /// When it is none.
    pub fn open(url: &str) -> anyhow::Result<Self> {
        let mut config = tokio_postgres::Config::from_str(url)?;
        config.options("-c statement_timeout=20000 -c idle_in_transaction_session_timeout=30000");
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        Ok(Postgres(Pool::builder(Manager::from_config(config, NoTls, recycling)).max_size(POOL).build()?))
    }

    /// A connection that is free.
    ///
    /// # Errors
    /// When none can be opened.
    pub async fn client(&self) -> Answer<Client> {
        Ok(Client(self.0.get().await?))
    }

    /// The key of the tokens.
    ///
    /// # Errors
    /// When there is none.
    pub async fn key(&self) -> anyhow::Result<Vec<u8>> {
        Ok(self.0.get().await?.query_one(texts::KEY, &[]).await?.get(0))
    }
}

impl Client {
    async fn rows(&self, text: &str, params: Params<'_>) -> Answer<Vec<Row>> {
        let statement = self.0.prepare_cached(text).await?;
        Ok(self.0.query(&statement, params).await?)
    }

    async fn row(&self, text: &str, params: Params<'_>) -> Answer<Row> {
        self.rows(text, params).await?.into_iter().next().ok_or(Fault::NotFound)
    }

    /// The user of the session.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn authenticate(&self, token: &Token, owner: &[String]) -> Answer<Principal> {
        let rows = self.rows(texts::AUTHENTICATE, &[&token.organization, &token.session]).await?;
        let Some(first) = rows.first() else { return Err(Fault::Unauthenticated) };
        if !token.has_secret(first.get(2)) || first.get::<_, SystemTime>(3) <= SystemTime::now() {
            return Err(Fault::Unauthenticated);
        }
        let is_owner = first.get::<_, &str>(4) == "owner";
        let mut permissions = if is_owner { owner.to_vec() } else { Vec::new() };
        permissions.extend(rows.iter().filter_map(|row| row.get::<_, Option<String>>(5)));
        let (user, account) = (first.get(0), first.get(1));
        Ok(Principal { organization: token.organization, user, account, permissions })
    }

    /// `GET /v1/auth/session`.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn session(&self, token: &Token, owner: &[String]) -> Answer<SessionView> {
        let principal = self.authenticate(token, owner).await?;
        let memberships = self.rows(texts::MEMBERSHIPS, &[&principal.account]).await?;
        let memberships: Vec<Uuid> = memberships.iter().map(|row| row.get(0)).collect();
        let user = self.signed_in(principal.organization, principal.user).await?;
        let found = self.rows(&format!("{} = ANY($1)", texts::ORGANIZATIONS), &[&memberships]).await?;
        let organization = |row: &Row| OrganizationView {
            id: row.get(0),
            name: row.get(1),
            erased_at: row.get::<_, Option<jiff::Timestamp>>(2).map(|at| at.to_string()),
        };
        let found: Vec<_> = found.iter().map(organization).collect();
        SessionView::new(principal, user, &memberships, &found).ok_or(Fault::NotFound)
    }

    async fn signed_in(&self, organization: Uuid, id: Uuid) -> Answer<SignedInUser> {
        let row = self.row(texts::USER, &[&organization, &id]).await?;
        Ok(SignedInUser { id: row.get(0), email: row.get(1), role: row.get(2) })
    }

    /// `GET /v1/users/{id}`.
    ///
    /// # Errors
    /// When there is no such user.
    pub async fn user(&self, token: &Token, owner: &[String], id: Uuid) -> Answer<UserView> {
        let organization = self.authenticate(token, owner).await?.organization;
        self.user_of(organization, id).await
    }

    async fn user_of(&self, organization: Uuid, id: Uuid) -> Answer<UserView> {
        let SignedInUser { id, email, role } = self.signed_in(organization, id).await?;
        let row = self.row(texts::PROFILE, &[&organization, &id]).await?;
        let profile = ProfileView { display_name: row.get(0), title: row.get(1) };
        let row = self.row(texts::SETTINGS, &[&organization, &id]).await?;
        let settings = SettingsView { theme: row.get(0), locale: row.get(1) };
        let permissions = self.rows(texts::PERMISSIONS, &[&organization, &id]).await?;
        let permissions = permissions.iter().map(|row| row.get(0)).collect();
        Ok(UserView { id, email, role, profile, settings, permissions })
    }

    /// `GET /v1/users`.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn list(&self, token: &Token, owner: &[String], limit: usize) -> Answer<Listing> {
        let organization = self.authenticate(token, owner).await?.organization;
        let wanted = i64::try_from(limit + 1)?;
        let rows = self.rows(texts::USERS, &[&organization, &wanted]).await?;
        let user = |row: &Row| UserView {
            id: row.get(0),
            email: row.get(1),
            role: row.get(2),
            profile: ProfileView::default(),
            settings: SettingsView::default(),
            permissions: Vec::new(),
        };
        let mut users: Vec<UserView> = rows.iter().map(user).collect();
        let ids: Vec<Uuid> = users.iter().take(limit).map(|user| user.id).collect();
        let places: HashMap<Uuid, usize> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        for row in self.related(texts::PROFILES, &organization, &ids).await? {
            users[places[&row.get::<_, Uuid>(0)]].profile =
                ProfileView { display_name: row.get(1), title: row.get(2) };
        }
        for row in self.related(texts::ALL_SETTINGS, &organization, &ids).await? {
            users[places[&row.get::<_, Uuid>(0)]].settings =
                SettingsView { theme: row.get(1), locale: row.get(2) };
        }
        for row in self.related(texts::ALL_PERMISSIONS, &organization, &ids).await? {
            users[places[&row.get::<_, Uuid>(0)]].permissions.push(row.get(1));
        }
        Ok(Listing::new(users, limit))
    }

    async fn related(&self, text: &str, organization: &Uuid, ids: &Vec<Uuid>) -> Answer<Vec<Row>> {
        self.rows(&format!("{text} = ANY($2)"), &[organization, ids]).await
    }

    /// Changes a user, and reads it.
    ///
    /// # Errors
    /// When there is no such user.
    pub async fn patch(
        mut self,
        token: &Token,
        owner: &[String],
        id: Uuid,
        patch: UserPatch,
    ) -> Answer<UserView> {
        let organization = self.authenticate(token, owner).await?.organization;
        let transaction = self.0.transaction().await?;
        let set = transaction.prepare_cached(texts::SET_PROFILE).await?;
        transaction.execute(&set, &[&patch.profile.display_name, &organization, &id]).await?;
        let set = transaction.prepare_cached(texts::SET_SETTINGS).await?;
        transaction.execute(&set, &[&patch.settings.theme, &organization, &id]).await?;
        transaction.commit().await?;
        self.user_of(organization, id).await
    }

    /// Reserves room for an upload.
    ///
    /// # Errors
    /// When there is none.
    pub async fn reserve(&mut self, organization: Uuid, file: Uuid, size: i64) -> Answer<()> {
        let limit = self.rows(texts::SUBSCRIPTION, &[&organization]).await?;
        let limit = limit.first().map_or(LIMIT, |row| row.get(0));
        let now = SystemTime::now();
        let transaction = self.0.transaction().await?;
        let lock = transaction.prepare_cached(texts::LOCK_USAGE).await?;
        transaction.execute(&lock, &[&organization]).await?;
        let reserve = transaction.prepare_cached(texts::RESERVE).await?;
        let until = now + Duration::from_secs(120);
        transaction.execute(&reserve, &[&organization, &file, &size, &until]).await?;
        let taken = transaction.prepare_cached(texts::TAKEN).await?;
        let taken: i64 = transaction.query_one(&taken, &[&organization, &now]).await?.get(0);
        if taken > limit {
            return Err(anyhow::anyhow!("no room").into());
        }
        Ok(transaction.commit().await?)
    }

    /// Stores the row of an upload with its job.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn store(&mut self, upload: Upload) -> Answer<()> {
        let Upload { organization, file, user, .. } = upload;
        let (now, job) = (SystemTime::now(), new_id()?);
        let transaction = self.0.transaction().await?;
        let take = transaction.prepare_cached(texts::TAKE).await?;
        transaction.execute(&take, &[&organization, &upload.size]).await?;
        let end = transaction.prepare_cached(texts::END_RESERVATION).await?;
        transaction.query_one(&end, &[&organization, &file, &now]).await?;
        let enqueue = transaction.prepare_cached(texts::ENQUEUE).await?;
        let none = serde_json::json!([]);
        transaction.execute(&enqueue, &[&job, &organization, &upload.arguments(), &now, &none]).await?;
        let insert = transaction.prepare_cached(texts::INSERT_FILE).await?;
        let facts = serde_json::json!({});
        let params: Params<'_> =
            &[&organization, &file, &user, &job, &upload.name, &upload.size, &upload.sha256, &facts, &now];
        transaction.execute(&insert, params).await?;
        Ok(transaction.commit().await?)
    }
}
