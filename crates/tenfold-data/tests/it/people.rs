//! The first fixture module: accounts, which belong to no organization, and an organization's users.

use tenfold_data::{Context, Entity, EntityExt, Many, MigrationFile, ModuleMigrations, One, OrgId, Tx, id};

id!(AccountId);
id!(UserId);
id!(ProfileId);
id!(SettingsId);
id!(PermissionId);

#[derive(Debug, Entity)]
#[entity(table = "people_accounts", unique(email), global = "people of several organizations")]
pub struct Account {
    #[entity(key)]
    pub id: AccountId,
    pub email: String,
    #[entity(has_many(by = account_id))]
    pub users: Many<User>,
}

#[derive(Clone, Debug, Entity)]
#[entity(table = "people_users", tenant = org_id, unique(account_id))]
pub struct User {
    #[entity(key)]
    pub id: UserId,
    pub org_id: OrgId,
    pub account_id: AccountId,
    pub manager_id: Option<UserId>,
    pub name: String,
    #[entity(belongs_to(by = account_id))]
    pub account: One<Account>,
    #[entity(belongs_to(by = manager_id))]
    pub manager: One<User>,
    #[entity(has_one(by = user_id))]
    pub profile: One<Profile>,
    #[entity(has_one(by = user_id))]
    pub settings: One<Settings>,
    #[entity(has_many(by = user_id))]
    pub permissions: Many<Permission>,
}

#[derive(Clone, Debug, Entity)]
#[entity(table = "people_profiles", tenant = org_id)]
pub struct Profile {
    #[entity(key)]
    pub id: ProfileId,
    pub org_id: OrgId,
    pub user_id: UserId,
    pub city: String,
}

#[derive(Clone, Debug, Entity)]
#[entity(table = "people_settings", tenant = org_id)]
pub struct Settings {
    #[entity(key)]
    pub id: SettingsId,
    pub org_id: OrgId,
    pub user_id: UserId,
    pub theme: String,
}

#[derive(Clone, Debug, Entity)]
#[entity(table = "people_permissions", tenant = org_id)]
pub struct Permission {
    #[entity(key)]
    pub id: PermissionId,
    pub org_id: OrgId,
    pub user_id: UserId,
    pub name: String,
}

pub const MIGRATIONS: ModuleMigrations =
    ModuleMigrations { module: "people", files: &[MigrationFile { name: "0001_people.sql", text: TABLES }] };

const TABLES: &str = "
CREATE TABLE people_accounts (id uuid PRIMARY KEY, email text NOT NULL UNIQUE);
CREATE TABLE people_users (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    account_id uuid NOT NULL REFERENCES people_accounts (id),
    manager_id uuid,
    name text NOT NULL CONSTRAINT people_users_named CHECK (name <> ''),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, account_id)
);
CREATE INDEX people_users_by_name ON people_users (org_id, name, id);
CREATE TABLE people_profiles (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    city text NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES people_users (org_id, id)
);
CREATE TABLE people_settings (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    theme text NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, user_id)
);
CREATE TABLE people_permissions (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX people_permissions_by_user ON people_permissions (org_id, user_id, id);
";

/// An account whose address is `name` at example.org.
pub fn account(cx: &Context, name: &str) -> Account {
    Account { id: AccountId(cx.new_id()), email: format!("{name}@example.org"), users: Many::default() }
}

/// A user of the context's organization, with an account that must be stored first.
pub fn user(cx: &Context, account: &Account, name: &str) -> User {
    User {
        id: UserId(cx.new_id()),
        org_id: cx.tenant(),
        account_id: account.id,
        manager_id: None,
        name: name.to_owned(),
        account: One::default(),
        manager: One::default(),
        profile: One::default(),
        settings: One::default(),
        permissions: Many::default(),
    }
}

/// A permission of a user in the transaction's organization.
pub fn permission(tx: &Tx<'_>, user_id: UserId) -> Permission {
    Permission { id: PermissionId(tx.new_id()), org_id: tx.tenant(), user_id, name: "more".to_owned() }
}

/// Stores `count` users named `user 0000`, `user 0001`, … each with a profile, settings and two permissions.
/// Each is managed by the one before.
pub async fn hire(cx: &Context, count: usize) -> Vec<User> {
    let marker = cx.new_id();
    let accounts: Vec<_> = (0..count).map(|n| account(cx, &format!("{marker}-{n}"))).collect();
    let mut users: Vec<_> =
        accounts.iter().enumerate().map(|(n, account)| user(cx, account, &format!("user {n:04}"))).collect();
    for n in 1..count {
        users[n].manager_id = Some(users[n - 1].id);
    }
    let org_id = cx.tenant();
    let of = |user: &User| (cx.new_id(), user.id);
    let profiles: Vec<_> = users
        .iter()
        .map(|user| (of(user), format!("city of {}", user.name)))
        .map(|((id, user_id), city)| Profile { id: ProfileId(id), org_id, user_id, city })
        .collect();
    let settings: Vec<_> = users
        .iter()
        .map(of)
        .map(|(id, user_id)| Settings { id: SettingsId(id), org_id, user_id, theme: "dark".to_owned() })
        .collect();
    let permissions: Vec<_> = users
        .iter()
        .flat_map(|user| ["read", "write"].map(|name| (of(user), name.to_owned())))
        .map(|((id, user_id), name)| Permission { id: PermissionId(id), org_id, user_id, name })
        .collect();
    let stored = cx.transaction(async |tx| {
        Account::insert_many(tx, accounts).await?;
        let users = User::insert_many(tx, users).await?;
        Profile::insert_many(tx, profiles).await?;
        Settings::insert_many(tx, settings).await?;
        Permission::insert_many(tx, permissions).await?;
        Ok::<_, tenfold_data::DataError>(users)
    });
    stored.await.expect("the fixture is stored")
}
