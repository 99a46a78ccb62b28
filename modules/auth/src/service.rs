//! What the module's handlers share: the signing key, the password pool, how sessions are opened and known.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tenfold::app::DemoOrganization;
use tenfold::data::{Principal, SystemTx, Uuid};
use tenfold::http::{Authenticate, Permissions, StatusCode};
use tenfold::prelude::*;
use tenfold_auth_api::{AccountId, Auth, UserCard, UserContact, UserId};

use crate::api_keys::permissions_of;
use crate::contact::contact;
use crate::demo;
use crate::device::Device;
use crate::entities::{
    AccountStanding, ApiKey, ConfirmedFactor, Membership, Organization, Session, SessionId, SessionRow, User,
    UserPermission,
};
use crate::last_seen::{KeysSeen, SessionsSeen};
use crate::passwords::Passwords;
use crate::providers::Providers;
use crate::second_factor::challenge::challenge;
use crate::sessions::limited::SessionLimit;
use crate::settings::AuthSettings;
use crate::signing_key::signing_key;
use crate::throttle::Throttle;
use crate::token::{SigningKey, Token, TokenKind};

/// The module's service: it knows people by their tokens, and opens sessions.
pub struct Identity {
    pub(crate) passwords: Passwords,
    pub(crate) permissions: Arc<Permissions>,
    pub(crate) throttle: Throttle,
    pub(crate) providers: Providers,
    /// Whether a person may sign in before the address is confirmed.
    pub(crate) unconfirmed_sign_in: bool,
    /// How many people an organization may invite on its first day.
    pub(crate) first_day_invitations: u32,
    /// How long a closed organization can be reopened.
    pub(crate) closing_pause: Duration,
    /// Where people ask about what an operator has suspended; may be empty.
    contact: String,
    pub(crate) sessions_seen: SessionsSeen,
    keys_seen: KeysSeen,
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
            providers: Providers::start(
                settings.providers,
                settings.provider_deadline.as_std(),
                wiring.settings(),
            )?,
            unconfirmed_sign_in: settings.unconfirmed_sign_in,
            first_day_invitations: settings.first_day_invitations,
            closing_pause: settings.closing_pause.as_std(),
            contact: settings.contact,
            sessions_seen: SessionsSeen::default(),
            keys_seen: KeysSeen::default(),
            key,
            session_lifetime: settings.session_lifetime.as_std(),
        })
    }

    /// Where people ask about a suspended account or organization: `auth.contact`, which may be empty.
    pub fn contact(&self) -> &str {
        &self.contact
    }

    fn whom_to_ask(&self) -> String {
        match &*self.contact {
            "" => "ask those who run this service".to_owned(),
            contact => format!("ask {contact}"),
        }
    }

    /// The context of the session that a token names, if these rows of it say that the token is still good.
    fn context_of(&self, cx: &SystemContext, token: &Token, rows: &[FoundSession]) -> Option<Context> {
        let (user, account, secret_hash, expires_at, _, _, role, _) = rows.first()?;
        // Comparing hashes of a random secret gives nothing away by its timing.
        if *secret_hash != token.secret_hash() || *expires_at <= cx.now() {
            return None;
        }
        let (account, user) = (account.0, user.0);
        let permissions = self.permissions.held(*role, rows.iter().filter_map(|row| row.7.as_deref()));
        let principal = Principal { account, user, session: token.id, permissions };
        Some(cx.within(token.organization).acting_for(principal))
    }

    /// The session that a token names, with one statement on primary keys: its user's role and permissions are those of now. The rows
    /// are kept until one of them changes, so a request of a session that was seen lately asks for nothing. Only where the organization
    /// requires a second factor the person's is looked up, and kept too.
    ///
    /// It runs through the system context, without a transaction for row-level security: the organization is in the token,
    /// whose MAC is checked, and the text names it.
    async fn session(
        &self,
        cx: &SystemContext,
        token: &Token,
    ) -> Result<Option<(Context, Option<SessionLimit>)>, Problem> {
        let rows: Vec<FoundSession> = sql!(
            "auth_sessions.authenticate",
            "SELECT s.user_id, s.account_id, s.secret_hash, s.expires_at, o.second_factor_required,
                    CAST(CASE WHEN o.suspended_at IS NOT NULL THEN 2 WHEN o.closed_at IS NOT NULL THEN 1 ELSE 0 END AS bigint),
                    u.role, p.name
             FROM auth_sessions s
             JOIN auth_organizations o ON o.id = s.org_id
             JOIN auth_users u ON u.org_id = s.org_id AND u.id = s.user_id
             LEFT JOIN auth_permissions p ON p.org_id = s.org_id AND p.user_id = s.user_id
             WHERE s.org_id = $1 AND s.id = $2"
        )
        .bind(token.organization)
        .bind(token.id)
        .bounded()
        .cached_by::<Session>(&[User::TABLE, UserPermission::TABLE])
        .and_organization(Organization::TABLE)
        .all(cx)
        .await?;
        let (Some(context), Some(row)) = (self.context_of(cx, token, &rows), rows.first()) else {
            return Ok(None);
        };
        let (account, is_required, state) = (row.1, row.4, row.5);
        self.sessions_seen.note(cx, token.organization, account, token.id);
        let lacks_factor = is_required && {
            let factor = ConfirmedFactor::find(cx, account).await?;
            factor.is_none_or(|factor| factor.confirmed_at.is_none())
        };
        Ok(Some((context, SessionLimit::of(lacks_factor, state))))
    }

    /// The context of a session that may be limited, for the few handlers that take one.
    pub(crate) async fn limited_context(
        &self,
        cx: &SystemContext,
        token: &str,
    ) -> Result<Option<(Context, Option<SessionLimit>)>, Problem> {
        let Some(token) = Token::verify(token, &self.key) else { return Ok(None) };
        if token.kind != TokenKind::Session {
            return Ok(None);
        }
        let cx = cx.repeating("the session was found to be limited just before");
        self.session(&cx, &token).await
    }

    /// The context of the API key that a token names, if it is still good. Its user is the one who made it, and of its permissions
    /// it has those that this user has now. It has no account, so it cannot do what only a person may.
    async fn key_context(&self, cx: &SystemContext, token: &Token) -> Result<Option<Context>, Problem> {
        let rows: Vec<FoundKey> = sql!(
            "auth_api_keys.authenticate",
            "SELECT k.secret_hash, k.created_by, k.permissions, k.expires_at,
                    CAST(CASE WHEN o.suspended_at IS NOT NULL THEN 2 WHEN o.closed_at IS NOT NULL THEN 1 ELSE 0 END AS bigint),
                    u.role, p.name
             FROM auth_api_keys k
             JOIN auth_organizations o ON o.id = k.org_id
             JOIN auth_users u ON u.org_id = k.org_id AND u.id = k.created_by
             LEFT JOIN auth_permissions p ON p.org_id = k.org_id AND p.user_id = k.created_by
             WHERE k.org_id = $1 AND k.id = $2 AND u.suspended_at IS NULL"
        )
        .bind(token.organization)
        .bind(token.id)
        .bounded()
        .cached_by::<ApiKey>(&[User::TABLE, UserPermission::TABLE])
        .and_organization(Organization::TABLE)
        .all(cx)
        .await?;
        let Some((secret_hash, user, given, expires_at, state, role, _)) = rows.first() else {
            return Ok(None);
        };
        if *secret_hash != token.secret_hash() || expires_at.is_some_and(|end| end <= cx.now()) {
            return Ok(None);
        }
        if let Some(limit) = SessionLimit::of_organization(*state) {
            return Err(limit.refusal());
        }
        self.keys_seen.record(cx, token.organization, token.id).await;
        let of_user = self.permissions.held(*role, rows.iter().filter_map(|row| row.6.as_deref()));
        let permissions = permissions_of(given).into_iter().filter(|name| of_user.contains(name));
        let permissions = Arc::new(permissions.collect());
        let principal = Principal { account: Uuid::nil(), user: user.0, session: token.id, permissions };
        Ok(Some(cx.within(token.organization).acting_for(principal)))
    }

    /// Signs a person in whose first factor was right: opens a session, or a challenge if the account has a second factor. The account
    /// is locked.
    pub(crate) async fn sign_in(
        &self,
        tx: &SystemTx<'_>,
        membership: &Membership,
        new: NewSession,
    ) -> Result<SignInStep, Problem> {
        if let Some(challenge) = challenge(tx, membership, new.password_at).await? {
            return Ok(SignInStep::Challenge(challenge));
        }
        Ok(SignInStep::Session(self.open_session(tx, membership, new).await?))
    }

    /// The text of a token, which is not kept anywhere.
    pub(crate) fn sign(&self, token: &Token) -> String {
        token.sign(&self.key)
    }

    /// Opens a session of a member and gives its token, which is not kept anywhere. The account is locked, or new; a suspended one is a
    /// 403.
    pub(crate) async fn open_session(
        &self,
        tx: &SystemTx<'_>,
        membership: &Membership,
        new: NewSession,
    ) -> Result<String, Problem> {
        let standing = AccountStanding::find(tx, membership.account_id).await?;
        if standing.is_some_and(|standing| standing.suspended_at.is_some()) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "account-suspended", "The account is suspended")
                .detail(self.whom_to_ask()));
        }
        Membership::update(membership.id).set(Membership::last_used_at, tx.now()).run(tx).await?;
        let tx = tx.within(membership.org_id);
        let session = SessionId(tx.new_id());
        let token = Token::fresh(TokenKind::Session, tx.tenant(), session.0).map_err(Problem::internal)?;
        let now = tx.now();
        SessionRow {
            id: session,
            org_id: tx.tenant(),
            user_id: membership.user_id,
            account_id: membership.account_id,
            secret_hash: token.secret_hash(),
            user_agent: new.device.user_agent,
            address: new.device.client.ip().to_string(),
            last_seen_at: Some(now),
            password_at: new.password_at,
            created_at: now,
            expires_at: now + self.session_lifetime,
        }
        .insert(&tx)
        .await?;
        Ok(token.sign(&self.key))
    }
}

