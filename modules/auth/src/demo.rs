//! Demo data: two organizations, people to sign in as, and enough rows to see what a list costs.

use tenfold::app::DemoOrganization;
use tenfold::data::SystemTx;
use tenfold::http::Permission as _;
use tenfold::prelude::*;
use tenfold_auth_api::{AccountId, UserId};

use crate::entities::{
    Account, AccountRow, LinkedIdentityId, LinkedIdentityRow, Membership, MembershipId, MembershipRow,
    OrganizationRow, PermissionId, Profile, ProfileRow, Theme, User, UserPermission, UserPermissionRow,
    UserRow, UserSettings, UserSettingsRow,
};
use crate::passwords;
use crate::users::permissions::WriteMembers;

/// The password of all demo accounts.
pub const PASSWORD: &str = "tenfold-demo";

/// The user of both organizations.
const BOTH: &str = "both@demo.test";

/// Creates Acme with 1,000 users and Globex with 10, if they do not exist; `both@demo.test` is a user of both. Returns
/// both with their users, the owner first.
///
/// # Errors
/// When the database fails, or has accounts but none of the demo: then nothing is stored.
pub(crate) async fn organizations(cx: &SystemContext) -> anyhow::Result<Vec<DemoOrganization>> {
    // Checked first, since another process may be creating them at this moment.
    let is_empty = is_empty(cx).await?;
    if Account::query().filter(Account::email.eq(BOTH.to_owned())).first(cx).await?.is_none() {
        anyhow::ensure!(
            is_empty,
            "--demo adds people with a public password, and this database has accounts and is no demo: serve without \
             --demo, or name an empty database with --database"
        );
        make(cx).await?;
    }
    let both = Account::query().filter(Account::email.eq(BOTH.to_owned())).first(cx).await?;
    let both =
        both.ok_or_else(|| anyhow::anyhow!("the demo's people are not all there: {BOTH} is missing"))?;
    let mut organizations = Vec::new();
    let memberships = Membership::query().filter(Membership::account_id.eq(both.id)).all(cx).await?;
    for membership in &memberships {
        // Ids are in the order in which the users were created.
        let users = User::query().order_by(User::id).limit(1000).all(&cx.within(membership.org_id)).await?;
        let users = users.iter().map(|user| user.id.0).collect();
        organizations.push(DemoOrganization { id: membership.org_id, users });
    }
    Ok(organizations)
}

/// Whether there are no accounts. Uses an index, so the number of accounts does not matter.
async fn is_empty(cx: &SystemContext) -> Result<bool, DataError> {
    let first = sql!(
        "auth_accounts.first",
        "SELECT email FROM auth_accounts WHERE email > '' ORDER BY email LIMIT 1"
    );
    let first: Option<(String,)> = first.bounded().first(cx).await?;
    Ok(first.is_none())
}

/// A person of an organization, to be stored.
struct NewPerson<'p> {
    account: AccountId,
    user: UserId,
    email: String,
    /// Which of the organization's people it is; decides the name and the settings.
    index: usize,
    role: Role,
    permissions: &'p [&'p str],
}

/// How many people one transaction stores: a busy machine takes seconds for a thousand, and a transaction has a limit.
const AT_ONCE: usize = 100;

/// Both organizations with their owners are stored first, and together: from then on this is the demo's database. If the process is
/// killed before the others are stored, there are fewer people to list.
async fn make(cx: &SystemContext) -> anyhow::Result<()> {
    let (password_hash, both) = (password_hash().await?, AccountId(cx.new_id()));
    let cx = cx.repeating("the demo's people are stored in parts");
    let made: Vec<_> = [("Acme", "acme.test", 1000), ("Globex", "globex.test", 10)]
        .into_iter()
        .map(|(name, domain, count)| (OrgId(cx.new_id()), name, people(&cx, domain, count, both)))
        .collect();
    let first = cx
        .transaction(async |tx| -> Result<(), DataError> {
            let tx = tx.repeating("each organization has its owners");
            account(&tx, both, BOTH, &password_hash).insert(&tx).await?;
            for (id, name, people) in &made {
                OrganizationRow::open(*id, (*name).to_owned(), tx.now()).insert(&tx).await?;
                let [owner, .., last] = &**people else { continue };
                account(&tx, owner.account, &owner.email, &password_hash).insert(&tx).await?;
                add(&tx.within(*id), &[owner, last]).await?;
            }
            Ok(())
        })
        .await;
    match first {
        Ok(()) => {}
        // Another process that was started at the same moment was faster.
        Err(error) if error.is_conflict() => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    for (id, _, people) in &made {
        for some in people[1..people.len() - 1].chunks(AT_ONCE) {
            let some: Vec<&NewPerson<'_>> = some.iter().collect();
            cx.transaction(async |tx| -> Result<(), DataError> {
                let row =
                    |person: &&NewPerson<'_>| account(tx, person.account, &person.email, &password_hash);
                Account::insert_many(tx, some.iter().map(row).collect()).await?;
                add(&tx.within(*id), &some).await
            })
            .await?;
        }
    }
    Ok(())
}

/// The people of an organization in their order: the owner is the first, and [`BOTH`] the last.
fn people(cx: &SystemContext, domain: &str, count: usize, both: AccountId) -> Vec<NewPerson<'static>> {
    let person = |index: usize| {
        let (account, email) = match index {
            0 => (AccountId(cx.new_id()), format!("owner@{domain}")),
            last if last + 1 == count => (both, BOTH.to_owned()),
            index => (AccountId(cx.new_id()), format!("user{:04}@{domain}", index + 1)),
        };
        let (role, permissions) = demo_role(index, count);
        NewPerson { account, user: UserId(cx.new_id()), email, index, role, permissions }
    };
    (0..count).map(person).collect()
}

