//! Waits that grow with failed attempts: for an account, and for the client's address.
//!
//! A failure adds a debt to its subject, which time pays off: one failure per `auth.account_wait` or
//! `auth.address_wait` (a leaky bucket, stored like GCRA: two timestamps per subject, no timers). Above a free number
//! each failure doubles the wait, up to the same time. A persistent attacker keeps the account's wait up for unknown
//! addresses, but never for an address from which the account has signed in before: that address is counted separately
//! (OWASP's device cookies, with the address in place of a cookie). The rows are in the database: waits hold in all
//! processes, and after a restart.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use tenfold::data::{Global, Reach, SystemTx};
use tenfold::http::{ClientAddress, StatusCode};
use tenfold::prelude::*;

/// The wait after the first failure that is not free.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// A success from a known address is recorded again when the record is older than this.
const NOTE_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// How failures of one kind of subject are counted.
#[derive(Clone, Copy)]
pub(crate) struct ThrottleRule {
    /// Failures that cost no wait.
    pub free: u32,
    /// The longest wait, and the time after which one failure is forgiven.
    pub wait: Duration,
}

impl ThrottleRule {
    /// The wait after this many failures in a row.
    fn wait_after(self, failures: i64) -> Duration {
        let above = failures - i64::from(self.free);
        match u32::try_from(above - 1) {
            Err(_) => Duration::ZERO,
            Ok(doublings) => {
                let grown = 2_u32.checked_pow(doublings).and_then(|times| FIRST_WAIT.checked_mul(times));
                grown.unwrap_or(self.wait).min(self.wait)
            }
        }
    }

    fn interval(self) -> i64 {
        microseconds(self.wait)
    }
}