/// What a sign-in gives.
pub(crate) enum SignInStep {
    /// The token of a session.
    Session(String),
    /// The challenge that the second factor answers.
    Challenge(String),
}

/// A session to be opened.
pub(crate) struct NewSession {
    pub device: Device,
    /// When the person typed the password; none if it was opened by something else.
    pub password_at: Option<Timestamp>,
}

/// The row of an API key with the role of the user who made it, beside one permission that this user has by name.
type FoundKey = (Vec<u8>, UserId, serde_json::Value, Option<Timestamp>, i64, Role, Option<String>);

/// A session's row, whether its organization requires a second factor, the state of that (0, 1 closed, 2 suspended), and the user's role, beside one permission
/// that the user has by name.
type FoundSession = (UserId, AccountId, Vec<u8>, Timestamp, bool, i64, Role, Option<String>);

/// A row of one of several sessions, and whether it is limited.
type OneOfSessions = (SessionId, UserId, AccountId, Vec<u8>, Timestamp, bool, Role, Option<String>);

/// A stream of a key that is limited ends, as that of a session.
fn ended_if_limited(found: Result<Option<Context>, Problem>) -> Result<Option<Context>, Problem> {
    match found {
        Err(refusal) if SessionLimit::of_refusal(&refusal).is_some() => Ok(None),
        other => other,
    }
}

