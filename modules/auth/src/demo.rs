//! Demo data: two organizations, people to sign in as, and enough rows to see what a list costs.

use auth_api::{AccountId, UserId};
use tenfold::prelude::*;

use crate::entities::{
    Account, Membership, MembershipId, Organization, Permission, PermissionId, Profile, Settings, Theme, User,
};
use crate::passwords::Passwords;
use crate::users::permissions::OWNER;

/// The password of everybody in the demo.
pub const PASSWORD: &str = "tenfold-demo";

/// An organization that was made, and its users.
pub struct DemoOrganization {
    /// Whose rows are to be made.
    pub id: OrgId,
    /// Its users, the owner first.
    pub users: Vec<UserId>,
}

/// Makes Acme with 1,000 users and Globex with 10; `both@demo.test` is a user of both. Returns nothing if the
/// demo data is there already.
///
/// # Errors
/// When the database refuses.
pub async fn seed(cx: &SystemContext) -> anyhow::Result<Option<Vec<DemoOrganization>>> {
    let known = Account::query().filter(Account::email.eq("owner@acme.test".to_owned())).first(cx).await?;
    if known.is_some() {
        return Ok(None);
    }
    let password_hash = password_hash().await?;
    let made = cx
        .transaction(async |tx| -> Result<_, DataError> {
            let account = |email: &str| Account {
                id: AccountId(tx.new_id()),
                email: email.to_owned(),
                password_hash: password_hash.clone(),
                created_at: tx.now(),
            };
            let both = account("both@demo.test");
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
            let mut organizations = Vec::new();
            for (name, members) in made {
                let organization =
                    Organization { id: OrgId(tx.new_id()), name: name.to_owned(), created_at: tx.now() };
                let organization = organization.insert(tx).await?;
                let users = add_users(&tx.within(organization.id), &members, |index| {
                    demo_permissions(index, members.len())
                })
                .await?;
                let membership = |((account, _), user): (&(AccountId, String), &UserId)| Membership {
                    id: MembershipId(tx.new_id()),
                    account_id: *account,
                    org_id: organization.id,
                    user_id: *user,
                    last_used_at: tx.now(),
                    organization: One::default(),
                };
                Membership::insert_many(tx, members.iter().zip(&users).map(membership).collect()).await?;
                organizations.push(DemoOrganization { id: organization.id, users });
            }
            Ok(organizations)
        })
        .await;
    match made {
        // Another process that was started at the same moment was quicker.
        Err(error) if error.is_conflict() => Ok(None),
        made => Ok(Some(made?)),
    }
}

/// Adds a person to an organization, who signs in with [`PASSWORD`] and may do exactly what `permissions` name:
/// for tests of roles, until people can be invited.
///
/// # Errors
/// When somebody has the address already, or the database refuses.
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
            let account = Account { id: account_id, email: email.clone(), password_hash, created_at: now };
            account.insert(tx).await?;
            let tenant = tx.within(organization);
            let user_id = add_users(&tenant, &[(account_id, email)], |_| permissions).await?[0];
            let membership = Membership {
                id: MembershipId(tx.new_id()),
                account_id,
                org_id: organization,
                user_id,
                last_used_at: now,
                organization: One::default(),
            };
            membership.insert(tx).await?;
            Ok(user_id)
        })
        .await?;
    Ok(user_id)
}

async fn password_hash() -> anyhow::Result<String> {
    let hashed = Passwords::new(1, 1)?.hash(PASSWORD.to_owned()).await;
    hashed.map_err(|problem| anyhow::anyhow!("the demo's password cannot be hashed: {problem:?}"))
}

/// The owner and `both@demo.test`, the first and the last, may do everything, the others one to five things;
/// everybody may see the others.
fn demo_permissions(index: usize, people: usize) -> &'static [&'static str] {
    if index == 0 || index + 1 == people { &OWNER } else { &OWNER[..index % 5 + 1] }
}

async fn add_users<'p>(
    tx: &Tx<'_>,
    members: &[(AccountId, String)],
    permissions_of: impl Fn(usize) -> &'p [&'p str],
) -> Result<Vec<UserId>, DataError> {
    let org_id = tx.tenant();
    let ids: Vec<UserId> = members.iter().map(|_| UserId(tx.new_id())).collect();
    let user = |((account_id, email), id): (&(AccountId, String), &UserId)| User {
        id: *id,
        org_id,
        account_id: *account_id,
        email: email.clone(),
        created_at: tx.now(),
        profile: One::default(),
        settings: One::default(),
        permissions: Many::default(),
    };
    User::insert_many(tx, members.iter().zip(&ids).map(user).collect()).await?;
    let mut profiles = Vec::new();
    let mut settings = Vec::new();
    let mut permissions = Vec::new();
    for (index, &user_id) in ids.iter().enumerate() {
        profiles.push(Profile { user_id, org_id, display_name: person(index), title: title(index) });
        let theme = [Theme::System, Theme::Light, Theme::Dark][index % 3];
        let locale = ["en", "de", "fr", "es"][index % 4].to_owned();
        settings.push(Settings { user_id, org_id, theme, locale });
        permissions.extend(permissions_of(index).iter().map(|name| Permission {
            id: PermissionId(tx.new_id()),
            org_id,
            user_id,
            name: (*name).to_owned(),
        }));
    }
    Profile::insert_many(tx, profiles).await?;
    Settings::insert_many(tx, settings).await?;
    Permission::insert_many(tx, permissions).await?;
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
