//! What the module's handlers share: the signing key, the password pool, how sessions are opened and known.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tenfold::app::DemoOrganization;
use tenfold::config::{ConfigError, Loaded, TimeSpan};
use tenfold::data::Principal;
use tenfold::http::{Authenticate, Permissions};
use tenfold::prelude::*;
use tenfold_auth_api::{AccountId, Auth, UserCard, UserId};

use crate::demo;
use crate::entities::{SessionId, SessionRow, TokenKey, TokenKeyRow, User};
use crate::passwords::{HashBounds, Passwords};
use crate::throttle::{Throttle, ThrottleRule};
use crate::token::{SigningKey, Token};

/// `[auth]` of the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthSettings {
    session_lifetime: TimeSpan,
    hash_parallelism: usize,
    hash_queue: usize,
    hash_queue_share: usize,
    account_failures: u32,
    account_wait: TimeSpan,
    known_address_lifetime: TimeSpan,
    address_failures: u32,
    address_sign_ups: u32,
    address_wait: TimeSpan,
}

impl AuthSettings {
    pub(crate) fn read(loaded: &Loaded) -> Result<Self, ConfigError> {
        let settings: AuthSettings = loaded.section("auth")?;
        loaded.within("auth.hash_parallelism", settings.hash_parallelism, 1..=64)?;
        loaded.within("auth.hash_queue", settings.hash_queue, 1..=10_000)?;
        loaded.within("auth.hash_queue_share", settings.hash_queue_share, 1..=10_000)?;
        loaded.within("auth.account_failures", settings.account_failures, 1..=10_000)?;
        loaded.within("auth.address_failures", settings.address_failures, 1..=1_000_000)?;
        loaded.within("auth.address_sign_ups", settings.address_sign_ups, 1..=1_000_000)?;
        let waits = TimeSpan::seconds(1)..=TimeSpan::hours(24);
        loaded.within("auth.account_wait", settings.account_wait, waits.clone())?;
        loaded.within("auth.address_wait", settings.address_wait, waits)?;
        let lifetimes = TimeSpan::hours(1)..=TimeSpan::hours(10 * 365 * 24);
        loaded.within("auth.known_address_lifetime", settings.known_address_lifetime, lifetimes)?;
        Ok(settings)
    }

    fn throttle(&self) -> Throttle {
        let address_wait = self.address_wait.as_std();
        Throttle {
            account: ThrottleRule { free: self.account_failures, wait: self.account_wait.as_std() },
            address: ThrottleRule { free: self.address_failures, wait: address_wait },
            sign_up: ThrottleRule { free: self.address_sign_ups, wait: address_wait },
            known_address_lifetime: self.known_address_lifetime.as_std(),
        }
    }

    fn hash_bounds(&self) -> HashBounds {
        HashBounds {
            parallelism: self.hash_parallelism,
            queue: self.hash_queue,
            share: self.hash_queue_share,
        }
    }
}

/// The module's service: it knows people by their tokens, and opens sessions.
pub struct Identity {
    pub(crate) passwords: Passwords,
    pub(crate) permissions: Arc<Permissions>,
    pub(crate) throttle: Throttle,
    key: SigningKey,
    session_lifetime: Duration,
}

impl Identity {
    /// Reads the settings and the signing key, which is made at the first start.
    pub(crate) async fn start(wiring: &Wiring) -> anyhow::Result<Self> {
        let settings = AuthSettings::read(wiring.settings())?;
        let key = wiring.database().run(None, async |cx| signing_key(&cx).await).await?;
        Ok(Identity {
            passwords: Passwords::new(settings.hash_bounds())?,
            permissions: wiring.permissions(),
            throttle: settings.throttle(),
            key,
            session_lifetime: settings.session_lifetime.as_std(),
        })
    }

    /// The context of the session that a token names, if these rows of it say that the token is still good.
    fn context_of(&self, cx: &SystemContext, token: &Token, rows: &[FoundSession]) -> Option<Context> {
        let (user, account, secret_hash, expires_at, role, _) = rows.first()?;
        // Comparing hashes of a random secret gives nothing away by its timing.
        if *secret_hash != token.secret_hash() || *expires_at <= cx.now() {
            return None;
        }
        let (account, user) = (account.0, user.0);
        let permissions = self.permissions.held(*role, rows.iter().filter_map(|row| row.5.as_deref()));
        let principal = Principal { account, user, session: token.session.0, permissions };
        Some(cx.within(token.organization).acting_for(principal))
    }

    /// Opens a session of a user and gives its token, which is not kept anywhere.
    pub(crate) async fn open_session(
        &self,
        tx: &Tx<'_>,
        user: UserId,
        account: AccountId,
    ) -> Result<String, Problem> {
        let session = SessionId(tx.new_id());
        let token = Token::fresh(tx.tenant(), session).map_err(Problem::internal)?;
        let now = tx.now();
        SessionRow {
            id: session,
            org_id: tx.tenant(),
            user_id: user,
            account_id: account,
            secret_hash: token.secret_hash(),
            created_at: now,
            expires_at: now + self.session_lifetime,
        }
        .insert(tx)
        .await?;
        Ok(token.sign(&self.key))
    }
}

