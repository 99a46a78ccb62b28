//! The tables that every peer reads, and what stands in them.

use tenfold_data::{
    Context, DataError, Entity, EntityExt, Many, MigrationFile, ModuleMigrations, One, OrgId, SystemContext,
    Uuid, id,
};

use crate::place::DatabaseUrls;

/// How many users there are in the organizations that are listed.
pub const SIZES: [usize; 3] = [10, 100, 1_000];
/// How many permissions each user has.
const PERMISSIONS: [&str; 3] = ["members.read", "members.invite", "billing.read"];

id!(
    /// A user.
    UserId
);
id!(
    /// A permission of a user.
    PermissionId
);

/// A user with what hangs on them.
#[derive(Debug, Entity)]
#[entity(table = "people_users", tenant = org_id)]
pub struct User {
    /// The key.
    #[entity(key)]
    pub id: UserId,
    /// Whose user it is.
    pub org_id: OrgId,
    /// Where they get mail; the list is sorted by it.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// One row.
    #[entity(has_one(by = user_id))]
    pub profile: One<Profile>,
    /// One row.
    #[entity(has_one(by = user_id))]
    pub settings: One<Settings>,
    /// Three rows.
    #[entity(has_many(by = user_id))]
    pub permissions: Many<Permission>,
}

/// Where a user lives.
#[derive(Debug, Entity)]
#[entity(table = "people_profiles", tenant = org_id)]
pub struct Profile {
    /// The key.
    #[entity(key)]
    pub user_id: UserId,
    /// Whose it is.
    pub org_id: OrgId,
    /// The city.
    pub city: String,
}

/// How a user wants to see things.
#[derive(Debug, Entity)]
#[entity(table = "people_settings", tenant = org_id)]
pub struct Settings {
    /// The key.
    #[entity(key)]
    pub user_id: UserId,
    /// Whose they are.
    pub org_id: OrgId,
    /// The theme.
    pub theme: String,
}

/// What a user may do.
#[derive(Debug, Entity)]
#[entity(table = "people_permissions", tenant = org_id)]
pub struct Permission {
    /// The key.
    #[entity(key)]
    pub id: PermissionId,
    /// Whose it is.
    pub org_id: OrgId,
    /// Who may.
    pub user_id: UserId,
    /// What.
    pub name: String,
}

/// A user as a list shows them; every peer ends with these.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ListedUser {
    /// The user's key.
    pub id: Uuid,
    /// What they are called.
    pub name: String,
    /// From the profile.
    pub city: String,
    /// From the settings.
    pub theme: String,
    /// The names of the permissions, in the order of their keys.
    pub permissions: Vec<String>,
}

const MIGRATIONS: ModuleMigrations = ModuleMigrations {
    module: "people",
    files: &[MigrationFile { name: "0001_people.sql", text: include_str!("people.sql") }],
};

/// The organization with so many users.
pub fn organization(size: usize) -> OrgId {
    OrgId(Uuid::from_u128(size as u128))
}

/// Makes the tables and their rows.
///
/// # Errors
/// When the database refuses something.
pub async fn prepare(place: &DatabaseUrls) -> anyhow::Result<()> {
    let database = place.database(Vec::new())?;
    database.migrate(&[tenfold_jobs::job_migrations(), MIGRATIONS]).await?;
    for size in SIZES {
        let fill = database
            .run(None, async |system: SystemContext| fill(&system.within(organization(size)), size).await);
        fill.await?;
    }
    database.close().await;
    // Without statistics SQLite reads all permissions of an organization to give one user's in the order of their key.
    place.analyze().await
}

async fn fill(cx: &Context, size: usize) -> Result<(), DataError> {
    let org_id = cx.tenant();
    let users: Vec<User> = (0..size).map(|n| user(cx, n)).collect();
    let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
    let profile =
        |(n, user_id): (usize, &UserId)| Profile { user_id: *user_id, org_id, city: format!("city {n}") };
    let profiles = ids.iter().enumerate().map(profile).collect();
    let settings = ids.iter().map(|id| Settings { user_id: *id, org_id, theme: "dark".to_owned() }).collect();
    let permission = |user_id: UserId, name: &str| Permission {
        id: PermissionId(cx.new_id()),
        org_id,
        user_id,
        name: name.to_owned(),
    };
    let permissions =
        ids.iter().flat_map(|id| PERMISSIONS.map(|name| permission(*id, name))).collect::<Vec<_>>();
    cx.transaction(async |tx| {
        User::insert_many(tx, users).await?;
        Profile::insert_many(tx, profiles).await?;
        Settings::insert_many(tx, settings).await?;
        Permission::insert_many(tx, permissions).await.map(drop)
    })
    .await
}

/// The `n`th user of the context's organization, not stored yet.
pub fn user(cx: &Context, n: usize) -> User {
    User {
        id: UserId(cx.new_id()),
        org_id: cx.tenant(),
        email: format!("user{n:05}@example.org"),
        name: format!("User {n}"),
        profile: One::default(),
        settings: One::default(),
        permissions: Many::default(),
    }
}
