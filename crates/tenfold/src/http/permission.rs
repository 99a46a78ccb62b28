//! What a user may be allowed to do, and which role may do it.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::{Arc, Once};

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenfold_data::{ColumnType, Context, Kind, ReadError, Row, Value as Stored};
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;

use super::endpoint::{PERMISSION, ROLES};
use super::{Problem, ServerState};

/// What a user is in an organization. Each role is a set of permissions, which the modules declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whoever founded the organization, and those who are made its equal.
    Owner,
    /// Somebody who runs it.
    Admin,
    /// Somebody who works in it.
    Member,
    /// Somebody who holds just the permissions that they were given by name, a guest for one.
    Custom,
}

impl Role {
    /// Everybody but guests.
    pub const ALL: &'static [Role] = &[Role::Owner, Role::Admin, Role::Member];
    /// Those who run an organization.
    pub const ADMINS: &'static [Role] = &[Role::Owner, Role::Admin];
    /// Its owners alone.
    pub const OWNERS: &'static [Role] = &[Role::Owner];

    /// The role as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::Member => "member",
            Role::Custom => "custom",
        }
    }
}

/// As `derive(TextEnum)` writes it, but for a text that is no role: a newer version may have stored it, or somebody by
/// hand. Whoever has it keeps what they hold by name and nothing else, and nobody's list of users fails over it.
impl ColumnType for Role {
    const KIND: Kind = Kind::Text;

    fn to_value(&self) -> Stored {
        Stored::Text(self.as_str().to_owned())
    }

    fn read(row: &Row<'_>, index: usize) -> Result<Self, ReadError> {
        static TOLD: Once = Once::new();
        let text = row.text(index)?;
        let roles = [Role::Owner, Role::Admin, Role::Member, Role::Custom];
        Ok(roles.into_iter().find(|role| role.as_str() == text).unwrap_or_else(|| {
            TOLD.call_once(|| {
                tracing::warn!(
                    role = text,
                    "a stored role is not known: its users hold only what they were given by name, as with custom"
                );
            });
            Role::Custom
        }))
    }
}

/// Something that a user may be allowed to do. The module whose routes ask for it declares it:
///
/// ```ignore
/// /// See projects and tasks.
/// pub(crate) struct ReadProjects;
///
/// impl Permission for ReadProjects {
///     const NAME: &'static str = "projects.read";
///     const ROLES: &'static [Role] = Role::ALL;
/// }
/// ```
///
/// A route that takes [`Require<ReadProjects>`](Require) makes it known. One that no route asks for needs
/// [`Module::permission`](crate::Module::permission).
pub trait Permission: Send + Sync + 'static {
    /// Its name, as it is stored and shown: `members.read`.
    const NAME: &'static str;
    /// The roles that have it, also in organizations that are older than the permission.
    const ROLES: &'static [Role];
}

/// In a handler's signature: the caller must hold this permission, else 403.
pub struct Require<P>(PhantomData<P>);

impl<P: Permission> FromRequestParts<ServerState> for Require<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Problem> {
        let cx = Context::from_request_parts(parts, state).await?;
        let holds = cx.principal().is_some_and(|principal| principal.permissions.contains(P::NAME));
        if holds { Ok(Require(PhantomData)) } else { Err(Problem::forbidden(P::NAME)) }
    }
}

/// The permissions of all modules of an application.
#[derive(Debug, Default)]
pub struct Permissions {
    all: BTreeMap<String, BTreeSet<String>>,
    of_roles: BTreeMap<&'static str, Arc<BTreeSet<String>>>,
}

/// A permission that a module declares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared {
    pub(crate) name: &'static str,
    pub(crate) roles: &'static [Role],
}

impl Permissions {
    /// Those that the operations of `document` ask for, and those that were declared besides.
    ///
    /// # Errors
    /// When two permissions of one name go to different roles.
    pub(crate) fn collect(document: &OpenApi, declared: &[Declared]) -> anyhow::Result<Self> {
        let mut permissions = Permissions::default();
        for declared in declared {
            permissions
                .add(declared.name, declared.roles.iter().map(|role| role.as_str().to_owned()).collect())?;
        }
        for item in document.paths.paths.values() {
            for operation in super::openapi::operations_of(item) {
                let Some(extensions) = &operation.extensions else { continue };
                let (name, roles) = (extensions.get(PERMISSION), extensions.get(ROLES));
                let (Some(name), Some(roles)) =
                    (name.and_then(Value::as_str), roles.and_then(Value::as_array))
                else {
                    continue;
                };
                permissions.add(name, roles.iter().filter_map(Value::as_str).map(str::to_owned).collect())?;
            }
        }
        permissions.of_roles =
            Role::ALL.iter().map(|role| (role.as_str(), permissions.set_of(*role))).collect();
        Ok(permissions)
    }

    fn add(&mut self, name: &str, roles: BTreeSet<String>) -> anyhow::Result<()> {
        match self.all.get(name) {
            Some(known) => anyhow::ensure!(
                *known == roles,
                "the permission {name} goes to {known:?} in one place and to {roles:?} in another: share one \
                 `impl Permission`, or give the second another name"
            ),
            None => drop(self.all.insert(name.to_owned(), roles)),
        }
        Ok(())
    }

    fn set_of(&self, role: Role) -> Arc<BTreeSet<String>> {
        let held = self.all.iter().filter(|(_, roles)| roles.contains(role.as_str()));
        Arc::new(held.map(|(name, _)| name.clone()).collect())
    }

    /// What users of this role may do; nothing for [`Role::Custom`].
    pub fn of(&self, role: Role) -> Arc<BTreeSet<String>> {
        self.of_roles.get(role.as_str()).cloned().unwrap_or_default()
    }

    /// What a user may do who has a role, and these permissions besides.
    pub fn held<'p>(&self, role: Role, besides: impl Iterator<Item = &'p str>) -> Arc<BTreeSet<String>> {
        let mut held = self.of(role);
        for name in besides {
            if !held.contains(name) {
                Arc::make_mut(&mut held).insert(name.to_owned());
            }
        }
        held
    }
}
