//! What a user may be allowed to do, and which role may do it.

use std::marker::PhantomData;
use std::sync::Once;

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use tenfold_data::{ColumnType, Context, Kind, ReadError, Row, Value as Stored};
use utoipa::ToSchema;

use super::problem::Problem;
use super::state::ServerState;

/// A user's role in an organization. Each role is a set of permissions, which the modules declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The founder of the organization, and users who are given the same role.
    Owner,
    /// Runs the organization.
    Admin,
    /// Works in the organization.
    Member,
    /// Has only the permissions granted by name, such as a guest.
    Custom,
}

impl Role {
    /// All roles except `Custom`.
    pub const ALL: &'static [Role] = &[Role::Owner, Role::Admin, Role::Member];
    /// The roles that run an organization.
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

/// As `derive(TextEnum)` writes it, except for an unknown role, which a newer version or a manual change may have
/// stored. It reads as `Custom`: the user keeps the permissions granted by name and nothing else, and lists of users
/// still load.
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

/// Something that a user may be allowed to do. The module whose routes require it declares it:
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
/// A route that takes [`Require<ReadProjects>`](Require) registers it. A permission that no route
/// requires needs [`Module::permission`](crate::Module::permission).
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