/// The newest signing key. Two processes that start at once both try to store one; the primary key lets one win.
async fn signing_key(cx: &SystemContext) -> Result<SigningKey, DataError> {
    const CURRENT: i64 = 1;
    if let Some(key) = TokenKey::find(cx, CURRENT).await? {
        return Ok(SigningKey::new(key.secret.clone()));
    }
    let mut secret = vec![0; 32];
    getrandom::fill(&mut secret).map_err(|error| DataError::Settings(format!("no random bytes: {error}")))?;
    let key = TokenKeyRow { id: CURRENT, secret, created_at: cx.now() };
    match cx.transaction(async |tx| key.insert(tx).await).await {
        Ok(key) => Ok(SigningKey::new(key.secret)),
        Err(error) if error.is_conflict() => {
            let key = TokenKey::get(cx, CURRENT).await?;
            Ok(SigningKey::new(key.secret.clone()))
        }
        Err(error) => Err(error),
    }
}

/// A session's row with its user's role, beside one permission that the user has by name.
type FoundSession = (UserId, AccountId, Vec<u8>, Timestamp, Role, Option<String>);

/// The same of one of several sessions.
type OneOfSessions = (SessionId, UserId, AccountId, Vec<u8>, Timestamp, Role, Option<String>);

#[async_trait]
impl Authenticate for Identity {
    /// One statement, on primary keys: the session with its user's role and permissions as they are now.
    ///
    /// It runs through the system context, without a transaction for row-level security: the organization is in the token,
    /// whose MAC is checked, and the text names it.
    async fn authenticate(&self, cx: &SystemContext, token: &str) -> Result<Option<Context>, Problem> {
        let Some(token) = Token::verify(token, &self.key) else { return Ok(None) };
        let rows: Vec<FoundSession> = sql!(
            "auth_sessions.authenticate",
            "SELECT s.user_id, s.account_id, s.secret_hash, s.expires_at, u.role, p.name
             FROM auth_sessions s
             JOIN auth_users u ON u.org_id = s.org_id AND u.id = s.user_id
             LEFT JOIN auth_permissions p ON p.org_id = s.org_id AND p.user_id = s.user_id
             WHERE s.org_id = $1 AND s.id = $2"
        )
        .bind(token.organization)
        .bind(token.session)
        .bounded()
        .all(cx)
        .await?;
        Ok(self.context_of(cx, &token, &rows))
    }

    /// The same statement for many sessions. Few streams are open beside the requests that come, so it is another text.
    async fn authenticate_all(
        &self,
        cx: &SystemContext,
        tokens: &[&str],
    ) -> Result<Vec<Option<Context>>, Problem> {
        let tokens: Vec<Option<Token>> = tokens.iter().map(|token| Token::verify(token, &self.key)).collect();
        let organizations: Vec<OrgId> = tokens.iter().flatten().map(|token| token.organization).collect();
        let sessions: Vec<SessionId> = tokens.iter().flatten().map(|token| token.session).collect();
        // Two lists, side by side: PostgreSQL has a function for that, SQLite's lists number their values.
        let rows: Vec<OneOfSessions> = sql!(
            "auth_sessions.authenticate_all",
            sqlite: "WITH organizations AS MATERIALIZED (SELECT rowid AS place, value AS id FROM rarray($1)),
                          sessions AS MATERIALIZED (SELECT rowid AS place, value AS id FROM rarray($2))
                     SELECT s.id, s.user_id, s.account_id, s.secret_hash, s.expires_at, u.role, p.name
                     FROM sessions AS k
                     JOIN organizations AS o ON o.place = k.place
                     JOIN auth_sessions s ON s.org_id = o.id AND s.id = k.id
                     JOIN auth_users u ON u.org_id = s.org_id AND u.id = s.user_id
                     LEFT JOIN auth_permissions p ON p.org_id = s.org_id AND p.user_id = s.user_id",
            postgres: "SELECT s.id, s.user_id, s.account_id, s.secret_hash, s.expires_at, u.role, p.name
                     FROM unnest($1::uuid[], $2::uuid[]) AS k (org_id, id)
                     JOIN auth_sessions s ON s.org_id = k.org_id AND s.id = k.id
                     JOIN auth_users u ON u.org_id = s.org_id AND u.id = s.user_id
                     LEFT JOIN auth_permissions p ON p.org_id = s.org_id AND p.user_id = s.user_id"
        )
        .bind_list(&organizations)
        .bind_list(&sessions)
        .all(cx)
        .await?;
        let mut found: HashMap<SessionId, Vec<FoundSession>> = HashMap::new();
        for (id, user, account, secret_hash, expires_at, role, permission) in rows {
            let row = (user, account, secret_hash, expires_at, role, permission);
            found.entry(id).or_default().push(row);
        }
        let of = |token: &Option<Token>| {
            let token = token.as_ref()?;
            self.context_of(cx, token, found.get(&token.session)?)
        };
        Ok(tokens.iter().map(of).collect())
    }

    async fn demo_organizations(&self, cx: &SystemContext) -> anyhow::Result<Vec<DemoOrganization>> {
        demo::organizations(cx).await
    }
}

#[async_trait]
impl Auth for Identity {
    async fn user_cards(&self, cx: &Context, ids: Vec<UserId>) -> Result<Vec<Option<UserCard>>, CallError> {
        let users = User::find_many(cx, ids).await?;
        let mut cards = Vec::with_capacity(users.len());
        for user in users {
            cards.push(match user {
                Some(user) => {
                    let display_name = user.profile.get(cx).await?.display_name.clone();
                    Some(UserCard { id: user.id, display_name })
                }
                None => None,
            });
        }
        Ok(cards)
    }
}
