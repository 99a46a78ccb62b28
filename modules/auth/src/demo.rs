//! Demo data: two organizations, people to sign in as, and enough rows to see what a list costs.

use tenfold::app::DemoOrganization;
use tenfold::http::Permission as _;
use tenfold::prelude::*;
use tenfold_auth_api::{AccountId, UserId};

use crate::entities::{
    Account, AccountRow, Membership, MembershipId, MembershipRow, OrganizationRow, PermissionId, Profile,
    ProfileRow, Theme, User, UserPermission, UserPermissionRow, UserRow, UserSettings, UserSettingsRow,
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

async fn make(cx: &SystemContext) -> anyhow::Result<()> {
    let password_hash = password_hash().await?;
    let made = cx
        .transaction(async |tx| -> Result<(), DataError> {
            let account = |email: &str| AccountRow {
                id: AccountId(tx.new_id()),
                email: email.to_owned(),
                password_hash: password_hash.clone(),
                created_at: tx.now(),
            };
            let both = account(BOTH);
            let mut made = Vec::new();
            for (name, domain, count) in [("Acme", "acme.test", 1000), ("Globex", "globex.test", 10)] {
                let mut people = vec![account(&format!("owner@{domain}"))];
                people.extend((2..count).map(|number| account(&format!("user{number:04}@{domain}"))));
                let mut members: Vec<(AccountId, String)> =
                    people.iter().map(|person| (person.id, person.email.clone())).collect();
                members.push((both.id, both.email.clone()));
                Account::insert_many(tx, people).await?;
                made.push((name, members));
            }
            Account::insert_many(tx, vec![both]).await?;
            for (name, members) in made {
                let organization =
                    OrganizationRow { id: OrgId(tx.new_id()), name: name.to_owned(), created_at: tx.now() };
                let organization = organization.insert(tx).await?;
                let role = |index| demo_role(index, members.len());
                let users = add_users(&tx.within(organization.id), &members, role).await?;
                let membership = |((account, _), user): (&(AccountId, String), &UserId)| MembershipRow {
                    id: MembershipId(tx.new_id()),
                    account_id: *account,
                    org_id: organization.id,
                    user_id: *user,
                    last_used_at: tx.now(),
                };
                Membership::insert_many(tx, members.iter().zip(&users).map(membership).collect()).await?;
            }
            Ok(())
        })
        .await;
    match made {
        // Another process that was started at the same moment was faster.
        Err(error) if error.is_conflict() => Ok(()),
        made => Ok(made?),
    }
}

/// Adds a person to an organization. The person signs in with [`PASSWORD`] and has exactly the permissions in
/// `permissions`: for tests of roles, until people can be invited.
///
/// # Errors
/// When the address is taken, or the database fails.
pub async fn join(
    cx: &SystemContext,
    organization: OrgId,
    email: &str,
    permissions: &[&str],
) -> anyhow::Result<UserId> {
    let (account_id, password_hash) = (AccountId(cx.new_id()), password_hash().await?);
    let user_id = cx
        .transaction(async |tx| -> Result<_, DataError> {
            let (email, now) = (email.to_owned(), tx.now());
            let account = AccountRow { id: account_id, email: email.clone(), password_hash, created_at: now };
            account.insert(tx).await?;
            let tenant = tx.within(organization);
            let role = |_| (Role::Custom, permissions);
            let user_id = add_users(&tenant, &[(account_id, email)], role).await?[0];
            let membership = MembershipRow {
                id: MembershipId(tx.new_id()),
                account_id,
                org_id: organization,
                user_id,
                last_used_at: now,
            };
            membership.insert(tx).await?;
            Ok(user_id)
        })
        .await?;
    Ok(user_id)
}

async fn password_hash() -> anyhow::Result<String> {
    tokio::task::spawn_blocking(|| passwords::hash(PASSWORD)).await?
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

async fn add_users<'p>(
    tx: &Tx<'_>,
    members: &[(AccountId, String)],
    role_of: impl Fn(usize) -> (Role, &'p [&'p str]),
) -> Result<Vec<UserId>, DataError> {
    let org_id = tx.tenant();
    let ids: Vec<UserId> = members.iter().map(|_| UserId(tx.new_id())).collect();
    let user = |(index, ((account_id, email), id)): (usize, (&(AccountId, String), &UserId))| UserRow {
        id: *id,
        org_id,
        account_id: *account_id,
        email: email.clone(),
        role: role_of(index).0,
        created_at: tx.now(),
    };
    User::insert_many(tx, members.iter().zip(&ids).enumerate().map(user).collect()).await?;
    let mut profiles = Vec::new();
    let mut settings = Vec::new();
    let mut permissions = Vec::new();
    for (index, &user_id) in ids.iter().enumerate() {
        profiles.push(ProfileRow { user_id, org_id, display_name: person(index), title: title(index) });
        let theme = [Theme::System, Theme::Light, Theme::Dark][index % 3];
        let locale = ["en", "de", "fr", "es"][index % 4].to_owned();
        settings.push(UserSettingsRow { user_id, org_id, theme, locale });
        permissions.extend(role_of(index).1.iter().map(|name| UserPermissionRow {
            id: PermissionId(tx.new_id()),
            org_id,
            user_id,
            name: (*name).to_owned(),
        }));
    }
    Profile::insert_many(tx, profiles).await?;
    UserSettings::insert_many(tx, settings).await?;
    UserPermission::insert_many(tx, permissions).await?;
    Ok(ids)
}

fn person(index: usize) -> String {
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