#[async_trait]
impl Authenticate for Identity {
    async fn authenticate(&self, cx: &SystemContext, token: &str) -> Result<Option<Context>, Problem> {
        let Some(token) = Token::verify(token, &self.key) else { return Ok(None) };
        if token.kind == TokenKind::ApiKey {
            return self.key_context(cx, &token).await;
        }
        match self.session(cx, &token).await? {
            Some((_, Some(limit))) => Err(limit.refusal()),
            found => Ok(found.map(|(context, _)| context)),
        }
    }

    fn organization_of(&self, token: &str) -> Option<OrgId> {
        Token::verify(token, &self.key).map(|token| token.organization)
    }

    /// The same statement for many sessions. Few streams are open beside the requests that come, so it is another text.
    async fn authenticate_all(
        &self,
        cx: &SystemContext,
        tokens: &[&str],
    ) -> Result<Vec<Option<Context>>, Problem> {
        let tokens: Vec<Option<Token>> = tokens.iter().map(|token| Token::verify(token, &self.key)).collect();
        let of_sessions = || tokens.iter().flatten().filter(|token| token.kind == TokenKind::Session);
        let organizations: Vec<OrgId> = of_sessions().map(|token| token.organization).collect();
        let sessions: Vec<SessionId> = of_sessions().map(|token| SessionId(token.id)).collect();
        // Two lists, side by side: PostgreSQL has a function for that, SQLite's lists number their values.
        let rows: Vec<OneOfSessions> = sql!(
            "auth_sessions.authenticate_all",
            sqlite: "WITH organizations AS MATERIALIZED (SELECT rowid AS place, value AS id FROM rarray($1)),
                          sessions AS MATERIALIZED (SELECT rowid AS place, value AS id FROM rarray($2))
                     SELECT s.id, s.user_id, s.account_id, s.secret_hash, s.expires_at,
                            o.suspended_at IS NOT NULL OR o.closed_at IS NOT NULL OR o.second_factor_required AND NOT EXISTS (
                                SELECT 1 FROM auth_second_factors f
                                WHERE f.account_id = s.account_id AND f.confirmed_at IS NOT NULL),
                            u.role, p.name
                     FROM sessions AS k
                     JOIN organizations AS ko ON ko.place = k.place
                     JOIN auth_sessions s ON s.org_id = ko.id AND s.id = k.id
                     JOIN auth_organizations o ON o.id = s.org_id
                     JOIN auth_users u ON u.org_id = s.org_id AND u.id = s.user_id
                     LEFT JOIN auth_permissions p ON p.org_id = s.org_id AND p.user_id = s.user_id",
            postgres: "SELECT s.id, s.user_id, s.account_id, s.secret_hash, s.expires_at,
                            o.suspended_at IS NOT NULL OR o.closed_at IS NOT NULL OR o.second_factor_required AND NOT EXISTS (
                                SELECT 1 FROM auth_second_factors f
                                WHERE f.account_id = s.account_id AND f.confirmed_at IS NOT NULL),
                            u.role, p.name
                     FROM unnest($1::uuid[], $2::uuid[]) AS k (org_id, id)
                     JOIN auth_sessions s ON s.org_id = k.org_id AND s.id = k.id
                     JOIN auth_organizations o ON o.id = s.org_id
                     JOIN auth_users u ON u.org_id = s.org_id AND u.id = s.user_id
                     LEFT JOIN auth_permissions p ON p.org_id = s.org_id AND p.user_id = s.user_id"
        )
        .bind_list(&organizations)
        .bind_list(&sessions)
        .all(cx)
        .await?;
        let mut found: HashMap<SessionId, Vec<FoundSession>> = HashMap::new();
        for (id, user, account, secret_hash, expires_at, is_limited, role, permission) in rows {
            if !is_limited {
                let row = (user, account, secret_hash, expires_at, false, 0, role, permission);
                found.entry(id).or_default().push(row);
            }
        }
        let each = cx.repeating("few streams are a program's: each key is looked up");
        let mut contexts = Vec::with_capacity(tokens.len());
        for token in &tokens {
            contexts.push(match token {
                None => None,
                Some(token) if token.kind == TokenKind::ApiKey => {
                    ended_if_limited(self.key_context(&each, token).await)?
                }
                Some(token) => {
                    let rows = found.get(&SessionId(token.id));
                    rows.and_then(|rows| self.context_of(cx, token, rows))
                }
            });
        }
        Ok(contexts)
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

    async fn user_contact(&self, cx: &Context, user: UserId) -> Result<Option<UserContact>, CallError> {
        Ok(contact(cx, user).await?)
    }
}