fn microseconds(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// The rules for each kind of subject; the settings of the module.
#[derive(Clone, Copy)]
pub(crate) struct Throttle {
    pub account: ThrottleRule,
    pub address: ThrottleRule,
    pub sign_up: ThrottleRule,
    pub mail: ThrottleRule,
    pub provider_start: ThrottleRule,
    pub known_address_lifetime: Duration,
}

/// A row of `auth_attempts`.
#[derive(Clone, Copy, Debug)]
struct Debt {
    last_at: i64,
    forgiven_at: i64,
    kept_until: i64,
}

impl Debt {
    /// How long its subject has to wait from `now` on.
    fn wait(self, rule: ThrottleRule, now: i64) -> Duration {
        // A clock that was set back must not lock anyone out for as long as it was wrong.
        if self.last_at - now > rule.interval() {
            return Duration::ZERO;
        }
        let failures = (self.forgiven_at - self.last_at + rule.interval() - 1) / rule.interval();
        // Of two that are counted at once, the one that began first may be served last: it waits for no moment to come.
        let left = self.last_at.min(now) + microseconds(rule.wait_after(failures)) - now;
        u64::try_from(left).map_or(Duration::ZERO, Duration::from_micros)
    }
}

/// An attempt to sign in: the subjects that a failure counts against, and their debts.
#[derive(Clone)]
pub(crate) struct Attempt {
    account: String,
    known: String,
    address: String,
    debt_of_account: Option<Debt>,
    note: Option<Debt>,
}

impl Attempt {
    /// The subject that failures count against: the account, or the account at this address if it has signed in from
    /// here before.
    fn counted(&self) -> &str {
        if self.note.is_some() { &self.known } else { &self.account }
    }
}

impl Throttle {
    /// Admits an attempt to sign in, or says how long to wait. Costs one statement; an attempt that has to wait adds
    /// nothing to its debt.
    ///
    /// # Errors
    /// 429 `too-many-attempts`, the same whether account or address has to wait, and whether the account exists.
    pub(crate) async fn admit(
        &self,
        cx: &SystemContext,
        email: &str,
        client: ClientAddress,
    ) -> Result<Attempt, Problem> {
        self.admit_at(cx, cx.now(), email, client).await
    }

    /// The same in a transaction, which holds a lock that lets attempts for the account follow one another: of many at once no
    /// more are admitted than of one after another.
    pub(crate) async fn admit_locked(
        &self,
        tx: &SystemTx<'_>,
        email: &str,
        client: ClientAddress,
    ) -> Result<Attempt, Problem> {
        self.admit_at(tx, tx.now(), email, client).await
    }

    async fn admit_at<C: Reach<Global>>(
        &self,
        cx: &C,
        now: Timestamp,
        email: &str,
        client: ClientAddress,
    ) -> Result<Attempt, Problem> {
        let network = client.network();
        let (account, address) = (account_subject(email), format!("address/{network}"));
        let known = format!("known/{}", digest(&format!("{email}\n{network}")));
        let rows: Vec<(String, i64, i64, i64)> = sql!(
            "auth_attempts.of_sign_in",
            "SELECT subject, last_at, forgiven_at, kept_until FROM auth_attempts WHERE subject IN ($1, $2, $3)"
        )
        .bind(account.clone())
        .bind(known.clone())
        .bind(address.clone())
        .bounded()
        .all(cx)
        .await?;
        let debt = |wanted: &str| rows.iter().find(|(subject, ..)| subject == wanted).map(debt);
        let now = now.as_microsecond();
        let note = debt(&known).filter(|note| note.kept_until > now);
        let debt_of_account = debt(&account);
        let wait_of = |debt: Option<Debt>, rule| debt.map_or(Duration::ZERO, |debt| debt.wait(rule, now));
        let wait = wait_of(note.or(debt_of_account), self.account).max(wait_of(debt(&address), self.address));
        if wait.is_zero() {
            return Ok(Attempt { account, known, address, debt_of_account, note });
        }
        Err(refused(wait, "too many attempts to sign in have failed"))
    }

    /// Counts a failure against the account and the address.
    pub(crate) async fn fail(&self, cx: &SystemContext, attempt: &Attempt) -> Result<(), DataError> {
        cx.transaction(async |tx| self.count_failure(tx, attempt).await).await
    }

    /// The same in a transaction that does more.
    pub(crate) async fn count_failure(&self, tx: &SystemTx<'_>, attempt: &Attempt) -> Result<(), DataError> {
        let now = tx.now().as_microsecond();
        // All transactions lock the account's row first, to avoid deadlocks.
        let account = (attempt.counted().to_owned(), now + self.account.interval());
        let address = (attempt.address.clone(), now + self.address.interval());
        sql!(
            "auth_attempts.fail",
            "INSERT INTO auth_attempts (subject, last_at, forgiven_at, kept_until)
             VALUES ($1, $3, $4, $4), ($2, $3, $5, $5)
             ON CONFLICT (subject) DO UPDATE SET
                 last_at = excluded.last_at,
                 forgiven_at = excluded.forgiven_at + CASE
                     WHEN auth_attempts.forgiven_at > excluded.last_at
                     THEN auth_attempts.forgiven_at - excluded.last_at ELSE 0 END,
                 kept_until = CASE
                     WHEN auth_attempts.kept_until > auth_attempts.forgiven_at
                     THEN auth_attempts.kept_until
                     WHEN auth_attempts.forgiven_at > excluded.last_at
                     THEN excluded.forgiven_at + auth_attempts.forgiven_at - excluded.last_at
                     ELSE excluded.forgiven_at END"
        )
        .changes("auth_attempts")
        .bind(account.0.clone())
        .bind(address.0.clone())
        .bind(now)
        .bind(account.1)
        .bind(address.1)
        .execute(tx)
        .await
        .map(drop)
    }

    /// Records that the account signs in from this address. If the address was not known before, the account's
    /// failures are forgotten. Otherwise they stay counted: failures elsewhere did not hinder the owner.
    pub(crate) async fn succeed(&self, tx: &SystemTx<'_>, attempt: &Attempt) -> Result<(), DataError> {
        let now = tx.now().as_microsecond();
        let fresh =
            |note: Debt| note.forgiven_at <= note.last_at && now - note.last_at < microseconds(NOTE_AGAIN);
        if attempt.note.is_some_and(fresh) {
            return Ok(());
        }
        if attempt.note.is_none() && attempt.debt_of_account.is_some() {
            forget(tx, attempt.account.clone()).await?;
        }
        sql!(
            "auth_attempts.note_address",
            "INSERT INTO auth_attempts (subject, last_at, forgiven_at, kept_until) VALUES ($1, $2, $2, $3)
             ON CONFLICT (subject) DO UPDATE SET last_at = excluded.last_at, forgiven_at = excluded.forgiven_at,
                 kept_until = excluded.kept_until"
        )
        .changes("auth_attempts")
        .bind(attempt.known.clone())
        .bind(now)
        .bind(now + microseconds(self.known_address_lifetime))
        .execute(tx)
        .await
        .map(drop)
    }

    /// Forgets the failures of an account: its person has a new password.
    pub(crate) async fn forgive(&self, tx: &SystemTx<'_>, email: &str) -> Result<(), DataError> {
        forget(tx, account_subject(email)).await
    }

    /// Admits something that a client's address may do so often, or says how long to wait. It counts nothing: for a look ahead of
    /// costly work.
    ///
    /// # Errors
    /// 429 `too-many-attempts`.
    pub(crate) async fn admit_address(
        &self,
        cx: &SystemContext,
        what: AddressCount,
        client: ClientAddress,
    ) -> Result<(), Problem> {
        let row: Option<(String, i64, i64, i64)> = sql!(
            "auth_attempts.of_address",
            "SELECT subject, last_at, forgiven_at, kept_until FROM auth_attempts WHERE subject = $1"
        )
        .bind(what.subject(client))
        .bounded()
        .first(cx)
        .await?;
        let now = cx.now().as_microsecond();
        let wait = row.as_ref().map_or(Duration::ZERO, |row| debt(row).wait(self.rule_of(what), now));
        if wait.is_zero() { Ok(()) } else { Err(refused(wait, what.refusal())) }
    }

    /// Admits it and counts it, whatever its result. Of many at once no more are admitted than of one after another.
    ///
    /// # Errors
    /// 429 `too-many-attempts`, or the database's.
    pub(crate) async fn count_address(
        &self,
        tx: &SystemTx<'_>,
        what: AddressCount,
        client: ClientAddress,
    ) -> Result<(), Problem> {
        let now = tx.now().as_microsecond();
        // Locks the address's row; there is one without a debt if there was none.
        let row: Option<(String, i64, i64, i64)> = sql!(
            "auth_attempts.lock_address",
            "INSERT INTO auth_attempts (subject, last_at, forgiven_at, kept_until) VALUES ($1, $2, $2, $2)
             ON CONFLICT (subject) DO UPDATE SET last_at = auth_attempts.last_at
             RETURNING subject, last_at, forgiven_at, kept_until"
        )
        .changes("auth_attempts")
        .bind(what.subject(client))
        .bind(now)
        .first(tx)
        .await?;
        let wait = row.as_ref().map_or(Duration::ZERO, |row| debt(row).wait(self.rule_of(what), now));
        if !wait.is_zero() {
            return Err(refused(wait, what.refusal()));
        }
        sql!(
            "auth_attempts.count_address",
            "INSERT INTO auth_attempts (subject, last_at, forgiven_at, kept_until) VALUES ($1, $2, $3, $3)
             ON CONFLICT (subject) DO UPDATE SET
                 last_at = excluded.last_at,
                 forgiven_at = excluded.forgiven_at + CASE
                     WHEN auth_attempts.forgiven_at > excluded.last_at
                     THEN auth_attempts.forgiven_at - excluded.last_at ELSE 0 END,
                 kept_until = excluded.forgiven_at + CASE
                     WHEN auth_attempts.forgiven_at > excluded.last_at
                     THEN auth_attempts.forgiven_at - excluded.last_at ELSE 0 END"
        )
        .changes("auth_attempts")
        .bind(what.subject(client))
        .bind(now)
        .bind(now + self.rule_of(what).interval())
        .execute(tx)
        .await?;
        Ok(())
    }

    fn rule_of(&self, what: AddressCount) -> ThrottleRule {
        match what {
            AddressCount::SignUps => self.sign_up,
            AddressCount::Mails => self.mail,
            AddressCount::ProviderStarts => self.provider_start,
        }
    }
}

/// What is counted for a client's address, whatever its result.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "providers"), allow(dead_code, reason = "no sign-in with a provider begins"))]
pub(crate) enum AddressCount {
    /// Accounts that are made: each try reveals whether an address has an account.
    SignUps,
    /// Mails that are sent on request.
    Mails,
    /// Sign-ins with a provider that begin: each is a row.
    ProviderStarts,
}

impl AddressCount {
    fn subject(self, client: ClientAddress) -> String {
        let kind = match self {
            AddressCount::SignUps => "sign-up",
            AddressCount::Mails => "mail",
            AddressCount::ProviderStarts => "provider",
        };
        format!("{kind}/{}", client.network())
    }

    fn refusal(self) -> &'static str {
        match self {
            AddressCount::SignUps => "too many accounts were made from your address",
            AddressCount::Mails => "too many mails were asked for from your address",
            AddressCount::ProviderStarts => "too many sign-ins with a provider were begun from your address",
        }
    }
}

async fn forget(tx: &SystemTx<'_>, subject: String) -> Result<(), DataError> {
    sql!("auth_attempts.forgive", "DELETE FROM auth_attempts WHERE subject = $1")
        .changes("auth_attempts")
        .bind(subject)
        .execute(tx)
        .await
        .map(drop)
}

fn account_subject(email: &str) -> String {
    format!("account/{}", digest(email))
}

fn debt((_, last_at, forgiven_at, kept_until): &(String, i64, i64, i64)) -> Debt {
    Debt { last_at: *last_at, forgiven_at: *forgiven_at, kept_until: *kept_until }
}

fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

/// The 429 that says how long to wait.
pub(crate) fn refused(wait: Duration, why: &str) -> Problem {
    // Rounded up: a client that comes back exactly when the header says must not be too early.
    let seconds = wait.as_millis().div_ceil(1000).max(1);
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts", "Too many attempts")
        .detail(format!("{why}: wait {seconds} s, as Retry-After says, then try again"))
        .retry_after(Duration::from_secs(seconds))
}