fn account(tx: &SystemTx<'_>, id: AccountId, email: &str, password_hash: &str) -> AccountRow {
    let password_hash = password_hash.to_owned();
    let confirmed_at = Some(tx.now());
    let (email, created_at) = (email.to_owned(), tx.now());
    AccountRow { id, email, password_hash, reached_at: confirmed_at, confirmed_at, created_at }
}

/// Adds a person to an organization. The person signs in with [`PASSWORD`] and has exactly the permissions in
/// `permissions`: for tests of roles. The address counts as confirmed.
///
/// # Errors
/// When the address is taken, or the database fails.
pub async fn join(
    cx: &SystemContext,
    organization: OrgId,
    email: &str,
    permissions: &[&str],
) -> anyhow::Result<UserId> {
    let password_hash = password_hash().await?;
    let (id, user) = (AccountId(cx.new_id()), UserId(cx.new_id()));
    let (email, role) = (email.to_owned(), Role::Custom);
    let person = NewPerson { account: id, user, email, index: 0, role, permissions };
    cx.transaction(async |tx| -> Result<(), DataError> {
        account(tx, id, &person.email, &password_hash).insert(tx).await?;
        add(&tx.within(organization), &[&person]).await
    })
    .await?;
    Ok(user)
}

/// Links an account at a provider to the account with this address: for tests without a provider.
///
/// # Errors
/// When there is no such account, or it was linked so before, or the database fails.
pub async fn link(cx: &SystemContext, email: &str) -> anyhow::Result<()> {
    let account = Account::query().filter(Account::email.eq(email.to_owned())).first(cx).await?;
    let account = account.ok_or_else(|| anyhow::anyhow!("nobody has the address {email}"))?;
    let row = LinkedIdentityRow {
        id: LinkedIdentityId(cx.new_id()),
        account_id: account.id,
        provider: "test".to_owned(),
        issuer: "https://provider.test".to_owned(),
        subject: account.id.to_string(),
        email: email.to_owned(),
        created_at: cx.now(),
    };
    cx.transaction(async |tx| row.insert(tx).await).await?;
    Ok(())
}

async fn password_hash() -> anyhow::Result<String> {
    tenfold::compute(|| passwords::hash(PASSWORD)).await?
}

/// The first and the last user, the owner and `both@demo.test`, are owners. Some of the others are admins, and some
/// members may also change profiles.
fn demo_role(index: usize, people: usize) -> (Role, &'static [&'static str]) {
    match index {
        0 => (Role::Owner, &[]),
        last if last + 1 == people => (Role::Owner, &[]),
        index if index % 20 == 1 => (Role::Admin, &[]),
        index if index % 3 == 0 => (Role::Member, &[WriteMembers::NAME]),
        _ => (Role::Member, &[]),
    }
}

/// Stores people as users of an organization. Their accounts are there.
async fn add(tx: &Tx<'_>, people: &[&NewPerson<'_>]) -> Result<(), DataError> {
    let org_id = tx.tenant();
    let user = |person: &&NewPerson<'_>| UserRow {
        id: person.user,
        org_id,
        account_id: person.account,
        email: person.email.clone(),
        role: person.role,
        created_at: tx.now(),
    };
    User::insert_many(tx, people.iter().map(user).collect()).await?;
    let profile = |person: &&NewPerson<'_>| ProfileRow {
        user_id: person.user,
        org_id,
        display_name: display_name(person.index),
        title: title(person.index),
    };
    Profile::insert_many(tx, people.iter().map(profile).collect()).await?;
    let settings = |person: &&NewPerson<'_>| UserSettingsRow {
        user_id: person.user,
        org_id,
        theme: [Theme::System, Theme::Light, Theme::Dark][person.index % 3],
        locale: ["en", "de", "fr", "es"][person.index % 4].to_owned(),
    };
    UserSettings::insert_many(tx, people.iter().map(settings).collect()).await?;
    let permissions = people.iter().flat_map(|person| {
        person.permissions.iter().map(|name| UserPermissionRow {
            id: PermissionId(tx.new_id()),
            org_id,
            user_id: person.user,
            name: (*name).to_owned(),
        })
    });
    UserPermission::insert_many(tx, permissions.collect()).await?;
    let membership = |person: &&NewPerson<'_>| MembershipRow {
        id: MembershipId(tx.new_id()),
        account_id: person.account,
        org_id,
        user_id: person.user,
        last_used_at: tx.now(),
    };
    Membership::insert_many(tx, people.iter().map(membership).collect()).await?;
    Ok(())
}

fn display_name(index: usize) -> String {
    const FIRST: [&str; 16] = [
        "Ada",
        "Alan",
        "Barbara",
        "Claude",
        "Donald",
        "Edsger",
        "Frances",
        "Grace",
        "Hedy",
        "Ivan",
        "John",
        "Katherine",
        "Leslie",
        "Margaret",
        "Niklaus",
        "Radia",
    ];
    const LAST: [&str; 11] = [
        "Allen",
        "Backus",
        "Conway",
        "Dijkstra",
        "Engelbart",
        "Floyd",
        "Goldberg",
        "Hopper",
        "Iverson",
        "Johnson",
        "Knuth",
    ];
    format!("{} {}", FIRST[index % FIRST.len()], LAST[index % LAST.len()])
}

fn title(index: usize) -> Option<String> {
    ["Engineer", "Designer", "Accountant"].get(index % 4).map(|title| (*title).to_owned())
}
